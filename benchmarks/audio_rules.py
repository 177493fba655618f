"""What has to be beaten on sound. Part of ``write.py``; how it is decided is in ``image_bars.py``."""

from __future__ import annotations

from bars import high, low
from table_rules import Rule, at_least

SCRIPT = "audio.py"
MINUTES = (10, 8, 6, 5, 4, 3, 2)  # of a fit; a bar is that of ten, the others are shown where they were measured
DIGITS = (
    "new sounds given the digit, accuracy of a classifier of real clips (higher) - how a prior is fitted, and how "
    "many the judge doubts, was found while looking at these clips"
)
DISTANCE = "clips there and back, log-mel distance in dB (lower)"
ENCODE = "encoding on one core, times real time (higher)"
DECODE = "decoding on one core, phases included, times real time (higher)"
STREAM = "noise taken off while it comes in, on one core, times real time (higher)"
HEARD = "noise of .02 taken off while it comes in, log-mel distance to the clean clips in dB (lower)"
PROBE = (
    "digit of an unheard speaker by logistic regression on the latent, accuracy (higher) - how many rows have moments "
    "in training was chosen while looking at this speaker"
)
FSDD = tuple(f"fsdd {m:g} min" for m in MINUTES)
SUBTRACTED = "spectral subtraction, noise known"
OPUS = "Opus 8 kbit/s"
RULES = (
    *(Rule("digits", "accuracy", DIGITS, high, "≥ .85", at_least(0.85), name, "Griffin-Lim of real clips")
      for name in FSDD),
    *(Rule("codec", "distance", DISTANCE, low, "below Opus at 8 kbit/s", lambda of: of["vaery"] < of[OPUS], name, OPUS,
           beside="bits_per_second") for name in FSDD),
    *(Rule("codec", "encode_real_time", ENCODE, high, "≥ 20", at_least(20), name, OPUS) for name in FSDD),
    *(Rule("codec", "decode_real_time", DECODE, high, "≥ 20", at_least(20), name, OPUS) for name in FSDD),
    *(Rule("stream", "real_time", STREAM, high, "≥ 1", at_least(1), name, "vaery, clip by clip") for name in FSDD),
    *(Rule("stream", "distance", HEARD, low, "below spectral subtraction", lambda of: of["vaery"] < of[SUBTRACTED],
           name, SUBTRACTED, beside="delay") for name in FSDD),
    *(Rule("probe", "accuracy", PROBE, high, "≥ .95", at_least(0.95), name, "log-mel PCA") for name in FSDD),
)  # fmt: skip
DETAILS = {  # task → metrics that are shown
    "digits": ("accuracy", "worst", "real_time", "steps"),
    "codec": ("distance", "bits_per_second", "encode_real_time", "decode_real_time", "steps"),
    "probe": ("accuracy", "told", "steps"),
    "stream": ("distance", "delay", "real_time", "longest_block", "steps"),
}
