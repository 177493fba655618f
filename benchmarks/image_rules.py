"""What has to be beaten on images. Part of ``write.py``; how it is decided is in ``image_bars.py``.

``only`` of a rule is the whole name of what it is measured on: images and minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from bars import OURS, high, low
from table_rules import REAL, Means, Rule, at_least, at_most, over


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
FILTERS = ("total variation", "non-local means")
NINETY_SEVEN = ("≥ .97", at_least(0.97))
CLASSIFIED, WITHIN = (
    "class-conditional samples, share of the class asked for - how many the judge doubts was settled on these rows",
    "≤ .05",
)
LOST = "the same, coverage lost against samples without a class"
THIRTY_MORE = (high, "≥ PCA + .30", over("PCA", by=0.3), "mnist 10 min", "PCA")
MIG = ("disentangle", "mig", "mutual information gap, β-TCVAE, median (higher)", high)
SPRITES = "sprites_like 10 min"
TIMES = "rows a CPU second over pythae's"
RULES = (
    Rule(*NLL, "≤ 85.0", at_most(85.0), f"{STATIC} 10 min"),
    Rule(*NLL, "≤ 82.5", at_most(82.5), f"{STATIC} 60 min"),
    Rule(*NLL, "≤ 79.5", at_most(79.5), f"{STATIC} 30 min cuda"),
    Rule(*BITS, *CODECS, "fashion_mnist 10 min", "WebP"),  # a third of the time that the bars allow
    Rule(*BITS, *CODECS, "cifar10_subset 10 min", "WebP"),
    Rule(*BITS, "≤ 4.7", at_most(4.7), "cifar10_subset 10 min"),
    *(
        rule
        for name in ("mnist 10 min", "fashion_mnist 10 min")
        for rule in (
            Rule(*FID, "≤ half of pythae VAE, ≤ pythae RAE-L2 + GMM", half_of_vae, name, REAL),
            Rule(*COVERAGE, "≥ .90 of real rows", over(REAL, times=0.9), name, REAL, beside="density"),
        )
    ),
    Rule("classes", "right", CLASSIFIED, high, "≥ .98", at_least(0.98), "mnist 10 min", REAL),
    Rule("classes", "coverage_lost", LOST, low, WITHIN, at_most(0.05), "mnist 10 min", beside="coverage"),
    Rule(
        *("inpaint", "agreement", "lower half hidden, classifier agrees with the truth (higher)", high),
        *("above the others", above("mean", "kNN", "masked autoencoder"), "mnist 10 min", REAL),
        beside="diversity",
    ),
    *(
        Rule(
            *("denoise", f"psnr_{sigma}", f"noise of σ = {sigma}, PSNR in dB (higher)", high),
            *("≥ total variation and non-local means + 1", above(*FILTERS, by=1.0), "fashion_mnist 6 min", "noisy"),
        )
        for sigma in (25, 50)
    ),
    Rule("ood", "auroc", "other images, AUROC (higher)", high, *NINETY_SEVEN, "fashion_mnist against mnist 10 min"),
    Rule("ood", "auroc", "one digit against nine, mean of ten, AUROC", high, *NINETY_SEVEN, "mnist one-class 10 min"),
    *(
        Rule(
            *("augment", "accuracy", "20 real images a class, accuracy of a classifier (higher)", high),
            *("≥ flips and shifts, ≥ mixup", above("flips and shifts", "mixup"), name, "none"),
        )
        for name in ("mnist 10 min", "fashion_mnist 10 min")
    ),
    Rule("map", "knn_2d", "kNN accuracy in 2-D, a latent of two numbers", *THIRTY_MORE),
    Rule("map", "knn_2d", "the same, where `map` puts test images (t-SNE of 16 numbers)", *THIRTY_MORE, by="vaery map"),
    Rule("map", "probe_16d", "linear probe in 16-D", high, "≥ PCA + .02", over("PCA", by=0.02), "mnist 10 min", "PCA"),
    Rule(*MIG, "≥ .30", at_least(0.3), SPRITES),
    Rule(*MIG, "≥ plain VAE + .15", over("plain VAE", by=0.15), SPRITES, "plain VAE"),
    Rule("speed", "train_fp32_ratio", f"training, fp32, {TIMES}", high, "≥ 1.1", at_least(1.1), "mnist"),
    Rule("speed", "train_bf16_ratio", f"training, bf16, {TIMES}", high, "≥ 1.7", at_least(1.7), "mnist"),
    Rule("speed", "sample_fp32_ratio", f"sampling, fp32, {TIMES}", high, "≥ 1", at_least(1.0), "mnist"),
    Rule("speed", "sample_bf16_ratio", f"sampling, bf16, {TIMES}", high, "≥ 2", at_least(2.0), "mnist"),
)
MEDIANS = ("disentangle",)  # tasks whose scores are a distribution over seeds with long tails

DETAILS = {  # task → metrics that are shown for each data set
    "nll": ("nll", "nll_1", "nll_100", "nll_1000", "nll_5000"),
    "bits": ("bits_per_dim", "bare_bits_per_dim"),
    "quality": ("fid", "density", "coverage", "sample_seconds"),
    "classes": ("right", "coverage", "free_coverage", "sample_seconds"),
    "inpaint": ("agreement", "diversity", "rmse"),
    "denoise": ("psnr_25", "psnr_50"),
    "ood": ("auroc", "lowest"),
    "augment": ("accuracy",),
    "map": ("knn_2d", "probe_16d"),
    "disentangle": ("mig", "active"),
    "speed": tuple(f"{what}_{who}" for what in ("train", "sample") for who in ("ours-fp32", "ours-bf16", "pythae")),
}
