"""The latent in pictures: what each unit does (``traversals``), and where everything lies (``map``)."""

from __future__ import annotations
