"""Sound: new spoken digits, the loudness that comes back beside a codec's, digits read off the latent.

    python benchmarks/audio.py [--tasks digits,codec,probe,stream] [--datasets fsdd] [--methods vaery] [--seeds 3]
                               [--minutes 10]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/audio.jsonl``; what is there already
is not measured again. One fit of ours serves the tasks of a run, but for ``probe``. ``--minutes`` is the time of
each fit. ``--steps`` and ``--quick`` as in ``images.py``. ``codec`` wants ffmpeg.
"""

from __future__ import annotations

import audio_stream
import audio_tasks
from suite import Kind, run

TASKS = {
    "digits": Kind(audio_tasks.digits, ("fsdd",)),
    "codec": Kind(audio_tasks.codec, ("fsdd",)),
    "probe": Kind(audio_tasks.probe, ("fsdd",)),
    "stream": Kind(audio_stream.stream, ("fsdd",)),
}


if __name__ == "__main__":
    run(__doc__, "audio", TASKS)
