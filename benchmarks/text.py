"""Texts: likelihoods, ours beside language models without a latent.

    python benchmarks/text.py [--tasks nll,layer,bits] [--methods vaery] [--seeds 1] [--minutes 15] [--threads 2]

Every (task, texts and minutes, method, seed) is one line in ``benchmarks/results/text.jsonl``; what is there already is
not measured again. ``--minutes``: of each fit, ours and the language model's. ``--rows``: test texts that get many
draws. ``--quick``: few texts, fits of five seconds, not kept.
"""

from __future__ import annotations

import image_nll
import numpy as np
import text_layer
import text_peers as peers
import torch
from common import Clock, data
from image_task import Asked
from suite import Kind, run
from task import Task

ROWS = 60
FEW, MANY = 5, 500  # draws of the latent: for all test texts, and for some
SCORED = 5000  # test sentences of yelp


def splits(asked: Asked, name: str) -> dict[str, list[str]]:
    """``train`` and ``test`` of a data set; test texts decide nothing."""
    if name == "ptb":
        found = {part: [line.strip() for line in lines] for part, lines in data(asked.data).ptb().items()}
    else:
        table = data(asked.data).yelp_sentences()
        found = {part: table.text[table.split == part].tolist() for part in ("train", "test")}
        found["test"] = [found["test"][i] for i in image_nll.evenly(len(found["test"]), SCORED)]
    return {part: texts[: 2000 if part == "train" else 100] for part, texts in found.items()} if asked.quick else found


def field(asked: Asked, name: str, texts: list[str]) -> object:
    """How texts are cut, for every contestant: PTB into the words of its own vocabulary, yelp into learned pieces."""
    from vaery import describe

    return describe(texts, tokens="words" if name == "ptb" else "auto")[0]


def nll(asked: Asked) -> Task:
    """Nats for each sentence of PTB, its end included."""
    few, many, rows = (2, 10, 10) if asked.quick else (FEW, MANY, asked.rows or ROWS)

    def ours(x: dict, seed: int) -> dict:
        model, took = asked.fit("ptb", x["train"], seed, tokens="words")
        with Clock() as clock:
            some = image_nll.evenly(len(x["test"]), rows)
            bounds = {few: image_nll.scored(model, x["test"], few)}
            bounds |= image_nll.many(model, np.array(x["test"], object)[some].tolist(), (many,), few)
        return {**took, **image_nll.summed(bounds, some), **latent(model, x["test"][:1000]),
                "score_seconds": clock.wall, **image_nll.shape(model)}  # fmt: skip

    def alone(x: dict, seed: int) -> dict:
        net, value, took = peers.language_model(asked, field(asked, "ptb", x["train"]), x["train"], x["test"], seed)
        return {**took, "nll": -float(np.mean(peers.scores(net, value)))}

    def counted(x: dict, seed: int) -> dict:
        return {"nll": -peers.ngrams(field(asked, "ptb", x["train"]), x["train"], x["test"]) / len(x["test"])}

    methods = {"vaery": ours, "language model": alone, "runs of four": counted}
    config = {**asked.config, "data": "ptb", "draws": [few, many], "rows": rows}
    once = frozenset({"runs of four"})
    return Task("nll", config, lambda seed: splits(asked, "ptb"), methods, once, data=asked.name("ptb"))


def latent(model: object, texts: list[str]) -> dict:
    """What the latent carries: divergence in nats, and units whose mean differs between texts."""
    from vaery.core.random import Random
    from vaery.jobs.explain import ACTIVE, measure

    with torch.no_grad():
        units = measure(model.joint_, model.schema_.pack(texts), Random(0))  # type: ignore[attr-defined]
    return {"kl": units.total, "active": int((units.moved > ACTIVE).sum()), "units": len(units.moved)}


def bits(asked: Asked) -> Task:
    """Bits for each byte of yelp's sentences, with a line end each."""
    size = lambda texts: sum(len(text.encode()) + 1 for text in texts) * np.log(2)

    def ours(x: dict, seed: int) -> dict:
        model, took = asked.fit("yelp", x["train"], seed)
        with Clock() as clock:
            scores = image_nll.scored(model, x["test"], FEW)
        return {**took, "bits_per_byte": -float(scores.sum() / size(x["test"])), **latent(model, x["test"][:1000]),
                "score_seconds": clock.wall, **image_nll.shape(model)}  # fmt: skip

    def alone(x: dict, seed: int) -> dict:
        net, value, took = peers.language_model(asked, field(asked, "yelp", x["train"]), x["train"], x["test"], seed)
        return {**took, "bits_per_byte": -float(np.sum(peers.scores(net, value)) / size(x["test"]))}

    def bigram(x: dict, seed: int) -> dict:
        found = peers.bigram(field(asked, "yelp", x["train"]), x["train"], x["test"])
        return {"bits_per_byte": -float(found / size(x["test"]))}

    def counted(x: dict, seed: int) -> dict:
        found = peers.ngrams(field(asked, "yelp", x["train"]), x["train"], x["test"])
        return {"bits_per_byte": -float(found / size(x["test"]))}

    methods = {"vaery": ours, "language model": alone, "bigram": bigram, "runs of four": counted,
               "xz": lambda x, seed: {"bits_per_byte": peers.xz(x["test"])}}  # fmt: skip
    config = {**asked.config, "data": "yelp", "draws": FEW, "scored": SCORED}
    once = frozenset({"bigram", "runs of four", "xz"})
    return Task("bits", config, lambda seed: splits(asked, "yelp"), methods, once, data=asked.name("yelp_sentences"))


TASKS = {
    "nll": Kind(lambda asked, name: nll(asked), ("ptb",), (15.0,), seeds=1),
    "layer": Kind(text_layer.layer, ("ptb",), (15.0,), seeds=1),
    "bits": Kind(lambda asked, name: bits(asked), ("yelp_sentences",), (15.0,), seeds=1),
}

if __name__ == "__main__":
    run(__doc__, "text", TASKS)
