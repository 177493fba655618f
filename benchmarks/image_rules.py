"""What has to be beaten on images. Part of ``write.py``; how it is decided is in ``image_bars.py``.

``only`` of a rule is the whole name of what it is measured on: images and minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from bars import OURS, high, low
from table_rules import REAL, Means, Rule, at_most, over


def under(*others: str) -> Callable[[Means], bool]:
    return lambda of: all(of[OURS] < of[other] for other in others)


def above(*others: str, by: float = 0.0) -> Callable[[Means], bool]:
    return lambda of: all(of[OURS] >= of[other] + by for other in others)


def half_of_vae(of: Means) -> bool:
    """At most half of the VAE that draws from N(0, I), and at most the autoencoder with a mixture fitted afterwards."""
    return of[OURS] <= min(of["pythae VAE"] / 2, of["pythae RAE-L2 + GMM"])


STATIC = "mnist_static_binarized"
NLL = ("nll", "nll", "test NLL, importance-weighted with k = 5000, nats (lower)", low)
BITS = ("bits", "bits_per_dim", "8-bit images, bits a dimension (lower)", low)
FID = ("quality", "fid", "samples, Fréchet distance of classifier features (lower)", low)
COVERAGE = ("quality", "coverage", "samples, coverage (higher)", high)
CODECS = ("below PNG and WebP", under("PNG", "WebP"))
RULES = (
    Rule(*NLL, "≤ 85.0", at_most(85.0), f"{STATIC} 10 min"),
    Rule(*NLL, "≤ 82.5", at_most(82.5), f"{STATIC} 60 min"),
    Rule(*NLL, "≤ 79.5", at_most(79.5), f"{STATIC} 30 min cuda"),
    Rule(*BITS, *CODECS, "fashion_mnist 30 min", "WebP"),
    Rule(*BITS, *CODECS, "cifar10_subset 30 min", "WebP"),
    Rule(*BITS, "≤ 4.7", at_most(4.7), "cifar10_subset 30 min"),
    *(
        rule
        for name in ("mnist 10 min", "fashion_mnist 10 min")
        for rule in (
            Rule(*FID, "≤ half of pythae VAE, ≤ pythae RAE-L2 + GMM", half_of_vae, name, REAL),
            Rule(*COVERAGE, "≥ .90 of real rows", over(REAL, times=0.9), name, REAL, beside="density"),
        )
    ),
)

DETAILS = {  # task → metrics that are shown for each data set
    "nll": ("nll", "nll_1", "nll_100", "nll_1000", "nll_5000"),
    "bits": ("bits_per_dim", "bare_bits_per_dim"),
    "quality": ("fid", "density", "coverage", "sample_seconds"),
}
