"""What a filter holds of the past is told from what the tissue holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from cortexwave.analysis.filters import butterworth
from cortexwave.errors import InputError
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.ringing import filter_control
from cortexwave.memory.trials import trials_from

STEP, BAND, STOP = 0.005, (8.0, 12.0), 0.02
TIMES = np.arange(-0.05, 0.7, 0.05)


def _trials(course, *, seed, sites=8):
    """White noise, and one of two patterns that follows `course` (s) after onset."""
    draw = np.random.default_rng(seed)
    clock, codes = -0.1 + STEP * np.arange(170), np.arange(120) % 2
    pattern = draw.standard_normal((2, sites))
    values = draw.standard_normal((120, clock.size, sites))
    values += 2 * pattern[codes][:, None] * course(clock)[:, None]
    return trials_from(values, codes, step=STEP, start=clock[0])


def _flash(clock):
    return ((clock >= 0) & (clock <= STOP)).astype(float)


def _kept(clock):
    """A trace at 10 Hz that the tissue itself keeps, for 0.4 s to 1 / e."""
    return (clock >= 0) * np.cos(2 * np.pi * 10 * clock) * np.exp(-clock / 0.4)


def _controlled(trials, **options):
    usual = {"band": BAND, "stimulus_end": STOP, "times": TIMES, "surrogates": 19,
             "count": 5, "seed": 0}  # fmt: skip
    return filter_control(trials, **{**usual, **options})


def test_band_passed_noise_has_no_memory_though_its_ringing_is_decoded():
    trials = _trials(_flash, seed=0)
    seen = butterworth(trials.values.swapaxes(1, 2), rate=1 / STEP, band=BAND, order=2,
                       causal=True).swapaxes(1, 2)  # fmt: skip
    filtered = trials_from(seen, trials.labels, step=STEP, start=-0.1)
    fooled = decode_identity(filtered, times=[0.1, 0.15, 0.2], permutations=19, seed=0,
                             count=5)  # fmt: skip
    assert (fooled.accuracy > 0.9).all()  # long after a flash of 20 ms
    found = _controlled(trials)
    assert not found.claimed.any() and np.isnan(found.attrs["claimed_until"])
    ringing = found.sel(time=slice(0.05, 0.21))
    # the control is as good: within 3 standard errors of 120 trials at 0.95
    np.testing.assert_allclose(ringing.accuracy, ringing.control, atol=0.06)


@pytest.fixture(scope="module")
def kept():
    return _controlled(_trials(_kept, seed=1))


def test_a_trace_that_the_tissue_keeps_is_claimed(kept):
    found = kept
    assert found.claimed.any()
    assert 0.3 <= found.attrs["claimed_until"] <= 0.65
    assert (found.excess[found.claimed] > 0.1).all()


def test_nothing_is_claimed_within_three_ringing_times(kept):
    found = kept
    dropped = found.attrs["dropped_until"]
    assert dropped == pytest.approx(0.02 + 3 / (np.pi * 4))
    assert not found.claimed[found.time <= dropped].any()
    assert found.p_family[found.time <= dropped].isnull().all()


def test_before_the_end_of_the_stimulus_the_control_is_as_good():
    found = _controlled(_trials(_kept, seed=2), times=[-0.05, 0.0, 0.02])
    # other trials of the same noise: 3 standard errors of 120 trials at chance, a half
    np.testing.assert_allclose(found.accuracy, found.control, atol=0.14)


def _drifting(seed):
    """As a flash in white noise, each site of a trial at a level of its own."""
    trials = _trials(_flash, seed=seed)
    level = np.random.default_rng(seed).standard_normal((len(trials.values), 1, 8))
    return trials_from(trials.values + 8 * level, trials.labels, step=STEP, start=-0.1)


def test_levels_that_differ_among_trials_do_not_spoil_the_control():
    found = [_controlled(_drifting(seed), times=[0.05, 0.1, 0.15, 0.2])
             for seed in range(2)]  # fmt: skip
    # a seam where another trial takes over would ring as loud as the flash, and the
    # control be at chance; 8 values of 120 trials: 3 standard errors of a share
    assert abs(np.mean([one.excess for one in found])) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("made", [lambda seed: _trials(_flash, seed=seed), _drifting])
def test_ringing_is_taken_for_memory_no_more_often_than_stated(made):
    times = np.arange(0.05, 0.5, 0.05)
    hits = [bool(_controlled(made(seed), times=times).claimed.any())
            for seed in range(40)]  # fmt: skip
    # more than this of 40 at .05 happen once in a thousand times
    assert sum(hits) <= binom.isf(1e-3, 40, 0.05)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"surrogates": 9}, "surrogates is 9"), ({"stimulus_end": 3.0}, "stimulus_end is"),
     ({"band": (8.0, 300.0)}, "band ends at 300")],
)  # fmt: skip
def test_a_control_that_cannot_be_is_refused(options, told):
    with pytest.raises(InputError, match=told):
        _controlled(_trials(_flash, seed=0), **options)
