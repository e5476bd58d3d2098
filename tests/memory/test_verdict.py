"""Every rival is given its own format; noise and too few trials are given none."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cortexwave import synthetic
from cortexwave.errors import InputError
from cortexwave.memory.alignment import shift_aligned_generalisation
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.trials import trials_from, trials_of
from cortexwave.memory.verdict import format_of

CENTRES = [(0.4 * at, 0.0) for at in np.linspace(4, 18, 6)]
PLACES = {str(k): (at,) for k, (at, _) in enumerate(CENTRES)}
FORMATS = {
    "traveling_wave": "shift-like", "static_bump": "static",
    "standing_oscillation": "oscillatory", "chain": "sequential without metric shift",
    "relabelled_wave": "sequential without metric shift", "leaky_integrator": "static",
    "delay_line": "shift-like", "delay_ring": "shift-like",
    "two_sources": "sequential without metric shift",
}  # fmt: skip


@cache
def measured(kind, seed, *, speeds=(80.0,), trials=24, fold_count=3, **changes):
    made = synthetic.rival(kind, trials=trials, seed=seed, centres=CENTRES,
                           time_constant=0.15, **changes)  # fmt: skip
    cut = trials_of(made, window=(0.0, 0.13))
    usual = {"permutations": 19, "seed": seed, "fold_count": fold_count}
    boundary = "periodic" if kind == "delay_ring" else "open"
    return (
        temporal_generalisation(cut, places=PLACES, **usual),
        shift_aligned_generalisation(cut, speeds=list(speeds), directions=(0.0, 180.0),
                                     longest=0.1, boundary=boundary, **usual),
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["traveling_wave", "static_bump", "standing_oscillation", "chain"]
)
def test_a_rival_is_given_its_format(kind):
    found = format_of(*measured(kind, 5), least_trials=24)
    assert found.format.item() == FORMATS[kind], found.attrs["reason"]


def test_the_wave_is_told_by_all_three_of_its_signs():
    found = format_of(*measured("traveling_wave", 5), least_trials=24)
    assert found.below_chance == 1 and found.drift_agrees == 1
    assert found.regained_low > 0.8
    assert "80 mm/s to 0 deg" in found.attrs["reason"]


def test_noise_has_no_format():
    found = format_of(*measured("traveling_wave", 4, noise=30.0), least_trials=24)
    assert found.format.item() == "undetermined"
    assert "nothing has a format" in found.attrs["reason"]


def test_too_few_trials_have_no_format_and_say_how_many_are_needed():
    found = format_of(*measured("static_bump", 5))
    assert found.format.item() == "undetermined"
    assert found.attrs["reason"] == "24 trials of the rarest class; 40 are needed"


def test_a_shift_against_the_drift_is_no_verdict():
    generalisation, alignment = measured("traveling_wave", 5)
    against = alignment.assign(direction=alignment.direction + 180.0)
    found = format_of(generalisation, against, least_trials=24)
    assert found.format.item() == "undetermined"
    assert "drift the other way" in found.attrs["reason"]


def test_results_of_something_else_are_named():
    generalisation, alignment = measured("static_bump", 5)
    with pytest.raises(InputError, match="result of temporal_generalisation is due"):
        format_of(alignment, generalisation)
    other = alignment.assign_coords(lag=2 * alignment.lag)
    with pytest.raises(InputError, match="the same times"):
        format_of(generalisation, other)


@pytest.mark.slow
def test_every_rival_is_recovered_nine_times_in_ten():
    right = {
        kind: [
            format_of(
                *measured(kind, seed, speeds=(40.0, 80.0, 120.0), trials=40,
                          fold_count=5)
            ).format.item() == due
            for seed in range(100, 106)
        ]
        for kind, due in FORMATS.items()
    }  # fmt: skip
    assert min(np.mean(each) for each in right.values()) >= 0.9, right


@pytest.mark.slow
def test_the_decoy_of_two_zero_lag_sources_and_dealt_labels_have_no_format():
    # real-looking noise, labels that mean nothing: 95 % of counts of 60 at 5 % are < 7
    given = []
    for seed in range(60):
        made = synthetic.two_sources(seed=seed, duration=10.0)
        values = made["signal"].values.reshape(-1, 100)[: 120 * 20]
        at = np.stack(np.meshgrid(made.x, made.y), axis=-1).reshape(-1, 2)
        labels = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], 40))
        cut = trials_from(values.reshape(120, 20, 100)[:, ::2], labels, step=0.008,
                          positions=at)  # fmt: skip
        usual = {"permutations": 39, "seed": seed}
        given.append(format_of(
            temporal_generalisation(cut, **usual),
            shift_aligned_generalisation(
                cut, speeds=[50.0], directions=(0, 90, 180, 270), longest=0.03,
                boundary="open", **usual),
        ).format.item())  # fmt: skip
    assert given.count("undetermined") >= 54 and "shift-like" not in given
