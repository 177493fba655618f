"""What has to be beaten on records of several kinds. Part of ``write.py``; how: in ``image_bars.py``."""

from __future__ import annotations

from bars import high
from table_rules import Rule, at_least, over

SCRIPT, PEER = "records.py", "logistic regression"
MINUTES = (10, 8, 5, 3, 2)  # of a fit; a bar is that of ten, the others are shown where they were measured
SOUND = "a spoken digit given a written one: the same digit, by a classifier of real ones (higher; chance .10)"
IMAGE = "a written digit given a spoken one: the same digit, by a classifier of real ones (higher; chance .10)"
SWAPPED = 'rows with the sound of another digit, asked for by fields (`by="fields"`), AUROC (higher)'
RATING = "the rating of a review from all else, share told right (higher; within a point of logistic regression)"
PAIRS, REVIEWS = ([f"{name} {m:g} min" for m in MINUTES] for name in ("mnist_with_speech", "clothing_reviews"))
RULES = (
    *(Rule("pairs", "sound_given_image", SOUND, high, "≥ .85", at_least(0.85), name, "chance") for name in PAIRS),
    *(Rule("pairs", "image_given_sound", IMAGE, high, "≥ .85", at_least(0.85), name, "chance") for name in PAIRS),
    *(Rule("pairs", "auroc", SWAPPED, high, "≥ .95", at_least(0.95), name, "chance") for name in PAIRS),
    *(
        Rule("rating", "accuracy", RATING, high, "≥ logistic regression − .01", over(PEER, by=-0.01), name, PEER)
        for name in REVIEWS
    ),
)
DETAILS = {  # task → metrics that are shown
    "pairs": (
        "sound_given_image",
        "image_given_sound",
        "together",
        "auroc",
        "auroc_by_row",
        "judge_image",
        "judge_sound",
        "steps",
    ),
    "rating": ("accuracy", "no_text", "no_table", "no_recommended", "steps"),
}
