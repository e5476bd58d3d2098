"""How the seeds of a training ended: each one's result, medians and ranges of all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from cortexwave.errors import RecordingError
from cortexwave.learning.run_folder import replace_text, seed_folder, told
from cortexwave.learning.training_document import Training


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """How a seed ended."""
    replace_text(folder / "result.json", json.dumps(result, indent=1))


def read_result(folder: Path) -> dict[str, Any] | None:
    """How a seed ended; None while it has not."""
    path = folder / "result.json"
    if not path.exists():
        return None
    try:
        with told(path):
            result = json.loads(path.read_text(encoding="utf-8"))
        if "failed" not in result:
            result["test"], result["best"], result["goals"]  # what a summary needs
        return dict(result)
    except (ValueError, TypeError, KeyError) as error:
        raise RecordingError(f"{path}: damaged ({error!r})") from error


def summary_of(folder: Path, training: Training) -> dict[str, Any]:
    """Medians and ranges over the seeds that have ended.

    Scores are those of the seeds that did not fail, of how many stands beside them.
    The iteration of a goal counts a seed that never got there, or failed, as the
    last: where that is half of the seeds or more, there is no median.
    """
    ended = {seed: read_result(seed_folder(folder, seed)) for seed in training.seeds}
    results = {seed: result for seed, result in ended.items() if result is not None}
    whole = [result for result in results.values() if "failed" not in result]
    failed = {seed: r["failed"] for seed, r in results.items() if "failed" in r}
    rows = {}
    for part in ("test", "best"):
        for name in whole[0][part] if whole else ():
            scores = [result[part][name] for result in whole]
            rows[f"{part}.{name}"] = _spread(scores, of=len(results))
    for goal, value in training.goals.items():
        at = [result["goals"].get(goal) for result in whole]
        there = [iteration for iteration in at if iteration is not None]
        spread = _spread(there, of=len(results))
        never = [math.inf] * (len(results) - len(there))
        middle = median([*there, *never]) if results else math.inf
        spread["median"] = None if math.isinf(middle) else middle
        spread["highest"] = None if never else spread["highest"]
        rows[f"iteration of {goal} {value:g}"] = spread
    return {
        "title": training.title,
        "seeds": list(results),
        "failed": failed,
        "scores": rows,
        "network": whole[0]["network"] if whole else {},
        "seconds": sum(result["seconds"] for result in whole),
    }


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write a summary into the folder of its training, as JSON and as CSV."""
    replace_text(folder / "summary.json", json.dumps(summary, indent=1))
    lines = ["score,median,lowest,highest,seeds_there,seeds_of"]
    for name, spread in summary["scores"].items():
        values = (spread[key] for key in ("median", "lowest", "highest", "there", "of"))
        lines.append(",".join([name, *("" if v is None else f"{v:g}" for v in values)]))
    replace_text(folder / "summary.csv", "\n".join(lines) + "\n")


def _spread(values: list[float], *, of: int) -> dict[str, Any]:
    """Median and range of the values that there are, `there` of so many seeds."""
    return {
        "median": median(values) if values else None,
        "lowest": min(values, default=None),
        "highest": max(values, default=None),
        "there": len(values),
        "of": of,
    }
