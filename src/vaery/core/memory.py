"""Memory that is asked for again and again."""

from __future__ import annotations

from functools import cache

import torch

MOST = 31 * 2**20  # bytes: the C library follows blocks of up to 32 MiB


@cache
def keep_freed() -> None:
    """Let freed blocks stay with the process, once.

    The C library of Linux (glibc) hands large blocks back to the system as they are freed, and each page of the next
    one is then new: a step that makes tensors of megabytes waits longer for pages than for its sums. As soon as it has
    seen a large block freed, it keeps those up to that size (``mallopt(3)``, M_MMAP_THRESHOLD), 62 MiB at most.
    Whoever sets MALLOC_MMAP_THRESHOLD_ decides otherwise; elsewhere nothing happens.
    """
    torch.empty(MOST, dtype=torch.uint8)
