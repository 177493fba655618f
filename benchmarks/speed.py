"""The speed bars: training, time to a bound, importance-weighted likelihood, memory, imports, a table that grows.

    python benchmarks/speed.py [--only train,bound,score,memory,imports,table] [--rounds 5] [--quick]

Each contestant lives in a process of its own, on one thread, and they take turns: a round is one epoch (or one batch of
scores) of each, in an order that changes from round to round, so that a busy moment hits all of them. What is compared
is process CPU seconds; ratios are taken within a round, and the median over rounds is what counts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import footprint
from common import PEERS, ROOT, Results, arguments, pinned
from peers import origin

WORKER = ROOT / "benchmarks" / "speed_worker.py"
TRAINERS = ("ours-fp32", "ours-bf16", "tuned-fp32", "tuned-bf16", "pythae")
SCORERS = ("ours-fp32", "pythae")
PEER_EPOCHS = 20  # of pythae, whose bound is the goal
PLANS = (4, 6, 8)  # epochs our schedule is planned for, each a run of its own, after which a prior is fitted
HELD_OUT = 2500  # training images that ours does not train on: they choose that prior
COUNTS = "bf16, planned for 6 epochs"  # the run whose seconds count, said beforehand
SCHEDULE = {"rate": 8e-3, "warmup": 0.2}  # of ours, whatever its length; found on the last 5,000 training images


class Worker:
    """A contestant's process: see ``speed_worker.py``."""

    def __init__(self, name: str, rows: int, folder: Path, threads: int, **schedule: float | str) -> None:
        python = PEERS if name.startswith("pythae") else Path(sys.executable)
        command = [python, WORKER, name, "--rows", rows, "--data", folder]
        command += [word for option, value in schedule.items() for word in (f"--{option}", value)]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=pinned(threads),
        )
        self._answer()

    def __call__(self, *command: Any) -> dict[str, float]:
        """Obey a command; the value and the seconds it took."""
        assert self.process.stdin is not None
        print(*command, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a contestant died: {' '.join(map(str, self.process.args))}")  # type: ignore[arg-type]
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def turns(names: Sequence[str], round_: int) -> list[str]:
    """The order of a round: each starts as often as the others."""
    shift = round_ % len(names)
    return [*names[shift:], *names[:shift]]


def train(asked: Any, results: Results) -> None:
    """Rows a second while training, and the bound that all reach after the same number of epochs."""
    rows = 6000 if asked.quick else 60_000
    config = {"rows": rows, "batch": 128, "rounds": asked.rounds, "threads": asked.threads, **SCHEDULE}
    if results.find("train", config) and "train" not in asked.again:
        return
    workers = {
        name: Worker(name, rows, asked.data, asked.threads, epochs=asked.rounds + 1, **SCHEDULE) for name in TRAINERS
    }
    seconds: dict[str, list[float]] = {name: [] for name in TRAINERS}
    wall: dict[str, list[float]] = {name: [] for name in TRAINERS}
    for round_ in range(asked.rounds + 1):  # the first warms up
        for name in turns(TRAINERS, round_):
            answer = workers[name]("epoch")
            if round_:
                seconds[name].append(answer["cpu"] * 60_000 / answer["value"])
                wall[name].append(answer["wall"] * 60_000 / answer["value"])
        report("train", round_, {n: s[-1] for n, s in seconds.items() if s})
    bounds = {name: worker("bound")["value"] for name, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    values = {
        "cpu_seconds_per_60000_rows": seconds,
        "wall_seconds_per_60000_rows": wall,
        "rows_per_second": {n: 60_000 / statistics.median(s) for n, s in seconds.items()},
        "bound": bounds,
        "epochs": asked.rounds + 1,
        "ratios": {
            "fp32 / pythae": ratios(seconds, "pythae", "ours-fp32"),
            "bf16 / pythae": ratios(seconds, "pythae", "ours-bf16"),
            "tuned fp32 / fp32": ratios(seconds, "ours-fp32", "tuned-fp32"),
            "tuned bf16 / bf16": ratios(seconds, "ours-bf16", "tuned-bf16"),
        },
    }
    results.put("train", config, values, origin(asked, "speed.py"))


def ratios(seconds: dict[str, list[float]], slow: str, fast: str) -> dict[str, float]:
    """How many times longer ``slow`` took, within rounds: median, smallest, largest."""
    found = [a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)]
    return {"median": statistics.median(found), "low": min(found), "high": max(found)}


def bound(asked: Any, results: Results) -> None:
    """CPU seconds to the held-out bound that pythae has after its 20 epochs."""
    rows, epochs = (6000, 3) if asked.quick else (60_000, PEER_EPOCHS)
    plans = PLANS[:1] if asked.quick else PLANS
    config = {"rows": rows, "batch": 128, "epochs": epochs, "plans": list(plans), "threads": asked.threads}
    ways = {"held_out": HELD_OUT, **SCHEDULE}
    config |= {"counts": COUNTS, **ways}
    if results.find("bound", config) and "bound" not in asked.again:
        return
    peer = curve(Worker("pythae", rows, asked.data, asked.threads), epochs)
    goal = peer[-1]["bound"]
    ours = {}
    for plan in plans:
        for precision in ("bf16", "fp32"):
            name = f"{precision}, planned for {plan} epochs"
            worker = Worker(f"ours-{precision}", rows, asked.data, asked.threads, epochs=plan, **ways)
            ours[name] = curve(worker, plan, goal)
            report("bound", plan, {name: ours[name][-1]["bound"], "goal": goal})
    passed = {name: next((p["cpu"] for p in points if p["bound"] >= goal), None) for name, points in ours.items()}
    values = {"goal": goal, "peer_seconds": peer[-1]["cpu"], "peer": peer, "ours": ours, "seconds": passed}
    results.put("bound", config, values, origin(asked, "speed.py"))


def curve(worker: Worker, epochs: int, goal: float | None = None) -> list[dict[str, float]]:
    """The held-out bound after each epoch, and the CPU seconds until then; ends at ``goal``.

    With a goal, the last point is that of the prior fitted to encoded rows, whose seconds count."""
    points, spent = [], 0.0
    for part in ["epoch"] * epochs + ["refine"] * (goal is not None):
        spent += worker(part)["cpu"]
        points.append({"cpu": spent, "bound": worker("bound")["value"]})
        if goal is not None and points[-1]["bound"] >= goal:
            break
    worker.close()
    return points


def score(asked: Any, results: Results) -> None:
    """Rows a second of the importance-weighted log-likelihood with 100 draws."""
    train_rows, rows = (2000, {"ours": 100, "pythae": 20}) if asked.quick else (60_000, {"ours": 1000, "pythae": 300})
    config = {"rows": rows, "draws": 100, "rounds": asked.rounds, "threads": asked.threads}
    if results.find("score", config) and "score" not in asked.again:
        return
    workers = {name: Worker(name, train_rows, asked.data, asked.threads, epochs=1) for name in SCORERS}
    seconds: dict[str, list[float]] = {name: [] for name in SCORERS}
    values: dict[str, float] = {}
    for worker in workers.values():
        worker("epoch")
    for round_ in range(asked.rounds + 1):
        for name in turns(SCORERS, round_):
            count = rows[name.partition("-")[0]]
            answer = workers[name]("score", count, 100)
            values[name] = answer["value"]
            if round_:
                seconds[name].append(answer["cpu"] / count)
    for worker in workers.values():
        worker.close()
    ratio = {f"{n[5:]} / pythae": ratios(seconds, "pythae", n) for n in SCORERS if n != "pythae"}
    speed = {name: 1 / statistics.median(s) for name, s in seconds.items()}
    report("score", asked.rounds, speed)
    results.put("score", config, {"rows_per_second": speed, "mean": values, "ratios": ratio}, origin(asked, "speed.py"))


def report(what: str, round_: int, numbers: dict[str, float]) -> None:
    """Progress, on standard error."""
    print(what, round_, {k: round(v, 3) for k, v in numbers.items()}, file=sys.stderr, flush=True)


PARTS = {
    "train": train,
    "bound": bound,
    "score": score,
    "memory": footprint.memory,
    "imports": footprint.imports,
    "table": footprint.table,
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count, after one that warms up")
    asked = parser.parse_args()
    asked.data = asked.data.resolve()
    if asked.quick:
        asked.rounds = 2
    results = Results("speed", keep=not asked.quick)
    for part in asked.only.split(","):
        PARTS[part](asked, results)
    if asked.quick:
        print(
            json.dumps(
                {k: {n: v for n, v in line.items() if n != "about"} for k, line in results.lines.items()}, indent=1
            )
        )


if __name__ == "__main__":
    main()
