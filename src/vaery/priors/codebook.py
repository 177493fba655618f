"""The codebook prior: a language model over noisy codes."""

from __future__ import annotations

from torch import Tensor, nn

from vaery.nets import codebook


class Codebook(nn.Module):
    """p(z | context) = Π_k Σ_c π_c(z_<k) N(z_k; μ_c, σ_c²) (:class:`vaery.nets.codebook.Codebook`).

    Beside a ``codebook`` posterior the book is that one's, and each of its codes a component: what is left between the
    two is what a language model does not know of the tokens. Beside another posterior it has a book of its own.

    Args:
        size, context: as of any prior.
        posterior: of the level.
        fields, features: not used here.
        codes, group, hidden: of a book of its own.

    >>> import torch
    >>> Codebook(8, 0)(torch.zeros(1, 3, 0)).log_prob(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3])
    """

    _book: codebook.Codebook

    def __init__(
        self,
        size: int,
        context: int,
        posterior: nn.Module | None = None,
        fields: int = 1,
        features: int = 1,
        codes: int = 16,
        group: int = codebook.GROUP,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        book = getattr(posterior, "book", None)
        if isinstance(book, codebook.Codebook):
            object.__setattr__(self, "_book", book)  # past nn.Module, which would register it a second time
        else:
            self._book = codebook.Codebook(size, context, codes, group, hidden)

    def forward(self, context: Tensor) -> codebook.CodeDensity:
        """``context [S, B, C]`` → density of ``[S, B, Z]``."""
        return self._book(context)
