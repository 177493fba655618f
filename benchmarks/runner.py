"""Run tasks and keep what comes out, a line for each (task, table, method, seed)."""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Iterable
from typing import Any

import torch
from common import Clock, Results
from peers import origin
from task import Task


def measure(task: Task, options: Any, seeds: Iterable[int], results: Results, script: str) -> None:
    """Every method of a task that is wanted and not there yet; one that fails is told of and left out."""
    wanted, again = ({n for n in re.split(",(?! )", text) if n} for text in (options.methods, options.again))
    for seed in seeds:
        setting = None
        for name, method in task.methods.items():
            if (wanted and name not in wanted) or (name in task.once and seed > 0):
                continue
            key, config = task.key(name, seed), {**task.config, "threads": options.threads}
            if results.find(key, config) and not again & {name, task.name}:
                continue
            setting = task.setting(seed) if setting is None else setting
            torch.manual_seed(seed)
            try:
                with Clock() as clock:
                    values = method(setting, seed)
            except Exception:
                print(f"{key} FAILED\n{traceback.format_exc()}", file=sys.stderr, flush=True)
                continue
            took = {"seconds": clock.wall, "cpu_seconds": clock.cpu}
            whose = {"task": task.name, "data": task.data, "method": name, "seed": seed, "ours": name in task.ours}
            results.put(key, config, {**whose, "values": values, **took}, origin(options, script))
            shown = {k: round(v, 4) for k, v in values.items() if isinstance(v, float)}
            print(f"{key} {took['seconds']:.0f} s {json.dumps(shown)}", file=sys.stderr, flush=True)
