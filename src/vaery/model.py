"""The estimator: raw data in, raw data out, one fitted joint in between. Jobs appear as its methods."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from vaery.answer import complete, in_raw, levels
from vaery.build import Choices
from vaery.constraints.apply import kept, refuse_given
from vaery.constraints.rules import Rules
from vaery.core.errors import NotFitted, QueryError
from vaery.core.field import Field
from vaery.core.job import FILLED
from vaery.core.members import member, members
from vaery.core.objective import Objective
from vaery.core.random import Random
from vaery.framed import into_files
from vaery.held_out import best_row
from vaery.joint import Joint
from vaery.progress import teller
from vaery.rowwise import Question
from vaery.schema import Schema, read
from vaery.studies import Studies

__all__ = ["VAE", "describe", "load", "read"]


class NotFittedYet(NotFitted, NotFittedError):
    """Ours and scikit-learn's at once, so that either may be caught."""


class VAE(Studies, TransformerMixin, BaseEstimator):
    """One model of your data that answers every question.

    Args:
        latent: size of the latent, or one size for each level (top first); ``"auto"``: by the data.
        prior: a member of ``priors``, by name or as ``{"name": …, option: …}``; ``"auto"``: ``"normal"``, but of
            molecules ``"codebook"``.
        posterior: a member of ``posteriors``, likewise; ``"auto"``: ``"gaussian"``, but of molecules ``"codebook"``.
        objective: a member of ``objectives``, likewise, or an :class:`~vaery.core.objective.Objective`; ``"auto"``:
            the ELBO of random subsets of each row, so that the model answers any conditional question.
        likelihood: a member of ``likelihoods`` (or, for pictures, ``"local"``, ``"threshold"``, ``"dynamic"``): for all
            fields, or by field or column name.
        kind: what the data is (``"table"``, ``"image"``, ``"text"``, …), or field or column name → kind, where what is
            found by looking is not what you mean; ``None``: by looking.
        columns: column name → sort (``"numeric"``, ``"integer"``, ``"categorical"``, ``"ordinal"``, ``"boolean"``,
            ``"datetime"``) or the list of its levels in order, where what is found by looking is not what you mean.
        constraints: what every row has to keep, and new rows will: ``"start <= end"``, ``"total = price + tax"``,
            ``"unique(id)"``; rows of the data that do not are an error.
        first: fields visited before the latent (a label that everything hangs on), with a posterior of their own.
        target: the column or field that the model is to tell from few labelled rows (null where it is unknown; in
            whole numbers -1, too). It is visited before the latent, and has readers of its own. ``None``: of a dict,
            each field of classes that most rows leave open.
        levels: how many latent levels there are, one below the other. Pictures with a convolutional network have all
            but the top one for themselves, on grids from small to large, and sounds one, along time; else every field
            hangs on all of them. ``"auto"``: 2 for sounds (and labels beside them), else 1.
        own: field → size of a latent it has for itself, beside the one that all fields share; ``None``: none has one.
        net: kind of network for images, ``"mlp"`` or ``"conv"``, or for sequences, ``"recurrent"`` or
            ``"transformer"``; ``"auto"``: by the data.
        tokens: what text is cut into: ``"bpe"`` (pieces that occur often), ``"words"`` or ``"bytes"``; ``"auto"``: by
            the data.
        varied: whether training sees rows as they might as well be: pictures moved, turned and stretched a little,
            molecules written from another atom on; ``"auto"``: where they are few.
        width, depth, dropout: of the networks; ``"auto"``: by the data.
        refine: fit the prior anew to encoded rows after training, where held-out rows gain from it: ``True`` a mixture,
            or the name of a prior (``"mixture"``, ``"flow"``, ``"matching"``), or several, of which the best is kept;
            and learn to tell made rows from real ones, for ``generate``. ``False``: neither.
        members: how many models are fitted to the same rows, each from weights of its own, and kept as one: a mixture
            with equal weights (an ensemble). It takes as many times as long, and a budget is shared out; places in the
            latent (``transform``, ``interpolate``, ``explain``) are those of the first.
        steps: planned steps of the optimiser; ``"auto"``: by the data. Training stops earlier when the held-out bound
            stops rising.
        batch, learning_rate: of the optimiser; ``"auto"``: by the data.
        private: differentially private training: ε for one row, or ``{"epsilon": 3.0, "delta": 1e-5, "clip": 1.0}``;
            ``None``: none. Covers the weights and the scores that p-values come from, not what describes the columns
            (levels, quantiles, smallest and largest values); ``info()["private"]`` says what was spent.
        random_state: a seed. The same seed gives the same bits on the same machine and thread count.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` …
        threads: ``"auto"`` measures one against all; or a number.
        precision: ``"float32"``, ``"bfloat16"`` (matrix products only), or ``"auto"``.

    Attributes:
        fields_: the observed fields, as described from the data.
        joint_: the fitted joint density.
        history_: a table of the fit (the first member's): step, seconds, held-out bound (nats a row) and its parts.
        calibration_: what was learned on held-out rows.
        choices_: the shape of the model, every ``"auto"`` settled.
        private_: what a private fit promised, what it spent and what that covers; ``None``: the fit was not private.
        strength_: of the noise that the last ``denoise`` took off each row.
        trouble_: what went wrong and was survived while training, in sentences.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = VAE(random_state=0).fit(x, epochs=2)
    >>> model.generate(5).shape, model.transform(x).shape[0]
    ((5, 3), 200)
    """

    schema_: Schema
    rules_: Rules
    fields_: tuple[Field, ...]
    joint_: Joint
    choices_: Choices
    plan_: dict[str, Any]
    history_: list[dict[str, Any]]
    trouble_: list[str]
    private_: dict[str, Any] | None
    calibration_: dict[str, Any]
    effective_sample_size_: float
    strength_: np.ndarray

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Jobs are methods."""

    def __init__(
        self,
        latent: int | Sequence[int] | str = "auto",
        prior: str | Mapping[str, Any] = "auto",
        posterior: str | Mapping[str, Any] = "auto",
        objective: str | Mapping[str, Any] | Objective = "auto",
        likelihood: str | Mapping[str, str] | None = None,
        kind: str | Mapping[str, str] | None = None,
        columns: Mapping[str, Any] | None = None,
        constraints: Sequence[str] = (),
        first: Sequence[str] = (),
        target: str | None = None,
        levels: int | str = "auto",
        own: Mapping[str, int] | None = None,
        net: str = "auto",
        tokens: str = "auto",
        varied: bool | str = "auto",
        width: int | str = "auto",
        depth: int | str = "auto",
        dropout: float | str = "auto",
        refine: bool | str | Sequence[str] = True,
        members: int = 1,
        steps: int | str = "auto",
        batch: int | str = "auto",
        learning_rate: float | str = "auto",
        private: float | Mapping[str, Any] | None = None,
        random_state: int | None = 0,
        device: str = "auto",
        threads: int | str = "auto",
        precision: str = "auto",
    ) -> None:
        self.latent = latent
        self.prior = prior
        self.posterior = posterior
        self.objective = objective
        self.likelihood = likelihood
        self.kind = kind
        self.columns = columns
        self.constraints = constraints
        self.first = first
        self.target = target
        self.levels = levels
        self.own = own
        self.net = net
        self.tokens = tokens
        self.varied = varied
        self.width = width
        self.depth = depth
        self.dropout = dropout
        self.refine = refine
        self.members = members
        self.steps = steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.private = private
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.precision = precision

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        budget: str | float | None = None,
        epochs: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        verbose: bool | None = None,
    ) -> VAE:
        """Fit the model to data.

        Args:
            X: a frame, an array, a list of texts, a path or folder, or a dict of named fields. Nulls are data.
            y: ignored; it is here for scikit-learn. A target is a column (or field) like any other.
            budget: how long to train: ``"90s"``, ``"5m"``, ``"2h"`` or seconds. ``None``: until the held-out bound
                stops rising.
            epochs: train exactly this many passes through the rows instead.
            checkpoint: a folder to keep checkpoints in.
            resume: go on from the checkpoint there, if there is one.
            verbose: show progress; ``None``: if it takes longer than two seconds.

        Raises:
            DataError: the data is at fault; the message names the row, column or file.
        """
        from vaery.fit import fit

        fit(self, X, budget=budget, epochs=epochs, checkpoint=checkpoint, resume=resume, verbose=verbose)
        self.set_feature_names()
        return self

    def set_feature_names(self) -> None:
        """The attributes scikit-learn looks for, from the fields."""
        if not self.schema_.wrapped and self.fields_[0].cell_names is not None:
            names = list(self.fields_[0].cell_names)
            self.n_features_in_ = len(names)
            if getattr(self.fields_[0], "container", "numpy") != "numpy":
                self.feature_names_in_ = np.asarray(names, dtype=object)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of :meth:`transform`."""
        self._check_fitted()
        return np.asarray([f"z{i}" for i in range(sum(self.choices_.latent))], dtype=object)

    # ------------------------------------------------------------------ jobs

    def run(
        self, job: str, *raw: Any, given: Mapping[str, Any] | None = None, seed: int | None = None, **options: Any
    ) -> Any:
        """Any job by name, as its method does it.

        Args:
            job: a member of ``jobs``.
            raw: the rows it takes (none, one or two sets).
            given: conditions, for jobs that take them: field or column → value, ``between(...)`` or ``one_of(...)``.
            seed: the same seed gives the same answer. ``None``: jobs about rows always answer the same; jobs that draw
                answer anew each time.
            options: of the job; its docstring tells them.
        """
        self._check_fitted()
        function = member("jobs", job)
        spec = function.job
        wanted = inspect.signature(function).parameters
        filled = {"calibration": self.calibration_, "history": self.history_, "watch": teller(job)}
        options |= {name: value for name, value in filled.items() if name in wanted}
        anew = spec.gives == "records" and not spec.rowwise and spec.takes != "two rows"
        stream = functools.partial(Random, self._seed(seed, anew), self.joint_.device, share_rows=spec.takes == "rows")
        if spec.takes == "given":
            if raw:
                raise QueryError(f"{job}() takes no rows but conditions: write {job}(given={{'column': value}})")
            evidence, exact = self.schema_.given(given or {})
            refuse_given(self, given or {}, int(options.get("n", wanted["n"].default if "n" in wanted else 1)))
            result = function(self.joint_, evidence.to(self.joint_.device), rng=stream(), **options)
            self.effective_sample_size_ = getattr(result, "effective_sample_size", float("nan"))
            held = evidence[slice(0, 1)].to(self.joint_.device).repeat(getattr(result, "rows", 1))
            return kept(self, spec, in_raw(self.schema_, result, exact=exact), held, stream(), given, complete(options))
        if given is not None:
            raise QueryError(f"{job}() takes rows and no given=; leave cells of the rows empty instead")
        expected = {"rows": 1, "two rows": 2, "nothing": 0}[spec.takes]
        if len(raw) != expected:
            raise QueryError(f"{job}() takes {expected} set(s) of rows, {len(raw)} came")
        rows = [read(r) for r in raw]
        if spec.smaller:
            rows = [self.schema_.enlarged(r, options.get(spec.smaller, wanted[spec.smaller].default)) for r in rows]
        return Question(self, function, stream, options).answer(rows)

    def transform(self, X: Any) -> np.ndarray:
        """Rows → ``[rows, latent]``, the posterior mean: always the same for a row, whatever batch it comes in."""
        return self.run("embed", X)

    def score_samples(self, X: Any) -> np.ndarray:
        """``[rows]`` log p(x) in nats and in the data's own units, by importance weighting; higher is more normal."""
        return self.run("score", X)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of :meth:`score_samples`: one number, nats a row, higher is better."""
        return float(np.mean(self.score_samples(X)))

    def predict(self, X: Any, target: str | None = None, **options: Any) -> np.ndarray:
        """A column or field from whatever else is known; without ``target``, +1 for ordinary rows and -1 for outliers.

        Args:
            X: rows; what they hold of the target itself is not looked at.
            target: a column or field.
            options: of the job ``predict``.

        Returns:
            One entry a row, in the target's own type.
        """
        if target is None:
            return np.where(np.asarray(self.detect(X, reasons=0)["outlier"], dtype=bool), -1, 1)
        return self.run("predict", X, target=target, **options)

    def predict_proba(self, X: Any, target: str | None = None, **options: Any) -> np.ndarray:
        """The probability of each level of a column, from whatever else is known; without ``target``, of being an
        outlier and of being ordinary.

        Args:
            X: rows; what they hold of the target itself is not looked at.
            target: a column or field of levels.
            options: of the job ``predict_proba``.

        Returns:
            ``[rows, levels]``, in the order of :meth:`classes`; without ``target`` the conformal p-value is the second
            column, its complement the first.
        """
        if target is None:
            ordinary = np.asarray(self.detect(X, reasons=0)["p_value"], dtype=float)
            return np.stack([1 - ordinary, ordinary], 1)
        return self.run("predict_proba", X, target=target, **options)

    def classes(self, target: str) -> np.ndarray:
        """The levels of a column, in the order of the columns of :meth:`predict_proba`.

        Args:
            target: a column or field of levels.

        Returns:
            ``[levels]``, in the target's own type.

        Raises:
            ChoiceError: no column is called ``target``.
            QueryError: it holds plain numbers and has no levels.
        """
        self._check_fitted()
        return levels(self.schema_, self.joint_, target)

    def held_out_bound(self) -> float:
        """The held-out bound of the weights that the fit kept, nats a row (of packed values); nan of a private fit."""
        self._check_fitted()
        return best_row(self.history_).get("bound", float("nan"))

    # ------------------------------------------------------------------ files

    def save(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write one ``.vaery`` file: everything every job needs. No pickle.

        Raises:
            FileExistsError: it is there already and ``overwrite`` is false.
        """
        from vaery.file import save

        if not overwrite and Path(path).exists():
            raise FileExistsError(f"{path} is there already; choose another name or overwrite=True")
        self._check_fitted()
        save(self, path)

    def write(self, raw: Any, path: str | os.PathLike[str]) -> None:
        """Write raw records, as jobs return them, to a file or folder, by the kinds of their fields.

        Pictures and sounds in a frame's columns go into files, in a folder for each column beside the frame's own file.
        """
        if self.schema_.framed:
            raw = into_files(raw, {field.name: field.kind for field in self.fields_}, Path(path))
        if not self.schema_.wrapped:
            kind = "table" if self.schema_.framed else self.fields_[0].kind
            member("kinds", kind).write(raw, path)
            return
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for field in self.fields_:
            if field.name in raw:
                suffix = {"table": ".csv"}.get(field.kind, "")
                member("kinds", field.kind).write(raw[field.name], folder / f"{field.name}{suffix}")

    def info(self) -> dict[str, Any]:
        """What is in the model, as plain data."""
        from vaery.file import info

        self._check_fitted()
        return info(self)

    # ------------------------------------------------------------------ inside

    def _seed(self, seed: int | None, anew: bool) -> int:
        if seed is not None or not anew:
            return seed or 0
        self._asked = getattr(self, "_asked", 0) + 1
        return (self.random_state or 0) * 1_000_003 + self._asked

    def _check_fitted(self) -> None:
        if not hasattr(self, "joint_"):
            raise NotFittedYet("this VAE is not fitted yet; call fit(data) first, or load('model.vaery')")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "joint_")


def _method(name: str) -> Callable[..., Any]:
    """A job as a method of the estimator, with the job's own help."""
    function = member("jobs", name)

    @functools.wraps(function, assigned=("__name__", "__doc__"))
    def method(self: VAE, *raw: Any, **options: Any) -> Any:
        if function.job.takes in ("given", "nothing"):  # no rows: what comes by position are options
            if len(raw) > len(plain) or any(not isinstance(value, int | float | str) for value in raw):
                raise QueryError(f"{name}() takes no rows but conditions: write {name}(given={{'column': value}})")
            options |= dict(zip(plain, raw, strict=False))
            raw = ()
        return self.run(name, *raw, **options)

    inner = [p for p in list(inspect.signature(function).parameters.values())[1:] if p.name not in FILLED]
    plain = [p.name for p in inner if p.name != "evidence"]
    owner = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    shown: Any = method  # functions have no signature that a type knows of
    shown.__signature__ = inspect.Signature([owner, *inner])
    return method


for _name in members("jobs"):
    if not hasattr(VAE, _name):
        setattr(VAE, _name, _method(_name))


def describe(data: Any, **options: Any) -> list[Field]:
    """What would be modelled: the fields of some data, found by looking, to check before a fit.

    Args:
        data: as for :meth:`VAE.fit`.
        options: ``likelihood``, ``kind``, ``columns``, ``net``, ``tokens``, ``varied`` of :class:`VAE`.
    """
    return list(Schema.describe(data, **options)[0].fields)


def load(path: str | os.PathLike[str], device: str = "auto") -> VAE:
    """Read a model that :meth:`VAE.save` wrote. A file from a GPU opens without one.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is not a whole vaery model; one line says why.
    """
    from vaery.file import load

    return load(path, device)
