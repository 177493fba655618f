"""Questions about the model itself, and searches with it: methods of the estimator that take a package of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from vaery.audit import Audit
    from vaery.evaluation.evaluation import Evaluation
    from vaery.evaluation.latent.drawing import Drawing
    from vaery.model import VAE
    from vaery.optimisation import Optimised


class Studies:
    """What a fitted :class:`~vaery.model.VAE` is asked beside its jobs. Each method imports its package when called."""

    _check_fitted: Callable[[], None]

    def _fitted(self) -> VAE:
        """The estimator that this is a part of, once it is fitted."""
        self._check_fitted()
        return cast("VAE", self)

    def audit(self, train: Any, test: Any, synthetic: Any = None, **options: Any) -> Audit:
        """Whether this model, and rows made by it, give away the rows it was fitted on: pass or fail, with reasons.

        Args:
            train: the rows it was fitted on.
            test: rows of the same source that it never saw.
            synthetic: the rows to let go; none: as many as ``train`` are generated.
            options: ``canaries``, limits and sizes; see :func:`vaery.audit.audit`.
        """
        from vaery.audit import audit

        return audit(self._fitted(), train, test, synthetic, **options)

    def evaluate(
        self,
        X: Any,
        *,
        train: Any = None,
        target: str | None = None,
        rows: int = 1000,
        jobs: Sequence[str] | None = None,
        seed: int = 0,
        verbose: bool | None = None,
    ) -> Evaluation:
        """The report card: each job tried on held-out rows, beside the obvious simple method, with a verdict.

        Cells are hidden and filled, errors planted and looked for, new rows made and judged, columns predicted, rows
        scored. A job's verdict is ``"better"``, ``"same"`` or ``"do not use it for this"``; only what a paired
        bootstrap tells from chance is called a difference. Of series, stretches are hidden and filled, and odd ones
        planted and looked for.

        Args:
            X: rows that the model was not fitted to, 20 at least.
            train: rows that simple methods may learn from, best those of the fit; ``None``: each half of ``X`` learns
                from the other.
            target: the column that matters: it is predicted, and learned from made rows; ``None``: every column.
            rows: how many of ``X``, at random, each job is tried on; more are slower and surer.
            jobs: only these, of ``"generate"``, ``"impute"``, ``"predict"``, ``"detect"``, ``"score"``.
            seed: the same seed gives the same card, but for the times.
            verbose: tell what is being tried; ``None``: if it takes longer than two seconds.

        Returns:
            An :class:`~vaery.evaluation.evaluation.Evaluation`: prints as a table; ``.to_html(path)``,
            ``.to_json(path)``, ``.to_dict()``.

        Raises:
            DataError: fewer than 20 rows came.
            QueryError: the model holds a field that is neither a table nor pictures, nor is it of series alone.
        """
        from vaery.evaluation.run import run

        return run(self._fitted(), X, train=train, target=target, rows=rows, jobs=jobs, seed=seed, verbose=verbose)

    def traversals(
        self,
        X: Any,
        *,
        units: int = 8,
        steps: int = 9,
        reach: float = 2.0,
        around: int | None = None,
        invert: bool = False,
        field: str | None = None,
    ) -> Drawing:
        """What each unit of the latent does, as a picture: a row for each unit, those that tell most on top.

        Along a row that unit alone is moved, in standard deviations of the aggregated posterior; the last picture of a
        row shows where anything changes.

        Args:
            X: rows, which say how far each unit goes.
            units: how many at most; those that are not in use are left out.
            steps: pictures in a row.
            reach: how far to each side, in standard deviations.
            around: the number of a row of ``X``, from 0, to start from instead of the middle of all.
            invert: black for white: for pictures that are light on dark.
            field: which field of images is shown; ``None``: the first.

        Returns:
            A :class:`~vaery.evaluation.latent.drawing.Drawing`: a notebook shows it, ``.save("units.png")`` writes it,
            ``.about`` holds the units, their bits and the records.

        Raises:
            QueryError: the model holds no images, no unit is in use, or there is no such row.
            MissingExtra: matplotlib is not installed.
        """
        from vaery.evaluation.latent.traversals import traversals

        return traversals(
            self._fitted(), X, units=units, steps=steps, reach=reach, around=around, invert=invert, field=field
        )

    def map(
        self,
        X: Any,
        *,
        coordinates: Any = "tsne",
        labels: Any = None,
        across: int = 24,
        most: int = 5000,
        invert: bool = False,
        field: str | None = None,
        seed: int = 0,
    ) -> Drawing:
        """A map of the latent, as a picture of pictures: where rows lie, with one of those that lie there.

        The plane is cut into squares; each in which any row lies shows the row nearest to its middle, so that pictures
        never cover one another.

        Args:
            X: rows.
            coordinates: what places them: ``"tsne"`` (neighbours stay together; distances mean little), ``"pca"`` (the
                two directions in which they differ most), or ``[rows, 2]`` numbers.
            labels: what colours them: one a row, or the name of a field, which then does not place them.
            across: squares along the longer side.
            most: of more rows, so many at random are placed.
            invert: black for white: for pictures that are light on dark.
            field: which field of images is shown; ``None``: the first.
            seed: of what is drawn at random.

        Returns:
            A :class:`~vaery.evaluation.latent.drawing.Drawing`: a notebook shows it, ``.save("map.png")`` writes it,
            ``.about`` holds the rows, their coordinates and which are shown.

        Raises:
            QueryError: the model holds no images.
            MissingExtra: matplotlib is not installed.
        """
        from vaery.evaluation.latent.map import latent_map

        return latent_map(
            self._fitted(), X, coordinates=coordinates, labels=labels, across=across, most=most, invert=invert,
            field=field, seed=seed,
        )  # fmt: skip

    def optimise(
        self,
        target: str | Callable[[Any], Any],
        *,
        direction: str = "max",
        given: Mapping[str, Any] | None = None,
        n: int = 10,
        calls: int = 500,
        feasible: Callable[[Any], Any] | None = None,
        start: Any = None,
        within: float | Callable[[Any, Any], Any] | None = None,
        distinct: str | None = None,
        surrogate: str = "auto",
        compare: bool = False,
        seed: int = 0,
    ) -> Optimised:
        """The best candidates that the model can make: a target raised or lowered, conditions kept.

        A search in rounds: new candidates are made from the best so far (near them in the latent, or some of their
        cells drawn anew), always under the conditions; a surrogate guesses from the calls so far what each is worth,
        and the target is called for the most promising.

        Args:
            target: a column of numbers, whose expected value under the model is then what counts; or a function of raw
                records, as :meth:`generate` gives them, that returns one number for each.
            direction: ``"max"`` or ``"min"``.
            given: conditions, as in :meth:`generate`: column → value, ``between(...)`` or ``one_of(...)``.
            n: how many candidates come back, all different.
            calls: for how many candidates the target is called. It is called for several at once.
            feasible: a function of raw records that returns which of them are allowed. Its calls are not counted.
            start: rows to begin from; the target is called for these too, and they do not come back.
            within: how near to ``start`` candidates are: a function ``(start, records)`` that returns which of them are
                near enough; or a distance in the latent, where 1 is the median distance between two draws.
            distinct: the field by which candidates are told apart; ``None``: by all they hold.
            surrogate: ``"gp"`` (a Gaussian process, needs BoTorch), ``"forest"``, or ``"auto"``: the first there is.
            compare: also call the target for as many candidates at random, to see what the search gains.
            seed: the same seed gives the same candidates.

        Returns:
            An :class:`~vaery.optimisation.result.Optimised`: ``.records``, ``.values``, ``.trace``, ``.regret``.

        Raises:
            ChoiceError: there is no such column, direction, field or surrogate.
            QueryError: the column holds no numbers, or no candidate meets every condition; says which refused how many.
            DataError: the function failed or gave no finite number; names the candidate.
            MissingExtra: ``surrogate="gp"`` and BoTorch is not installed.
        """
        from vaery.optimisation import optimise

        return optimise(
            self._fitted(), target, direction=direction, given=given, n=n, calls=calls, feasible=feasible, start=start,
            within=within, distinct=distinct, surrogate=surrogate, compare=compare, seed=seed,
        )  # fmt: skip
