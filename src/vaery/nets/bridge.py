"""The straight line through what is known of a series, and how far from it the truth may be."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DISTANCES = 5  # classes of distances to what is known
CLASSES = 2 * DISTANCES  # the same between known cells, and at an end, where there are none on one side
FAR = 1e4  # a distance in time beyond which nothing is known


@dataclass(frozen=True)
class Bridge:
    """What the known cells of a series say of all others, by nothing but where they are.

    Attributes:
        line: ``[N, T, D]`` linear interpolation between the nearest known cells; ends are carried on; zero where a
            column has no known cell. Known cells are what they are.
        reach: ``[N, T, D]`` the variance of a Brownian motion with unit steps there: ``a·b / (a + b)`` at distances a
            and b from the known cells on either side; the distance itself at an end; :data:`FAR` where nothing is.
        before, after: ``[N, T, D]`` distances to the nearest known cells.
    """

    line: Tensor
    reach: Tensor
    before: Tensor
    after: Tensor

    @property
    def remote(self) -> Tensor:
        """``[N, T, D]`` long: the distance to the nearest known cell in classes from 0: one, up to 3, up to 7, … and,
        in the last of :data:`DISTANCES`, all beyond; so many more where nothing is known on one side."""
        nearest = torch.minimum(self.before, self.after).clamp(1, 2 ** (DISTANCES - 1)).log2().floor().long()
        return nearest + DISTANCES * (torch.maximum(self.before, self.after) >= FAR)


def bridge(value: Tensor, seen: Tensor, time: Tensor) -> Bridge:
    """Interpolate.

    Args:
        value: ``[N, T, D]``; what is not seen has no influence.
        seen: ``[N, T, D]`` bool.
        time: ``[N, T]``, not decreasing.

    >>> x = torch.tensor([1.0, 0.0, 0.0, 4.0, 0.0]).view(1, 5, 1)
    >>> bridge(x, x > 0, torch.arange(5.0)[None]).line.flatten()
    tensor([1., 2., 3., 4., 4.])
    """
    steps = value.shape[1]
    place = torch.arange(steps, device=value.device).view(1, -1, 1)
    left = torch.where(seen, place, -1).cummax(1).values
    right = torch.where(seen, place, steps).flip(1).cummin(1).values.flip(1)
    has_left, has_right = left >= 0, right < steps
    left, right = left.clamp(min=0), right.clamp(max=steps - 1)
    a, b = value.gather(1, left), value.gather(1, right)
    now = time[..., None].expand(value.shape)
    before, after = now - now.gather(1, left), now.gather(1, right) - now
    share = before / (before + after).clamp(min=1e-6)
    end = torch.where(has_left, a, torch.where(has_right, b, 0))
    line = torch.where(has_left & has_right, a + share * (b - a), end)
    before, after = torch.where(has_left, before, FAR), torch.where(has_right, after, FAR)
    reach = before * after / (before + after).clamp(min=1e-6)
    nothing = ~(has_left | has_right)
    return Bridge(torch.where(seen, value, line), reach.masked_fill(nothing, FAR), before, after)
