"""Tokens one after the other, each given the latent and those before it.

What is known of a sequence is scored from left to right, each token given the known ones before it and a mark where one
is hidden. What is hidden is then drawn from left to right, given all before it and all that is known after it. Together
that is one joint density, and of a complete sequence it is the usual product p(x_1 | z) p(x_2 | x_1, z) …

What runs of tokens say of the next one is counted before training, and mixed with what the network says; how much each
is trusted, the network learns (Neubig and Dyer, 2016). So it need not learn by heart what counting tells in a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.density import Density
from vaery.core.random import Random
from vaery.core.tokens import END, PAD, first_of, gaps, reach, telling
from vaery.nets.dropout import Dropout
from vaery.nets.ngrams import NGrams
from vaery.nets.places import Spread
from vaery.nets.recurrent import Backwards, Recurrent
from vaery.nets.transformer import Transformer
from vaery.nets.vocabulary import Vocabulary, nucleus

NETS = {"recurrent": Recurrent, "transformer": Transformer}
CHUNK = 2**25  # numbers of a softmax at once where nobody needs gradients
LESSON = 8  # one row in so many also learns to fill gaps, in training
MARKS = 2  # codes that only go in: hidden, and the start


class Autoregressive(nn.Module):
    """p(tokens | context), left to right.

    Args:
        codes: how many codes there are, nothing and the end among them (see :mod:`vaery.core.tokens`).
        length: L, of the packed value.
        context: C.
        width: of embeddings and of what is read off before the softmax.
        hidden: of the network; ``None``: the width.
        depth, dropout: of the network.
        net: "recurrent" or "transformer".
        word_dropout: the share of tokens that training hides from those after them (Bowman et al., 2016), falling to
            none at its end.
        places: of how many, from the first on, the context speaks one by one: a latent soon says which token is where,
            and more comes back exactly (:mod:`vaery.nets.places`). 0: it speaks of all at once.
        runs: of how many tokens :meth:`learn` counts runs. 0: none.
    """

    lessons = None  # rows that :meth:`learn` looks at: all

    def __init__(
        self,
        codes: int,
        length: int,
        context: int,
        width: int = 256,
        hidden: int | None = None,
        depth: int = 1,
        dropout: float = 0.1,
        net: str = "recurrent",
        word_dropout: float = 0.3,
        places: int = 0,
        runs: int = 0,
    ) -> None:
        super().__init__()
        hidden = hidden or width
        self.codes, self.length, self.word_dropout = codes, length, word_dropout
        self.vocabulary = Vocabulary(codes, MARKS, width)
        self.net = NETS[net](width, context, hidden, depth, dropout, length)
        self.later = Backwards(width, hidden)
        self.spread = Spread(context, width, places)
        self.mix = nn.Linear(2 * hidden + context, width)
        self.more = nn.Linear(width, width)
        nn.init.zeros_(self.more.weight)
        nn.init.zeros_(self.more.bias)
        self.dropout = Dropout(dropout)
        self.runs = NGrams(codes, runs) if runs else None
        if self.runs is not None:
            self.trust = nn.Linear(width + self.runs.evidence, 1)
            nn.init.zeros_(self.trust.weight)
            nn.init.zeros_(self.trust.bias)

    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Count runs in the rows of the training ``[N, L]``."""
        if self.runs is not None:
            self.runs.learn(value, known)

    def forward(self, context: Tensor) -> TokenDensity:
        """``context [S, B, C]`` → density of ``value [S, B, L]``."""
        return TokenDensity(self, context)

    def read(self, code: Tensor, here: Tensor, context: Tensor, ends: Tensor) -> Tensor:
        """Codes ``[N, T]`` as they go in, of which ``ends [N]`` count, what the context ``[N, C]`` says of each place
        → ``[N, T, hidden]``."""
        return self.net(self.dropout(self.vocabulary(code) + here), context, ends)

    def features(self, before: Tensor, after: Tensor, here: Tensor, context: Tensor) -> Tensor:
        """What came before, what is known to come after, and the context, also of this place → what the softmax
        reads."""
        h = self.mix(torch.cat([self.dropout(before), after, context], -1)) + here
        return h + self.more(F.gelu(h))

    def shifted(self, value: Tensor, seen: Tensor) -> Tensor:
        """``value [N, L]`` → what each step is told of the step before it: a code, "hidden" or "the start"."""
        told = torch.where(seen, value, self.codes)
        return torch.cat([torch.full_like(told[:, :1], self.codes + 1), told[:, :-1]], 1)

    def mixed(self, log_p: Tensor, x: Tensor, code: Tensor, told: Tensor, truth: Tensor | None = None) -> Tensor:
        """``log_p [M]`` of the network and what runs say of the codes after those that were ``told [M, …]``. If the
        ``truth`` of what was told is given, the row is one that was counted."""
        if self.runs is None or self.runs.empty:
            return log_p
        counted = self.runs.prob(told if truth is None else truth, code, None if truth is None else told)
        trust = self._trust(x, told)
        both = torch.stack([log_p + F.logsigmoid(-trust), counted.log() + F.logsigmoid(trust)])
        return both.logsumexp(0)

    def mixed_all(self, logits: Tensor, x: Tensor, told: Tensor) -> Tensor:
        """The same for all codes: ``logits [N, V]`` of the network → log-probabilities."""
        if self.runs is None or self.runs.empty:
            return logits
        trust = self._trust(x, told)[:, None].sigmoid()
        return ((1 - trust) * logits.softmax(-1) + trust * self.runs.every(told)).log()

    def _trust(self, x: Tensor, told: Tensor) -> Tensor:
        """``[M]`` log-odds that runs say it better."""
        assert self.runs is not None
        return self.trust(torch.cat([x, self.runs.known_of(told).to(x)], -1))[:, 0].float()

    def before(self, told: Tensor) -> Tensor:
        """What each step is told of the one before it ``[N, T]`` → what it is told of the last few, nearest first."""
        return told[..., None][..., :0] if self.runs is None else self.runs.contexts(told)

    def at_last(self, log_p: Tensor, x: Tensor, code: Tensor, allowed: Tensor, place: Tensor) -> Tensor:
        """``log_p [M]``, put right where the place is the last one: there only the end can be, or nothing."""
        last = place == self.length - 1
        if not bool(last.any()):
            return log_p
        two = self.vocabulary.logits(x)[:, : END + 1].log_softmax(-1).gather(1, code.clamp(max=END)[:, None])[:, 0]
        return torch.where(last, torch.where(allowed, two, 0.0), log_p)

    def known_later(self, value: Tensor, known: Tensor | None, steps: int) -> Tensor:
        """``[N, steps, hidden]``: at each place, what is known of all later ones."""
        if known is None:
            return self.later.nothing.expand(len(value), steps, -1)
        tells = telling(value, known)
        ends = reach(tells)
        longest = int(ends.max()) if len(ends) else 0
        x = self.vocabulary(torch.where(tells, value, self.codes)[:, :longest])
        states = self.later(x, ends)[:, 1:]
        missing = steps - states.shape[1]
        rest = self.later.nothing.expand(len(value), max(0, missing), -1)
        return torch.cat([states[:, :steps], rest], 1)


class TokenDensity(Density):
    """``value [S or 1, B, L]`` or ``[B, L]`` of whole numbers, ``known [B, L]``.

    Args:
        module: the networks.
        context: ``[S, B, C]``.
        temperature, top_p: of what is drawn; see :meth:`tempered`.
        kept: value and known cells that :meth:`points` keep.
    """

    whole = True

    def __init__(
        self,
        module: Autoregressive,
        context: Tensor,
        temperature: float = 1.0,
        top_p: float = 1.0,
        kept: tuple[Tensor, Tensor | None] | None = None,
    ) -> None:
        self.module, self.context = module, context
        self.temperature, self.top_p, self.kept = temperature, top_p, kept
        self.shape = (*context.shape[:2], module.length)

    # ------------------------------------------------------------------ scoring

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return self._for(value)._scored(value, known)

    def _scored(self, value: Tensor, known: Tensor | None, around: bool = False) -> Tensor:
        """``[S, B, L]``, each known cell given what is known before it, and perhaps what is known after it."""
        value, known = (t.flatten(0, 1) for t in self._spread(value, known))
        value, context = value.long(), self.context.flatten(0, 1)
        if torch.is_grad_enabled():
            return self._rows(value, known, context, around).unflatten(0, self.shape[:2])
        parts = [self._rows(value[rows], known[rows], context[rows], around) for rows in self._chunks()]
        return torch.cat(parts).unflatten(0, self.shape[:2])

    def _rows(self, value: Tensor, known: Tensor, context: Tensor, around: bool) -> Tensor:
        net, tells = self.module, telling(value, known)
        ends = reach(tells)
        steps = max(1, int(ends.max())) if len(value) else 1
        told = net.shifted(value, known)[:, :steps]
        here = net.spread(context, steps)
        before = net.read(told, here, context, ends)
        after = net.known_later(value, known if around else None, steps)
        row, place = tells[:, :steps].nonzero(as_tuple=True)
        x = net.features(before[row, place], after[row, place], here[row, place], context[row])
        code, allowed = value[row, place], told[row, place] == net.codes
        found = net.mixed(net.vocabulary.log_prob(x, code, allowed), x, code, net.before(told)[row, place])
        found = net.at_last(found, x, code, allowed, place)
        return found.new_zeros(value.shape).index_put((row, place), found)

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        """As :meth:`log_prob`; where gradients are needed, with tokens hidden from those after them at random, compared
        with a part of a large vocabulary, and with the gradient of a lesson in filling gaps (of its value, nothing)."""
        if not torch.is_grad_enabled():
            return self.log_prob(value, known)
        value, known = (t.flatten(0, 1) for t in self._spread(value, known))
        net, value, context = self.module, value.long(), self.context.flatten(0, 1)
        tells = telling(value, known)
        ends = reach(tells)
        steps = max(1, int(ends.max()))
        heard = rng.uniform(tuple(value.shape)).to(value.device) >= net.word_dropout * (1 - progress)
        told, truth = (net.shifted(value, seen)[:, :steps] for seen in (known & heard, known))
        here = net.spread(context, steps)
        before = net.read(told, here, context, ends)
        row, place = tells[:, :steps].nonzero(as_tuple=True)
        none = net.known_later(value, None, steps)
        x = net.features(before[row, place], none[row, place], here[row, place], context[row])
        some = slice(0, -(-len(value) // LESSON))
        given = known[some] & ~gaps(ends[some], net.length, rng).to(value.device)
        asked = (tells[some] & ~given)[:, :steps]
        also, at = asked.nonzero(as_tuple=True)
        after = net.known_later(value[some], given, steps)
        x = torch.cat([x, net.features(before[also, at], after[also, at], here[also, at], context[also])])
        row, place = torch.cat([row, also]), torch.cat([place, at])
        code, allowed = value[row, place], told[row, place] == net.codes
        found, (told, truth) = net.vocabulary.sampled(x, code, allowed, rng), (net.before(t) for t in (told, truth))
        mixed = net.mixed(found.detach(), x.detach(), code, told[row, place], truth[row, place])
        found = mixed + (found - found.detach())  # the network learns as if it were alone, or it learns little
        found = net.at_last(found, x, code, allowed, place)
        scored = len(row) - len(also)
        found = torch.cat([found[:scored], found[scored:] - found[scored:].detach()])
        out = found.new_zeros(value.shape).index_put((row, place), found, accumulate=True)
        return out.unflatten(0, self.shape[:2])

    def _chunks(self) -> Iterator[slice]:
        rows = self.shape[0] * self.shape[1]
        size = max(1, CHUNK // (self.module.length * self.module.codes))
        return (slice(start, start + size) for start in range(0, max(1, rows), size))

    # ------------------------------------------------------------------ drawing

    @torch.no_grad()
    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        if value is not None and known is None:
            return value.expand(self.shape)
        return self._drawn(rng.spawn(), value, known)

    def _drawn(self, rng: Random | None, value: Tensor | None, known: Tensor | None) -> Tensor:
        """Left to right, one step of the network each; without ``rng`` the likeliest token at each step."""
        net, device = self.module, self.context.device
        if value is None or known is None:
            value, known = torch.zeros((), device=device), torch.zeros((), dtype=torch.bool, device=device)
        value, known = (t.flatten(0, 1) for t in self._spread(value, known))
        value, context = value.long() * known, self.context.flatten(0, 1)
        last, first = reach(known & (value >= END)), first_of(known & (value == PAD))
        after = net.known_later(value, known, net.length) if bool(known.any()) else None
        none = net.later.nothing.expand(len(value), -1)
        here = net.spread(context, net.length)
        out, over, state = torch.zeros_like(value), torch.zeros_like(last, dtype=torch.bool), None
        code = torch.full_like(last, net.codes + 1)
        told = net.shifted(out, torch.ones_like(known))
        for step in range(net.length):
            noise = rng and rng.spawn()  # at every step, or a row's noise would hang on what others have known
            open_ = ~over & ~known[:, step]
            before, state = net.net.step(net.vocabulary(code) + here[:, step], context, state)
            if bool(open_.any()):
                x = net.features(before, none if after is None else after[:, step], here[:, step], context)
                logits = net.vocabulary.logits(x)
                logits[:, PAD] = -math.inf
                logits = net.mixed_all(logits, x, net.before(told[:, : step + 1])[:, -1])
                logits[:, END].masked_fill_(step + 1 < last, -math.inf)
                code = self._choose(noise, logits)
                must = first.eq(step + 1) | (step + 1 == net.length)
                code = code.masked_fill(must, END)
            code = code.masked_fill(over, PAD)
            code = torch.where(known[:, step], value[:, step], code)
            out[:, step] = code
            told[:, step + 1 : step + 2] = code[:, None]
            over = over | (code <= END)
            if bool(over.all()) and not bool(known[:, step + 1 :].any()):
                break
        return out.to(torch.int32).unflatten(0, self.shape[:2])

    def _choose(self, rng: Random | None, logits: Tensor) -> Tensor:
        if rng is None:
            return logits.argmax(-1)
        logits = logits / self.temperature
        if self.top_p < 1:
            logits = nucleus(logits, self.top_p)
        return rng.categorical(logits.unflatten(0, self.shape[:2])).flatten()

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> TokenDensity:
        return TokenDensity(self.module, self.context, temperature, top_p, self.kept)

    # ------------------------------------------------------------------ best guesses

    def given(self, value: Tensor, known: Tensor | None) -> TokenDensity:
        """The same, and its best guess keeps what is known."""
        if known is not None and not bool(known.any()):
            return self
        return TokenDensity(self.module, self.context, self.temperature, self.top_p, (value, known))

    def given_others(self, value: Tensor, known: Tensor | None) -> TokenDensity:
        """Each token scored given all others that are known, before it and after it. Its best guess is the context's
        alone: what the latent makes of the row."""
        return _Others(self.module, self.context)

    @torch.no_grad()
    def mode(self) -> Tensor:
        """The likeliest token at each step, one after the other: a good guess, not a proven mode."""
        value, known = self.kept or (None, None)
        return value.expand(self.shape) if value is not None and known is None else self._drawn(None, value, known)

    def points(self, u: Tensor) -> Tensor:
        """:meth:`mode`, each time: tokens of one sequence go together, and cannot be read one by one."""
        guess = self.mode()
        return guess.expand(len(u), *guess.shape)

    def _for(self, value: Tensor) -> TokenDensity:
        """The same at as many draws as the value has, where that has more."""
        draws = len(value) if value.dim() == 3 else 1
        return self if draws <= self.shape[0] else type(self)(self.module, self.context.expand(draws, -1, -1))

    def _spread(self, value: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        if known is None:
            known = torch.ones((), dtype=torch.bool, device=value.device)
        return value.expand(self.shape), known.expand(self.shape)


class _Others(TokenDensity):
    """Each cell given all other known ones, in one pass: no step is told its own token from either side."""

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return self._for(value)._scored(value, known, around=True)
