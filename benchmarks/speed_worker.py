"""One contestant in a process of its own. It obeys one command a line on standard input, and answers with JSON.

    python benchmarks/speed_worker.py ours-fp32 --rows 60000 --data FOLDER

Commands: ``epoch``, ``bound``, ``refine``, ``score ROWS DRAWS``, ``sample ROWS``. The answer holds the value and the
CPU and wall seconds it took.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import Clock, data


class Contestant:
    """A trainer and the rows it is measured on: images as bytes for ours, floats for those that want floats.

    Only ours has a schedule (the epochs it is planned for, its highest rate, its warm-up), and may hold rows out.
    """

    def __init__(self, name: str, rows: int, folder: Path, net: str = "mlp", **schedule: float) -> None:
        found = data(folder).mnist()
        train, test = found["x_train"][:rows], found["x_test"][: max(1000, rows // 6)]
        library, _, precision = name.partition("-")
        if library == "ours":
            import torch
            from speed_ours import Ours

            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
            kept = {"fp32": "float32", "bf16": "bfloat16"}[precision]
            self.trainer: Any = Ours(train, precision=kept, net=net, **schedule)
            self.test: Any = test
            return
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        torch.manual_seed(0)
        self.test = floats(test)
        if library == "pythae":
            from speed_pythae import Pythae

            self.trainer = Pythae(floats(train), net=net)
        else:
            from tuned import Tuned

            self.trainer = Tuned(floats(train), bf16=precision == "bf16")

    def epoch(self) -> int:
        return self.trainer.epoch()

    def bound(self) -> float:
        return self.trainer.bound(self.test)

    def refine(self) -> float:
        return self.trainer.refine()

    def score(self, rows: str, draws: str) -> float:
        return self.trainer.score(self.test[: int(rows)], int(draws))

    def sample(self, rows: str) -> int:
        return self.trainer.sample(int(rows))


def floats(images: np.ndarray) -> Any:
    """``[N, 28, 28]`` uint8 → ``[N, 784]`` float32 tensor in 0 to 1."""
    import torch

    return torch.from_numpy(images.reshape(len(images), -1)).float() / 255


def serve(contestant: Any, say: Callable[[dict[str, Any]], None]) -> None:
    """Obey until standard input ends."""
    for line in sys.stdin:
        command, *arguments = line.split()
        with Clock() as clock:
            value = getattr(contestant, command)(*arguments)
        say({"value": value, "cpu": clock.cpu, "wall": clock.wall})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--net", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1e-3, help="of ours, at its highest")
    parser.add_argument("--warmup", type=float, default=0.0, help="of ours")
    parser.add_argument("--held_out", type=int, default=1, help="of ours: images not trained on")
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    schedule = {"epochs": asked.epochs, "rate": asked.rate, "warmup": asked.warmup, "held_out": asked.held_out}
    contestant = Contestant(asked.name, asked.rows, asked.data, asked.net, **schedule)
    say({"ready": asked.name})
    serve(contestant, say)


if __name__ == "__main__":
    main()
