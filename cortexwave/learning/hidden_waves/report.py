"""The hidden waves of a finished training: a table and figures beside its seeds.

For every seed the network is linearised, its spectrum and basis are held against the
task's own, and figures go to `seed-N/hidden_waves/`; the table to `hidden_waves.csv`
and `hidden_waves.json` in the folder of the training.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning import run_folder
from cortexwave.learning.hidden_waves.decoder import score_fixed_decoder, site_contents
from cortexwave.learning.hidden_waves.labelled import (
    hidden_movie,
    operator_dataset,
    residual_directions,
    spectrum_dataset,
)
from cortexwave.learning.hidden_waves.one_step import network_step, trajectory
from cortexwave.learning.hidden_waves.recovery import Recovered, recover_network
from cortexwave.learning.hidden_waves.systems import SignedCopy
from cortexwave.learning.hidden_waves.systems import run as run_system
from cortexwave.learning.tasks import Source
from cortexwave.learning.training import load_network
from cortexwave.learning.training_document import Training
from cortexwave.learning.training_summary import read_result

Weights = Literal["last", "best"]
_FILES = {"last": "checkpoint.h5", "best": "best.h5"}
_SCORES = {"last": "test", "best": "best"}  # where a seed's result has their scores
_STEPS = 40  # output steps that are shown and decoded: five times round T1's rings
_SEQUENCES = 128
_RIDGE = 1e-6  # of the states' mean variance: enough for directions never used


@dataclass(frozen=True)
class Uncovered:
    """What was found in one seed: its row of the table, and the figures written."""

    seed: int
    row: dict[str, Any]
    figures: tuple[Path, ...]


def uncover(folder: str | Path, *, weights: Weights = "last") -> list[dict[str, Any]]:
    """Hidden waves of every seed of a training; returns the rows of the table.

    A seed in which nothing can be recovered has its reason as verdict. Raises
    `InputError` where the folder is no training of a history task, or a seed has not
    ended.
    """
    return [found.row for found in uncovering(folder, weights=weights)]


def uncovering(folder: str | Path, *, weights: Weights = "last") -> Iterator[Uncovered]:
    """`uncover`, told seed by seed."""
    folder = Path(folder)
    if weights not in _FILES:
        raise InputError(f"weights {weights!r} are not one of {', '.join(_FILES)}")
    training = run_folder.document_of(folder)
    copy = _signed_copy(training, folder)
    rows = []
    for seed in training.seeds:
        here = run_folder.seed_folder(folder, seed)
        if read_result(here) is None:
            raise InputError(
                f"{here}: this seed has not ended; `cortexwave resume {folder}` goes on"
            )
        if not (here / _FILES[weights]).exists():
            continue  # it diverged before there were any
        try:
            found = _one_seed(training, copy, here, seed, weights)
        except (InputError, NotFiniteError) as error:  # the other seeds are not lost
            result = read_result(here) or {}
            row = {"seed": seed, **_accuracies(result.get(_SCORES[weights], {})),
                   "eigenvalues_due": copy.needed_entries,
                   "verdict": f"no hidden waves: {error}"}  # fmt: skip
            found = Uncovered(seed, row, ())
        rows.append(found.row)
        yield found
    if not rows:
        raise InputError(f"{folder}: no seed has weights to look into")
    _write_table(folder, rows)


def _signed_copy(training: Training, folder: Path) -> SignedCopy:
    task: Any = training.task
    if task.kind != "history":
        raise InputError(
            f"{folder}: hidden waves are looked for in networks trained on a history "
            f"task; this one is '{task.kind}'"
        )
    copy: SignedCopy = task.copy_of()
    return copy


def _one_seed(
    training: Training, copy: SignedCopy, here: Path, seed: int, weights: Weights
) -> Uncovered:
    network = load_network(here / _FILES[weights])
    source = training.task.open(training.folder, seed)
    recovered = recover_network(network, sites=copy.sites, theory=copy.blocks())
    states, contents = _shown(network, source, copy)
    scores = score_fixed_decoder(
        states, contents, ridge=_RIDGE, kept=recovered.kept, seed=seed
    )
    into = here / "hidden_waves"
    into.mkdir(exist_ok=True)
    figures = _drawn(recovered, states, scores, copy, into)
    result = read_result(here) or {}
    row = _row(recovered, seed, result.get(_SCORES[weights], {}))
    row["decoder_r2"] = float(np.nanmean(scores["r2_dim"].values))
    return Uncovered(
        seed, {name: _plain(value) for name, value in row.items()}, figures
    )


def _plain(value: Any) -> Any:
    """A number as JSON can hold it: None where it is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(
    network: nn.Module, source: Source, copy: SignedCopy
) -> tuple[np.ndarray, np.ndarray]:
    """States (sequence, time, state) from the last input on, and what sites then hold.

    Contents are (sequence, time, site, dim), of the system itself, not of the network.
    """
    shown = source.batch("test", 0, _SEQUENCES).inputs[:, : copy.sites + _STEPS]
    # of an LSTM the whole state is looked into, h and c
    states = trajectory(network_step(network), shown)[:, copy.sites - 1 :]
    if not np.isfinite(states).all():
        raise NotFiniteError("its states are not finite: it has diverged")
    history = shown[:, : copy.sites].astype(np.float64)
    after = run_system(copy.system(), history, states.shape[1] - 1)
    contents = site_contents(np.concatenate([history, after], axis=1), sites=copy.sites)
    # while the last vector comes in the read-out is not yet its own (not scored)
    return states[:, 1:], contents[:, 1:]


def _drawn(
    recovered: Recovered, states: np.ndarray, scores: Any, copy: SignedCopy, into: Path
) -> tuple[Path, ...]:
    """The figures of one seed."""
    from cortexwave.view import save_figure
    from cortexwave.view.hidden_waves import (
        draw_contents,
        draw_decoder,
        draw_eigenvalues,
        draw_operator,
        draw_stripes,
    )

    movie = hidden_movie(recovered, states)
    residual = residual_directions(recovered, states)
    figures = {
        "spectrum": draw_eigenvalues(spectrum_dataset(recovered)),
        "operator": draw_operator(operator_dataset(recovered, residual=residual)),
        "contents": draw_contents(movie, range(min(copy.sites + 2, states.shape[1]))),
        "stripes": draw_stripes(movie, 0),
        "decoder": draw_decoder(scores),
    }
    return tuple(
        Path(save_figure(figure, into / f"{name}.png"))
        for name, figure in figures.items()
    )


def _row(recovered: Recovered, seed: int, scores: dict[str, Any]) -> dict[str, Any]:
    """A row of the table; theory's numbers stand beside the network's."""
    comparison, agreement = recovered.comparison, recovered.agreement
    row: dict[str, Any] = {"seed": seed, **_accuracies(scores)}
    if comparison is not None:
        row |= {
            "eigenvalues": comparison.counts[1],
            "eigenvalues_due": comparison.counts[0],
            "angle_error": comparison.angle_error,
            "modulus_error": comparison.modulus_error,
        }
    if agreement is not None:
        # the shift holds by construction, so that `sign_and_support` is near 1 for a
        # random matrix too: what was learned is in the boundary's own lines
        row["sign_and_support"] = agreement.same
        row["boundary_lines"] = f"{agreement.lines_same} of {agreement.lines}"
        row["phi_error"] = agreement.error
    row["condition"] = recovered.condition
    row["verdict"] = recovered.verdict
    return row


def _accuracies(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scores.items() if "bit_accuracy" in name}


def _write_table(folder: Path, rows: list[dict[str, Any]]) -> None:
    plain = json.dumps(rows, indent=1, allow_nan=False)
    run_folder.replace_text(folder / "hidden_waves.json", plain)
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    run_folder.replace_text(folder / "hidden_waves.csv", text.getvalue())
