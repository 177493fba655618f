"""The public face: a list that is true, light to import, with every job as a method, around a heart on one page."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import vaery
from vaery.core.job import FILLED
from vaery.core.members import member, members

HEAVY = ("torch", "pandas", "sklearn", "scipy", "matplotlib", "polars", "pyarrow", "numpy", "typer")
LOADED = f"import sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
SCREENS = 140  # lines that can be read on one or two screens


def loaded_after(source: str) -> list[str]:
    """Which heavy libraries a fresh Python has loaded after ``source``."""
    ran = subprocess.run([sys.executable, "-c", f"{source}\n{LOADED}"], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


# ------------------------------------------------------------------ the list


def test_the_list_is_true():
    assert vaery.__all__ == sorted(vaery.__all__)
    for name in vaery.__all__:
        assert getattr(vaery, name) is not None
    assert dir(vaery) == vaery.__all__


def test_everything_can_be_imported_by_star():
    space: dict[str, object] = {}
    exec("from vaery import *", space)
    assert set(vaery.__all__) <= set(space)


def test_all_that_is_listed_says_where_it_lives():
    homes = set(vaery._HOME) | {"errors", "__version__"}
    assert homes == set(vaery.__all__)
    assert vaery.errors.VaeryError is vaery.VaeryError


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="'vae'"):
        _ = vaery.vae


def test_every_error_is_one_of_ours_and_a_standard_one():
    classes = [c for c in vars(vaery.errors).values() if inspect.isclass(c) and c.__module__ == vaery.errors.__name__]
    assert len(classes) > 5
    for error in classes:
        assert issubclass(error, vaery.VaeryError)
        assert error is vaery.VaeryError or issubclass(error, ValueError | ImportError)


# ------------------------------------------------------------------ light


def test_import_is_light():
    assert loaded_after("import vaery; vaery.__version__; dir(vaery)") == []


def test_the_test_of_lightness_can_fail():
    assert "torch" in loaded_after("import vaery; vaery.VAE")


def test_conditions_need_no_torch():
    assert loaded_after("from vaery import between, one_of, errors; between(1, 2)") == []


# ------------------------------------------------------------------ jobs as methods


@pytest.mark.parametrize("name", members("jobs"))
def test_every_job_is_a_method(name):
    method, job = getattr(vaery.VAE, name), member("jobs", name)
    assert callable(method)
    if name in vars(vaery.VAE) and not hasattr(method, "__wrapped__"):
        return  # written by hand, for what scikit-learn asks of that name
    assert inspect.getdoc(method) == inspect.getdoc(job)
    offered, asked = inspect.signature(method).parameters, inspect.signature(job).parameters
    assert set(offered) == {"self", *asked} - {"joint", *FILLED}
    assert all(offered[option].default == asked[option].default for option in offered if option in asked)


def test_by_hand_are_only_those_that_scikit_learn_names():
    by_hand = {name for name in members("jobs") if not hasattr(getattr(vaery.VAE, name), "__wrapped__")}
    assert by_hand <= {"score", "predict", "predict_proba"}


# ------------------------------------------------------------------ the heart


def test_the_heart_can_be_read_at_a_glance():
    import vaery.joint

    assert len(Path(inspect.getfile(vaery.joint)).read_text(encoding="utf-8").splitlines()) <= SCREENS


def test_there_is_one_walk():
    """Only the joint goes from stop to stop and chooses; whatever else needs values there passes a chooser."""
    walks = []
    for path in Path(inspect.getfile(vaery)).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        walks += [path.name] * text.count("stop.step(")
    assert walks == ["joint.py"]
