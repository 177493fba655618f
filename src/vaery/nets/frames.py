"""Frames in time: a sequence of small blocks of cells, of which few are on at once (the notes of a piano roll).

The chain goes frame by frame, and through the cells of a frame in order, as in an RNN-NADE (Boulanger-Lewandowski,
Bengio and Vincent, 2012). A recurrent network sees the frames before; a perceptron sees its state and the cells that
are on so far in this frame. That input changes only where a cell is on, so a frame of n cells that are on costs n + 1
passes, however many cells it has, and the network behind may be of any form and depth.

Cell 0 of a frame says whether the sequence goes on: 1 in each of its frames, 0 in all after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vaery.nets.dropout import dropout

SMALL = 128  # numbers that a frame is taken in as, and the width of the perceptron


@dataclass(frozen=True)
class Here:
    """What one frame may be told of itself.

    Attributes:
        value: ``[F, C]`` codes of F frames.
        previous: ``[F, C]`` codes of the frames before them, zeros where they may not be seen.
        seen: ``[F, C]`` bool, the cells that those after them in the frame may see.
        given: ``[F, C]`` bool, the cells that all others of the frame may see; ``None``: none.
    """

    value: Tensor
    previous: Tensor
    seen: Tensor
    given: Tensor | None


class FrameInput(nn.Module):
    """Codes ``[..., C]`` of which some may be seen → ``[..., size]``, linear in which state each cell is in and in
    whether it may be seen."""

    def __init__(self, columns: int, states: int, size: int, bias: bool = True) -> None:
        super().__init__()
        self.states = states
        self.on = nn.Linear(columns * (states - 1), size, bias=False)
        self.seen = nn.Linear(columns, size, bias=bias)

    def forward(self, value: Tensor, seen: Tensor) -> Tensor:
        return self.on(on(value, seen, self.states, self.seen.weight.dtype)) + self.seen(
            seen.to(self.seen.weight.dtype)
        )


def on(value: Tensor, seen: Tensor, states: int, dtype: torch.dtype) -> Tensor:
    """``[..., C · (K - 1)]`` ones where a cell may be seen and holds the code, for each code but zero."""
    shown = value * seen.to(value.dtype)
    return torch.cat([(shown == code).to(dtype) for code in range(1, states)], -1)


class FrameNet(nn.Module):
    """The conditionals of C cells of K states in each frame.

    Args:
        columns, states: C and K.
        context: size Z of the latent, which is fed to the start, every step and the output.
        width: of the recurrent state.
        dropout: on what is read of it, and in the perceptron.
    """

    def __init__(self, columns: int, states: int, context: int, width: int, dropout: float) -> None:
        super().__init__()
        self.columns, self.states, self.width = columns, states, width
        self.take = FrameInput(columns, states, SMALL)
        self.z_start, self.z_step = nn.Linear(context, width), nn.Linear(context, SMALL, bias=False)
        self.past = nn.GRU(SMALL, width, batch_first=True)
        self.take_later = FrameInput(columns, states, SMALL)
        self.later = nn.GRU(SMALL, width // 2, batch_first=True)
        self.from_past, self.from_z = nn.Linear(width, SMALL), nn.Linear(context, SMALL, bias=False)
        self.from_previous = FrameInput(columns, states, SMALL, bias=False)
        self.from_later = nn.Linear(width // 2, SMALL, bias=False)
        self.from_given = FrameInput(columns, states, SMALL, bias=False)  # nothing given is the same as not asked
        self.from_hidden = nn.Linear(columns, SMALL, bias=False)
        self.from_before = nn.Linear(columns * (states - 1), SMALL, bias=False)
        self.between, self.out = nn.Linear(SMALL, SMALL), nn.Linear(SMALL, columns * (states - 1))
        self.dropout = dropout

    @torch.no_grad()
    def start_from(self, share: Tensor) -> None:
        """Let each cell begin with this share of each state but zero, ``[C, K − 1]``."""
        rest = (1 - share.sum(-1, keepdim=True)).clamp(min=1e-4)
        self.out.bias.copy_((share.clamp(min=1e-4) / rest).log().mT.flatten())

    # ------------------------------------------------------------------ time

    def start(self, z: Tensor) -> Tensor:
        """The state before the first frame: ``z [N, Z]`` → ``[1, N, width]``."""
        return torch.tanh(self.z_start(z))[None]

    def states_before(self, z: Tensor, value: Tensor, seen: Tensor, length: Tensor) -> Tensor:
        """The state before each frame: ``z [S, B, Z]``, ``value, seen [B, T, C]`` → ``[S, B, T, width]``.

        ``length [B]``: after so many frames nobody asks for the state.
        """
        draws, rows = z.shape[:2]
        first, steps = self.start(z.flatten(0, 1)), value.shape[1]
        if steps == 1:
            return first[0].view(draws, rows, 1, -1)
        taken = (self.take(value[:, :-1], seen[:, :-1]) + self.z_step(z)[:, :, None]).flatten(0, 1)
        ends = (length - 1).clamp(1, steps - 1).repeat(draws).cpu()
        packed = pack_padded_sequence(taken, ends, batch_first=True, enforce_sorted=False)
        after, _ = pad_packed_sequence(self.past(packed, first)[0], batch_first=True, total_length=steps - 1)
        return torch.cat([first[0][:, None], after], 1).unflatten(0, (draws, rows))

    def step(self, z: Tensor, value: Tensor, state: Tensor) -> Tensor:
        """The state after one frame, of which all may be seen: ``z [N, Z]``, ``value [N, C]``, ``state [1, N, H]``."""
        taken = self.take(value, torch.ones_like(value, dtype=torch.bool)) + self.z_step(z)
        return self.past(taken[:, None], state)[1]

    def states_after(self, value: Tensor, given: Tensor) -> Tensor:
        """What is given of the frames after each: ``[B, T, C]`` → ``[B, T, width / 2]``; zeros where nothing is."""
        steps = value.shape[1]
        length = last(given.any(-1) & ~over(value, given))
        at = (length[:, None] - 1 - torch.arange(steps, device=value.device)).clamp(min=0)
        back = lambda t: t.gather(1, at[..., None].expand(-1, -1, t.shape[-1]))
        out = back(self.later(self.take_later(back(value), back(given)))[0])
        inside = torch.arange(steps, device=value.device) < length[:, None]
        return F.pad(out * inside[..., None], (0, 0, 0, 1))[:, 1:]

    # ------------------------------------------------------------------ one frame

    def frames(self, past: Tensor, z: Tensor, later: Tensor | None, here: Here) -> Tensor:
        """What is known of each frame but for its own cells so far: ``past, z [S, F, …]``, ``later [F, …]`` →
        ``[S, F, size]``."""
        known = self.from_hidden((~here.seen).to(past.dtype))
        known = known + self.from_previous(here.previous, here.previous > 0)
        if here.given is not None:
            known = known + self.from_given(here.value, here.given)
        if later is not None:
            known = known + self.from_later(later)
        return self.from_past(self._drop(past)) + self.from_z(z) + known

    def read(self, frame: Tensor, before: Tensor) -> Tensor:
        """``frame [..., size]`` and the cells on so far, ``[..., C · (K - 1)]`` → logits ``[..., C, K - 1]``."""
        hidden = self._drop(torch.relu(frame + self.from_before(before)))
        hidden = self._drop(torch.relu(self.between(hidden)))
        return self.out(hidden).unflatten(-1, (self.states - 1, self.columns)).transpose(-1, -2)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout) if self.dropout and self.training else x

    def logits(self, frame: Tensor, here: Here) -> Tensor:
        """Each cell given those before it in the frame that may be seen: ``[S, F, size]`` → ``[S, F, C, K - 1]``."""
        active = (here.value > 0) & here.seen
        passes = active.sum(-1) + 1
        owner = torch.repeat_interleave(torch.arange(len(passes), device=passes.device), passes)
        first = passes.cumsum(0) - passes
        rank = torch.arange(len(owner), device=owner.device) - first[owner]
        so_far = active.cumsum(-1)
        shown = active[owner] & (so_far[owner] <= rank[:, None])
        found = self.read(frame[:, owner], on(here.value[owner], shown, self.states, frame.dtype))
        where = first[:, None] + so_far - active.to(so_far.dtype)  # the pass in which each cell has its turn
        return found[:, where, torch.arange(self.columns, device=where.device)]


class FrameEncoder(nn.Module):
    """Frames with gaps → ``[B, width]``: both ends of a recurrent network that reads them both ways, and its mean.

    Frames after the last one of which anything is known have no influence.
    """

    def __init__(self, columns: int, states: int, width: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.take = FrameInput(columns, states, SMALL)
        self.read = nn.GRU(SMALL, width // 2, batch_first=True, bidirectional=True)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * (width // 2), width), nn.ReLU())

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        known = torch.ones_like(value, dtype=torch.bool) if known is None else known
        length = last(known.any(-1) & ~over(value, known)).clamp(min=1)
        value, known = value[:, : int(length.max())], known[:, : int(length.max())]
        packed = pack_padded_sequence(self.take(value, known), length.cpu(), batch_first=True, enforce_sorted=False)
        outs, ends = self.read(packed)
        outs, _ = pad_packed_sequence(outs, batch_first=True)
        mean = outs.sum(1) / length[:, None].to(outs.dtype)
        return self.out(torch.cat([ends[0], ends[1], mean], -1))


def over(value: Tensor, seen: Tensor) -> Tensor:
    """``[B, T]`` bool: the frames before which the sequence is seen to have ended, ``value, seen [B, T, C]``."""
    ended = seen[..., 0] & (value[..., 0] == 0)
    return F.pad(ended[:, :-1].cumsum(1), (1, 0)) > 0 if ended.shape[1] else ended


def last(there: Tensor) -> Tensor:
    """``[B, T]`` bool → ``[B]`` one more than the last place where it is true; 0: nowhere."""
    place = torch.arange(1, there.shape[1] + 1, device=there.device)
    return (place * there).amax(1) if there.shape[1] else place.new_zeros(len(there))
