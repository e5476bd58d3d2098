"""How much of what a snapshot tells of a stimulus its wave coordinates tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import (
    check_permutations,
    p_values,
    resampled,
    resampling_unit,
)
from cortexwave.memory.features import features, phasors, wave_residuals
from cortexwave.memory.identity import NO_DEAL, frames_of, held_out, too_few
from cortexwave.memory.information import confusion_bits, drawn_bits
from cortexwave.memory.trials import Trials

KINDS = ("analytic", "modes", "residual")


def wave_mode_share(
    trials: Trials,
    *,
    times: Sequence[float],
    permutations: int,
    seed: int,
    band: tuple[float, float] | None = None,
    classifier: Classifier = "lda",
    count: int = 10,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Share of the bits of a snapshot that its wave coordinates hold, eta.

    `trials` are complex, or real with a `band` (Hz), and have positions. Over `kind`:
    `bits` of identity (mean over `times`, s), `chance`, `chance_high` and `p` by labels
    dealt within blocks, from the phasors ("analytic"), their `wave_modes` ("modes"),
    and what these leave ("residual"). `eta` = modes / analytic with `eta_low`,
    `eta_high` (95 %, drawing trials again); `complement` = residual / analytic. They
    need not add up to 1: both may tell the same. NaN where the phasors tell nothing at
    `alpha`. A high eta is needed for waves to carry the memory, but does not show it.
    """
    check_permutations(permutations)
    frames = frames_of(trials, times)
    z = phasors(trials, band=band)
    positions = z.positions
    if positions is None:
        raise InputError("wave modes need the position of each site in mm; these "
                         "trials have none")  # fmt: skip
    z = replace(z, values=z.values[:, frames], clock=z.clock[frames])
    left = replace(z, values=wave_residuals(z.values, positions))
    shown = {"analytic": features(z, "analytic"), "modes": features(z, "modes"),
             "residual": features(left, "analytic")}  # fmt: skip
    described = {
        **z.attributes, "measure": "wave_mode_share", "classifier": classifier,
        "times": [float(t) for t in z.clock], "folds": count, "alpha": alpha,
        "permutations": permutations, "seed": seed, "trials": trials.labels.size,
        "coordinates": shown["modes"].values.shape[2], "reason": too_few(trials),
    }  # fmt: skip
    found = np.full((1 + permutations, len(KINDS)), np.nan)
    ratio = np.full(3, np.nan)
    if not described["reason"]:
        unit, number = resampling_unit(trials)
        weights = resampled(number, trials.codes, seed=seed + 5)
        described["interval"] = f"drawing {unit}s again"
        drawn = []
        for k, kind in enumerate(KINDS):
            each = held_out(
                shown[kind], np.arange(frames.size), classifier=classifier,
                count=count, permutations=permutations, seed=seed,
            )  # fmt: skip
            found[:, k] = confusion_bits(each.confusion()).mean(axis=1)
            drawn.append(drawn_bits(each.guessed[0], each.dealt[0], each.classes,
                                     weights))  # fmt: skip
        if each.exchangeable:
            found -= found[1:].mean(axis=0)
        else:
            found[1:], described["reason"] = np.nan, NO_DEAL
        if each.exchangeable and p_values(found)[0] <= alpha:
            again = drawn[1] / np.maximum(drawn[0], 1e-12)
            eta = found[0, 1] / found[0, 0]
            ratio = eta + 1.96 * again.std() * np.array([0.0, -1.0, 1.0])
        elif each.exchangeable:
            described["reason"] = (
                f"the phasors do not tell the classes apart (p > {alpha:g}): there is "
                "nothing to share"
            )
    known = np.isfinite(ratio[0])
    complement = found[0, 2] / found[0, 0] if known else np.nan
    p = p_values(found) if np.isfinite(found).all() else np.full(3, np.nan)
    scalars = {"eta": ratio[0], "eta_low": ratio[1], "eta_high": ratio[2],
               "complement": complement}  # fmt: skip
    columns = {"bits": found[0], "chance": found[1:].mean(axis=0),
               "chance_high": np.quantile(found[1:], 0.95, axis=0)}  # fmt: skip
    return xr.Dataset(
        {**{name: ("kind", values, {"units": "bit"})
            for name, values in columns.items()},
         "p": ("kind", p, {"units": "1"}),
         **{name: ((), float(value), {"units": "1"})
            for name, value in scalars.items()}},
        {"kind": list(KINDS)}, described,
    )  # fmt: skip
