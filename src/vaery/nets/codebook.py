"""A latent that is a sequence of noisy codes, one for each token, and a language model over such sequences."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.density import Density, keep_known, masked
from vaery.core.errors import ChoiceError, QueryError
from vaery.core.gaussian import LOG_2PI, Gaussian
from vaery.core.random import Random
from vaery.core.raw import full_precision
from vaery.core.tokens import END, PAD
from vaery.nets.recurrent import ragged

UNKNOWN = -1  # a place of which nothing is known
GROUP = 4  # units for each place
START, BOUND = -2.5, 4.0  # of log-scales; means are about one apart: codes are not to be taken for others


class Codebook(nn.Module):
    """z = (z_1, …, z_K), ``group`` units each; z_k is N(μ_c, σ_c²) about the code c of the token at place k.

    Where the token is not known it is drawn: p(z_k | z_<k) = Σ_c π_c(z_<k) N(z_k; μ_c, σ_c²), a mixture over the whole
    book whose weights a gated recurrent network tells (mixtures over time: Graves, 2013). With nothing known this is a
    prior, with all known a posterior, and the one is a mixture of just what the other is made of: no nat is lost
    between them, as it is where a Gaussian has to hold what a sequence says. After the end of a sequence there is
    nothing, and the network does not read on: a place is the end where no code is likelier to have made z_k.

    Args:
        size: Z, of the latent: a multiple of ``group``, or less than that.
        context: C, of what earlier stops carry.
        codes: how many tokens there are.
        group: units for each place.
        hidden: of the network.
        ends: codes are those of tokens: after :data:`~vaery.core.tokens.END` there is nothing.

    Raises:
        ChoiceError: the size is no multiple of the group.
    """

    def __init__(self, size: int, context: int, codes: int, group: int, hidden: int, ends: bool = False) -> None:
        super().__init__()
        self.ends = ends
        self.group = min(group, size)
        if size % self.group:
            raise ChoiceError(f"latent={size} cannot be cut into places of {group}; write a multiple of {group}")
        self.size, self.codes, self.places = size, codes, size // self.group
        self.means = nn.Parameter(torch.randn(codes, self.group))
        self.log_scales = nn.Parameter(torch.full((codes, self.group), START))
        self.heard = nn.Parameter(0.3 * torch.randn(codes, hidden // 2))
        self.begin = nn.Parameter(torch.zeros(hidden // 2))
        self.net = nn.GRU(hidden // 2 + context, hidden, batch_first=True)
        self.here = nn.Parameter(0.1 * torch.randn(self.places, hidden))
        self.mix, self.out = nn.Linear(hidden, hidden), nn.Linear(hidden, codes)
        nn.init.zeros_(self.out.weight)

    def forward(self, context: Tensor, code: Tensor | None = None, field: str | None = None) -> CodeDensity:
        """``context [S, B, C]``, ``code [B, K]`` of tokens of a field, :data:`UNKNOWN` where none is known (``None``:
        nowhere) → density of ``[S, B, Z]``."""
        return CodeDensity(self, context, code, field)

    def scales(self) -> Tensor:
        """Logarithms of the codes' standard deviations, ``[codes, group]``."""
        return BOUND * torch.tanh(self.log_scales / BOUND)

    def near(self, z: Tensor, temperature: float = 1.0) -> Tensor:
        """``[…, group]`` → log-density of each code there, ``[…, codes]``."""
        log_scale = self.scales() + math.log(temperature)
        precise = torch.exp(-2 * log_scale)
        square = z.square() @ precise.T - 2 * z @ (precise * self.means).T + (precise * self.means.square()).sum(-1)
        return -0.5 * (square + self.group * LOG_2PI) - log_scale.sum(-1)

    def at_end(self, near: Tensor) -> Tensor:
        """``near [..., codes]`` → ``[...]`` bool."""
        return near.argmax(-1) == END if self.ends else torch.zeros_like(near[..., 0], dtype=torch.bool)

    def reach(self, near: Tensor) -> Tensor:
        """``near [N, K, codes]`` → ``[N]`` how many places there are up to the end, which counts."""
        over = self.at_end(near)
        return torch.where(over.any(-1), over.int().argmax(-1) + 1, self.places)

    def told(self, near: Tensor) -> Tensor:
        """What a place tells those after it: its codes by how likely they are there."""
        return near.softmax(-1) @ self.heard

    def weights(self, state: Tensor, here: Tensor) -> Tensor:
        """log π ``[…, codes]`` of a place."""
        h = state + here
        return full_precision(self.out(h + F.gelu(self.mix(h)))).log_softmax(-1)


class Told(nn.Module):
    """What later stops see of codes: the codes, and before them a summary of all places, read by one network for all
    of them. A property hangs on what is there and little on where; read off the codes alone, each place would have to
    be learned by itself.

    Args:
        book: the codes' own.
        size: of the summary.
    """

    _book: Codebook

    def __init__(self, book: Codebook, size: int = 64) -> None:
        super().__init__()
        object.__setattr__(self, "_book", book)  # past nn.Module, which would register it a second time
        self.size = size + book.size
        self.heard = nn.Parameter(0.3 * torch.randn(book.codes, size))
        self.net = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(2 * size, size)

    def forward(self, z: Tensor) -> Tensor:
        """``[S, B, Z]`` → ``[S, B, size]``."""
        with torch.autocast(z.device.type, enabled=False):
            codes = z.flatten(0, -2).unflatten(-1, (self._book.places, self._book.group)).to(self.heard.dtype)
            near = self._book.near(codes)
            x, ends = near.softmax(-1) @ self.heard, self._book.reach(near)
        x = x * (torch.arange(self._book.places, device=x.device) < ends[:, None])[..., None]
        last = ragged(self.net, x, ends)[torch.arange(len(x), device=x.device), ends - 1]
        summary = self.out(torch.cat([last, x.sum(1)], -1))
        return torch.cat([summary.unflatten(0, z.shape[:-1]).to(z.dtype), z], -1)


class CodeDensity(Density):
    """Known places are about their codes, the others are drawn in order, each given all before it.

    Args:
        book: the module.
        context: ``[S, B, C]``.
        code: ``[B, K]``, :data:`UNKNOWN` where none is known; ``None``: nowhere.
        field: whose tokens these are.
        temperature: what spreads are multiplied and log-weights divided by.
    """

    def __init__(
        self,
        book: Codebook,
        context: Tensor,
        code: Tensor | None = None,
        field: str | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.book, self.context, self.code, self.field, self.temperature = book, context, code, field, temperature
        self.free = torch.ones((), dtype=torch.bool, device=context.device) if code is None else code == UNKNOWN
        self.open = code is None or bool(self.free.any())

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return masked(self._each(value).sum(-1), known)

    def log_ratio(self, value: Tensor, prior: Density) -> Tensor:
        if not isinstance(prior, CodeDensity):
            raise QueryError(
                f"codes are told place by place beside a codebook prior, not beside {type(prior).__name__}"
            )
        return prior._each(value) - self._each(value)

    def _each(self, value: Tensor) -> Tensor:
        """``[S, B, K]`` of each place, given those before it."""
        shape = torch.broadcast_shapes(value.shape[:-1], self.context.shape[:-1])
        with torch.autocast(value.device.type, enabled=False):
            z = value.expand(*shape, -1).unflatten(-1, (self.book.places, self.book.group))
            each = self._about(z.to(self.book.means.dtype)) if self.code is not None else z.new_zeros(())
        if self.open:
            each = torch.where(self.free, self._drawn(z), each)
        return each

    def _about(self, z: Tensor) -> Tensor:
        """``[S, B, K]``: of each place about its own code."""
        return Gaussian(*self._own()).log_prob(z)

    def _own(self) -> tuple[Tensor, Tensor]:
        """Means and log-scales of the known codes, ``[B, K, group]``."""
        assert self.code is not None
        code = self.code.clamp(min=0)
        return F.embedding(code, self.book.means), F.embedding(code, self._scales())

    def _scales(self) -> Tensor:
        return self.book.scales() + math.log(self.temperature)

    def _drawn(self, z: Tensor) -> Tensor:
        """``[S, B, K]``: of each place given all before it."""
        book, shape = self.book, z.shape[:2]
        with torch.autocast(z.device.type, enabled=False):
            flat = z.flatten(0, 1).to(book.means.dtype)
            here = near = book.near(flat)
            if self.temperature != 1:
                here = book.near(flat, self.temperature)
            told = book.told(near)[:, :-1]
        told, ends = torch.cat([book.begin.expand(len(told), 1, -1).to(told.dtype), told], 1), book.reach(near)
        context = self.context.expand(*shape, -1).flatten(0, 1)
        x = torch.cat([told, context[:, None].expand(-1, book.places, -1).to(told.dtype)], -1)
        row, place = (torch.arange(book.places, device=z.device) < ends[:, None]).nonzero(as_tuple=True)
        state = ragged(book.net, x, ends)[row, place]
        log_weights = self._tempered(book.weights(state, book.here[place]))
        found = torch.logsumexp(here[row, place] + log_weights, -1)
        return here[..., PAD].to(found.dtype).index_put((row, place), found).unflatten(0, shape)

    def _tempered(self, log_weights: Tensor) -> Tensor:
        return log_weights if self.temperature == 1 else (log_weights / self.temperature).log_softmax(-1)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        shape = (*self.context.shape[:2], self.book.places, self.book.group)
        noise = rng.normal(shape).to(self.book.means)
        z = None
        if self.code is not None:
            loc, log_scale = self._own()
            z = loc + noise * log_scale.exp()
        if self.open:
            z = self._walk(noise, z, rng.spawn())
        assert z is not None
        return keep_known(z.flatten(-2), value, known, 1)

    @torch.no_grad()
    def _walk(self, noise: Tensor, fixed: Tensor | None, rng: Random | None) -> Tensor:
        """Place by place ``[S, B, K, group]``; what is ``fixed`` stays where a code is known. Without ``rng`` the
        likeliest code each time."""
        book, shape, state = self.book, noise.shape[:2], None
        context, scales = self.context.flatten(0, 1), self._scales().exp()
        told, parts = book.begin.expand(len(context), -1), []
        over = torch.zeros(shape, dtype=torch.bool, device=context.device)
        free = self.free.expand(shape[1], book.places)
        for place in range(book.places):
            x = torch.cat([told, context.to(told.dtype)], -1)[:, None]
            out, state = book.net(x, state)
            log_weights = self._tempered(book.weights(out[:, 0], book.here[place])).unflatten(0, shape)
            code = log_weights.argmax(-1) if rng is None else rng.categorical(log_weights)
            code = torch.where(over, PAD, code)
            z = book.means[code] + noise[:, :, place] * scales[code]
            if fixed is not None:
                z = torch.where(free[:, place, None], z, fixed[:, :, place])
            parts.append(z)
            near = book.near(z.flatten(0, 1))
            told, over = book.told(near), over | book.at_end(near).unflatten(0, shape)
        drawn = torch.stack(parts, 2)
        return drawn if fixed is None else torch.where(free[..., None], drawn, fixed)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> CodeDensity:
        return CodeDensity(self.book, self.context, self.code, self.field, temperature)

    def mean(self) -> Tensor:
        """The means of the codes; of places that are not known, of the likeliest code given those before: what lies
        between codes is none."""
        shape = (*self.context.shape[:2], self.book.places, self.book.group)
        z = None if self.code is None else self._own()[0].expand(shape)
        if self.open:
            z = self._walk(self.book.means.new_zeros(shape), z, None)
        assert z is not None
        return z.flatten(-2)
