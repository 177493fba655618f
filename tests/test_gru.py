"""Gated recurrent layers as one function, beside torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from vaery.nets.gru import gru
from vaery.nets.recurrent import ragged

LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def packed(lengths: list[int], size: int = 3, kind: torch.dtype = torch.double) -> tuple[Tensor, PackedSequence]:
    noise = torch.Generator().manual_seed(len(lengths))
    x = torch.randn(len(lengths), max(lengths), size, generator=noise, dtype=kind).requires_grad_()
    return x, pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)


def made(layers: int = 1, hidden: int = 4, kind: torch.dtype = torch.double) -> nn.GRU:
    torch.manual_seed(0)
    return nn.GRU(3, hidden, layers, batch_first=True).to(kind)


@settings(deadline=None, max_examples=25)
@given(LENGTHS, st.sampled_from([1, 2]), st.booleans())
def test_states_and_gradients_are_those_of_torch(lengths: list[int], layers: int, started: bool) -> None:
    net = made(layers)
    start = torch.linspace(-1, 1, layers * len(lengths) * 4, dtype=torch.double).view(layers, -1, 4).requires_grad_()
    found = []
    for read in (lambda p: net(p, start if started else None)[0], lambda p: gru(net, p, start if started else None)):
        x, rows = packed(lengths)
        out = read(rows)
        about = [x, *net.parameters(), *([start] if started else [])]
        found.append([out.data, *torch.autograd.grad(out.data.sin().square().sum(), about)])
        assert out.unsorted_indices is None or out.unsorted_indices.equal(rows.unsorted_indices)
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_products_in_half_precision_are_nearly_the_same() -> None:
    net, found = made(hidden=32, kind=torch.float32), []
    for half in (True, False):
        x, rows = packed([9, 4, 6], kind=torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = gru(net, rows).data if half else net(rows)[0].data
        assert out.dtype == torch.float32
        found.append((out, *torch.autograd.grad(out.square().sum(), [x])))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=0.02 * float(theirs.abs().max()), rtol=0)


def test_training_reads_as_asking_does() -> None:
    net, (x, _) = made(), packed([5, 2, 7])
    ends = torch.tensor([5, 2, 7])
    trained = ragged(net, x, ends)
    with torch.no_grad():
        torch.testing.assert_close(ragged(net, x, ends), trained.detach())


def test_layers_are_left_out_of_dropout_where_nothing_is_trained() -> None:
    net = nn.GRU(3, 4, 2, dropout=0.9, batch_first=True).double()
    _, rows = packed([4, 4])
    torch.testing.assert_close(gru(net.eval(), rows).data, net(rows)[0].data)
    torch.manual_seed(1)
    assert not torch.allclose(gru(net.train(), rows).data, net.eval()(rows)[0].data)


@pytest.mark.parametrize("kind", [torch.float32, torch.double])
def test_it_stays_in_the_precision_of_its_weights(kind: torch.dtype) -> None:
    _, rows = packed([2, 3], kind=kind)
    assert gru(made(kind=kind), rows).data.dtype == kind
