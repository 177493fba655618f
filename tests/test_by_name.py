"""Fields may be called anything: dots and words that torch has for itself are no names of modules there."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vaery import VAE, load
from vaery.core.by_name import ByName

names = st.one_of(
    st.text(max_size=8), st.sampled_from(["type", "keys", "training", "_names", "a.b", "field a", "a%2Eb"])
)


@given(st.lists(names, unique=True, max_size=6))
def test_any_names_are_kept_apart_and_in_order(asked: list[str]) -> None:
    made = ByName({name: nn.Linear(1, i + 1) for i, name in enumerate(asked)})
    assert list(made) == asked == [*made.keys()] == [name for name, _ in made.items()]
    assert all(made[name].out_features == i + 1 for i, name in enumerate(asked))
    assert len(made) == len(asked) == len({key.rpartition(".")[0] for key in made.state_dict()})
    again = ByName({name: nn.Linear(1, i + 1) for i, name in enumerate(asked)})
    again.load_state_dict(made.state_dict())
    assert list(copy.deepcopy(made)) == asked
    for name in asked:
        del made[name]
        assert name not in made


def test_plain_names_are_the_keys_of_their_weights() -> None:
    plain = {"image": nn.Linear(1, 1), "some text": nn.Linear(1, 1)}
    assert [*ByName(plain).state_dict()] == [*nn.ModuleDict(plain).state_dict()]


@pytest.mark.parametrize("name", ["re.view", "type", "keys"])
def test_a_column_of_text_may_be_called_anything(name: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    text = [f"some words here {i} and more of them {rng.integers(99)}" for i in range(60)]
    frame = pd.DataFrame({name: text, "x": rng.normal(size=60)})
    model = VAE(steps=4, width=16, latent=2, threads=1).fit(frame, verbose=False)
    assert name in [field.name for field in model.fields_]
    model.save(tmp_path / "m.vaery")
    again = load(tmp_path / "m.vaery").score_samples(frame)
    assert torch.equal(torch.as_tensor(model.score_samples(frame)), torch.as_tensor(again))
