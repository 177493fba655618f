"""Images: densities, samples and every job, ours beside the programs made for it.

    python benchmarks/images.py [--tasks nll,bits,quality,…] [--datasets mnist] [--methods vaery] [--seeds 3]
                                [--minutes 10,60] [--device cuda]

Every (task, images and minutes, method, seed) is one line in ``benchmarks/results/images.jsonl``; what is there already
is not measured again, so a run that was cut off goes on where it stopped. ``--minutes`` is the time of each fit, ours
and a peer's (default: what the bars of a task name). ``--steps``: fits of ours of just so many steps, which give the
same bytes each time; as the minutes do, they become part of the name. ``--quick``: few images, fits of five seconds
(``--minutes`` or ``--steps`` change that), not kept. The peers need ``python benchmarks/peers.py`` once.
"""

from __future__ import annotations

import image_augment
import image_bits
import image_classes
import image_denoise
import image_disentangle
import image_inpaint
import image_map
import image_nll
import image_ood
import image_quality
import image_speed
from suite import Kind, run

TASKS = {
    "nll": Kind(image_nll.task, image_nll.DATA, (10.0, 60.0)),
    "bits": Kind(image_bits.task, image_bits.DATA),
    "quality": Kind(image_quality.task, image_quality.DATA),
    "classes": Kind(image_classes.task, image_classes.DATA),
    "inpaint": Kind(image_inpaint.task, image_inpaint.DATA),
    "denoise": Kind(image_denoise.task, image_denoise.DATA, (6.0,)),
    "ood": Kind(image_ood.task, image_ood.DATA),
    "augment": Kind(image_augment.task, image_augment.DATA),
    "map": Kind(image_map.task, image_map.DATA),
    "disentangle": Kind(image_disentangle.task, image_disentangle.DATA, seeds=5),
    "speed": Kind(image_speed.task, image_speed.DATA),
}


if __name__ == "__main__":
    run(__doc__, "images", TASKS)
