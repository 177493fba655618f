"""From choices to a model: which members stand where. The only place that puts a joint together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Density
from vaery.core.errors import ChoiceError
from vaery.core.features import Features, Unread
from vaery.core.field import Field
from vaery.core.members import member
from vaery.core.memory import keep_freed
from vaery.core.random import isolated
from vaery.core.stop import Same, Stop
from vaery.ensemble import Ensemble
from vaery.joint import Joint
from vaery.labels.judge import read_by
from vaery.labels.reader import JUDGE, Reader
from vaery.nets.ladder import Leave
from vaery.nets.merge import Merge
from vaery.nets.ppca import COARSE, PPCAMixture
from vaery.nets.private import PrivatePosterior
from vaery.nets.ratio import RATIO, Ratio
from vaery.nets.trees import DISCRIMINATOR, Boosted

READER_WIDTH = 256  # of the networks that read labels


@dataclass(frozen=True)
class Choices:
    """Everything that decides the shape of a model, as plain data; a model file holds it.

    Attributes:
        latent: size of each level, top level first.
        prior, posterior: ``{"name": member, **options}``; the prior is the top level's, lower levels have "normal".
        first: fields visited before the latent.
        width, depth, dropout: of the networks, by field; width is the same for all.
        readers: fields visited before the latent that have a :class:`~vaery.labels.reader.Reader` for a posterior.
        coarse: size, components and factors of the mixture that sees a field from afar, by field
            (:class:`~vaery.nets.ppca.PPCAMixture`).
        judges: labels of which it is told whether a row looks like its own (:mod:`vaery.labels.judge`).
        discriminator: rounds and depth of the trees that tell made rows from real ones (:mod:`vaery.discriminator`);
            none: there are no such trees.
        ratios: fields of which it is told whether they go with the others (:class:`~vaery.nets.ratio.Ratio`).
        own: how many levels of its own a field has, by field, below those that all fields hang on.
        private: size of the latent that a field has for itself, by field: one plain level in front of its decoder.
        members: the prior of each member of an ensemble; none: it is a single model.
    """

    latent: tuple[int, ...] = (16,)
    prior: Mapping[str, Any] = field(default_factory=lambda: {"name": "normal"})
    posterior: Mapping[str, Any] = field(default_factory=lambda: {"name": "gaussian"})
    first: tuple[str, ...] = ()
    width: int = 256
    depth: Mapping[str, int] = field(default_factory=dict)
    dropout: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, int] = field(default_factory=dict)
    private: Mapping[str, int] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    coarse: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    judges: tuple[str, ...] = ()
    discriminator: tuple[int, ...] = ()
    members: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Choices:
        listed = ("latent", "first", "readers", "ratios", "judges", "discriminator", "members")
        names = {name: tuple(data.get(name, ())) for name in listed}
        coarse = {name: tuple(shape) for name, shape in data.get("coarse", {}).items()}
        return cls(**{**data, **names, "coarse": coarse})


def build(fields: Sequence[Field], choices: Choices, seed: int = 0) -> Joint:
    """Put a model together, with weights initialised from ``seed``."""
    keep_freed()  # a model is what asks for memory again and again
    with isolated(seed):
        joint = _together(fields, choices)
        joint.aside.update({RATIO + name: Ratio(sum(choices.latent)) for name in choices.ratios})
        joint.aside.update({COARSE + name: PPCAMixture(*shape) for name, shape in choices.coarse.items()})
        for name in choices.judges:
            joint.aside[JUDGE + name] = judge(joint.fields[name], read_by(fields, name))
        if choices.discriminator:
            joint.aside[DISCRIMINATOR] = Boosted(*choices.discriminator, classes=2)
    return joint


def _together(fields: Sequence[Field], choices: Choices) -> Joint:
    """The joint, or that of several members."""
    if not choices.members:
        return _build(fields, choices)
    return Ensemble([_build(fields, replace(choices, prior=prior)) for prior in choices.members])


def _build(fields: Sequence[Field], choices: Choices) -> Joint:
    kinds = {f.name: member("kinds", f.kind) for f in fields}
    _check_first(choices.first, {f.name: f.kind for f in fields})
    net = {
        f.name: {"width": choices.width, "depth": choices.depth[f.name], "dropout": choices.dropout[f.name]}
        for f in fields
    }
    # A field before the latent reaches the latent through the context; its own posterior must not see it.
    encoded = [f for f in fields if f.name not in choices.first] or list(fields)
    encoders = {f.name: kinds[f.name].encoder(f, **net[f.name]) for f in encoded if f.name not in choices.own}
    stops, context = [], 0
    ahead, after = [f for f in fields if f.name in choices.first], [f for f in fields if f.name not in choices.first]
    carried = min(32, choices.width)
    for f in ahead:
        decoder = kinds[f.name].decoder(f, context, **net[f.name])
        classifier = kinds[f.name].decoder(f, context + choices.width, **net[f.name])
        guess: nn.Module = FieldPosterior(classifier, len(encoded), choices.width)
        if f.name in choices.readers:
            guess = reader(f, encoded)
        stops.append(Stop(f.name, decoder, guess, carry=kinds[f.name].carry(f, carried)))
        context += carried
    for i, size in enumerate(choices.latent):
        shape = {"size": size, "context": context}
        posterior = _member("posteriors", choices.posterior, **shape, fields=len(encoded), features=choices.width)
        chosen = choices.prior if i == 0 else {"name": "normal"}
        prior = _member("priors", chosen, **shape, posterior=posterior, fields=len(encoded), features=choices.width)
        name = "z" if len(choices.latent) == 1 else f"z{i + 1}"
        carry = getattr(posterior, "carry", Same)()  # a posterior may say what later stops see, of a size of its own
        stops.append(Stop(name, prior, posterior, latent=True, carry=carry))
        context += getattr(carry, "size", size)
    for f in after:
        size = choices.private.get(f.name, 0)
        if f.name not in choices.own and not size:
            stops.append(Stop(f.name, kinds[f.name].decoder(f, context, **net[f.name])))
            continue
        if size:
            stops += _apart(
                f.name, size, context, choices.width, kinds[f.name].decoder(f, context + size, **net[f.name])
            )
            continue
        encoders[f.name], levels, decoder = kinds[f.name].climb(f, context, choices.own[f.name], **net[f.name])
        for i, level in enumerate(levels):
            stops.append(
                Stop(f"{f.name}.z{i + 1}", level.prior, level.posterior, True, onward=level.onward, owner=f.name)
            )
        stops.append(Stop(f.name, decoder, onward=Leave(context)))
    if not any(stop.reads for stop in stops):
        encoders = {f.name: Unread(choices.width) for f in encoded}
    return Joint(fields, stops, {f.name: encoders[f.name] for f in encoded})


def _check_first(first: Sequence[str], kinds: Mapping[str, str]) -> None:
    """Only fields that are there, of a kind that later stops can see a value of, stand before the latent."""
    for name in first:
        if name not in kinds:
            raise ChoiceError(f"first={name!r} names no field; there is: {', '.join(kinds)}")
        if not hasattr(member("kinds", kinds[name]), "carry"):
            raise ChoiceError(f"first={name!r}: a field of kind {kinds[name]} cannot be visited before the latent")


def _apart(name: str, size: int, context: int, width: int, decoder: nn.Module) -> list[Stop]:
    """A level of a field's own, whose prior hangs on the shared ones, and the field."""
    prior = member("priors", "normal")(size, context)
    posterior = PrivatePosterior(prior, name, size, context, width)
    level = Stop(f"{name}.z1", prior, posterior, latent=True, carry=Same(), owner=name)
    return [level, Stop(name, decoder, onward=Leave(context))]


def judge(label: Field, others: Sequence[Field]) -> Reader:
    """A reader of which nothing but its network is used."""
    return reader(label, others, simple=False)


def reader(label: Field, others: Sequence[Field], simple: bool = True) -> Reader:
    """What reads a label off the other fields, with networks of its own, and ``simple`` readers beside them."""
    nets, plain = {}, {}
    for f in others:
        kind = member("kinds", f.kind)
        nets[f.name] = (
            kind.reader(f, READER_WIDTH) if hasattr(kind, "reader") else kind.encoder(f, READER_WIDTH, 1, 0.1)
        )
        if simple and hasattr(kind, "plain"):
            plain[f.name] = kind.plain(f)
    with torch.no_grad():
        empty = [m(torch.zeros(1, *f.event), None) for f in others if (m := plain.get(f.name)) is not None]
    return Reader(label, nets, plain, sum(columns.shape[1] for columns in empty), READER_WIDTH)


def _member(family: str, chosen: Mapping[str, Any], **shape: Any) -> Any:
    options = {k: v for k, v in chosen.items() if k != "name"}
    try:
        return member(family, chosen["name"])(**shape, **options)
    except TypeError as error:
        raise ChoiceError(f"{family[:-1]} {chosen['name']!r} does not take these options: {error}") from error


class FieldPosterior(nn.Module):
    """q(field | what is known): for a field visited before the latent. The field's own decoder, fed with features.

    Args:
        decoder: context ``[S, B, F + C]`` → Density of the field.
        fields, width: N and F of the features.
    """

    def __init__(self, decoder: nn.Module, fields: int, width: int) -> None:
        super().__init__()
        self.merge, self.decoder = Merge(fields, width), decoder

    def forward(self, features: Features, context: Tensor) -> Density:
        merged = self.merge(features.values, features.present).expand(len(context), -1, -1)
        return self.decoder(torch.cat([merged, context], -1))
