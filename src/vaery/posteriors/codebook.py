"""The codebook posterior: of a sequence of tokens, a noisy code for each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.errors import ChoiceError
from vaery.nets import codebook


class Codebook(nn.Module):
    """q(z | tokens) = Π_k N(z_k; μ_c, σ_c²) with c the token at place k (:class:`vaery.nets.codebook.Codebook`).

    It reads the tokens themselves and no features. Places that are not known, those after the last one that is
    included, are drawn as a ``codebook`` prior draws them, given what is known before; with nothing known it *is* that
    prior. So fields that should speak through the latent, too, stand before it (``first=``), or have another posterior.

    No gradient flows through places that are drawn, by how well they tell the rest: the prior learns from known ones.

    Args:
        size, context, fields, features: as of any posterior; fields and features are not used.
        field: the name of the field whose tokens are read.
        codes, group, hidden: of the book.

    Raises:
        ChoiceError: no field is named.

    >>> Codebook(8, 0, field="word", codes=5)(None, torch.zeros(1, 3, 0)).mean().shape
    torch.Size([1, 3, 8])
    """

    reads = False  # features

    def __init__(
        self,
        size: int,
        context: int,
        fields: int = 1,
        features: int = 1,
        field: str = "",
        codes: int = 16,
        group: int = codebook.GROUP,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        self.field = field
        self.book = codebook.Codebook(size, context, codes, group, hidden, ends=True)

    def carry(self) -> nn.Module:
        """What later stops see of the latent."""
        return codebook.Told(self.book)

    def forward(self, features: Any, context: Tensor) -> codebook.CodeDensity:
        """``features.seen`` the evidence, ``context [S, B, C]`` → density of ``[S, B, Z]``."""
        return self.book(context, self._code(getattr(features, "seen", None)), self.field)

    def _code(self, seen: Any) -> Tensor | None:
        """``[B, K]`` codes at the places that the latent has, as far as they are known."""
        if seen is not None and not self.field:
            raise ChoiceError(
                "a codebook posterior reads the tokens of one field; write posterior={'name': 'codebook', 'field': "
                "'molecule', 'codes': 231}, with that field's name and how many codes it has"
            )
        if seen is None or self.field not in seen:
            return None
        value, known = seen.values[self.field], seen.known[self.field]
        some = slice(0, self.book.places)
        shown = seen.shown(self.field)[:, None]
        known = shown if known is None else shown & known[:, some]
        code = torch.where(known, value[:, some].long(), codebook.UNKNOWN)
        return nn.functional.pad(code, (0, self.book.places - code.shape[1]))  # beyond the longest there is nothing
