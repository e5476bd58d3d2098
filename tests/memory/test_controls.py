"""Controls of a decoder: each catches the rival explanation it was made for."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.memory.controls import decoding_controls
from cortexwave.memory.site_subsets import accuracy_by_sites
from cortexwave.memory.trials import trials_from

STEP, TIMES = 0.005, [0.01, 0.03]


def _trials(kind, *, trials=160, sites=12, frames=24, classes=2, seed=0):
    """Noise with a code after 0 s (frame 8): a pattern, a common level or variance."""
    draw = np.random.default_rng(seed)
    codes = np.arange(trials) % classes
    values = draw.standard_normal((trials, frames, sites))
    pattern = draw.standard_normal((classes, sites))
    pattern -= pattern.mean(axis=1, keepdims=True)  # tells nothing by its mean
    after = values[:, 8:]
    if kind == "pattern":
        after += 1.0 * pattern[codes][:, None]
    elif kind == "level":
        after += 0.6 * codes[:, None, None]
    elif kind == "variance":
        after *= np.where(codes, 2.0, 1.0)[:, None, None]
    return trials_from(values, codes, step=STEP, start=-8 * STEP)


def _table(trials, **options):
    usual = {"times": TIMES, "permutations": 39, "seed": 0, "count": 5}
    return decoding_controls(trials, **{**usual, **options})


def _row(table, name):
    return table.sel(control=name)


@pytest.fixture(scope="module")
def pattern():
    return _table(_trials("pattern"), matched_sites=4, band=(10.0, 60.0))


def test_a_pattern_over_sites_survives_its_controls(pattern):
    assert _row(pattern, "decoder").value > 0.8
    assert _row(pattern, "decoder").p == 0.025
    for name in ("permuted_sites", "global_mean", "induced", "before_onset"):
        assert _row(pattern, name).p > 0.05, name
    assert _row(pattern, "before_onset").at_chance == 1


def test_a_common_level_is_caught_by_the_global_mean_and_permuted_sites():
    table = _table(_trials("level"))
    for name in ("decoder", "global_mean", "permuted_sites"):
        assert _row(table, name).p == 0.025, name


def test_one_order_of_sites_for_all_trials_would_be_no_control():
    trials = _trials("pattern")
    order = np.random.default_rng(0).permutation(12)
    same = trials_from(trials.values[:, :, order], trials.labels, step=STEP,
                       start=-8 * STEP)  # fmt: skip
    one, other = (_row(_table(each), "decoder").value for each in (trials, same))
    assert one == other


def test_a_code_in_variance_alone_is_induced():
    table = _table(_trials("variance", seed=3))
    assert _row(table, "induced").value > 0.8 and _row(table, "induced").p == 0.025
    assert _row(table, "decoder").p > 0.05


def test_what_covariates_explain_is_told_from_what_they_do_not():
    trials = _trials("none")
    draw = np.random.default_rng(1)
    gaze = trials.codes + 0.5 * draw.standard_normal(160)
    pulled = trials.values.copy()
    pulled[:, 8:] += (gaze[:, None] * draw.standard_normal(12))[:, None]
    fooled = trials_from(pulled, trials.labels, step=STEP, start=-8 * STEP)
    table = _table(fooled, covariates=gaze[:, None])
    assert _row(table, "decoder").p == 0.025
    assert _row(table, "covariates").p == 0.025
    assert _row(table, "without_covariates").p > 0.05


def test_a_clock_of_the_trial_is_caught_by_catch_trials():
    trials = _trials("pattern")
    draw = np.random.default_rng(3)
    noise = draw.standard_normal((60, 24, 12))
    ramp = noise + 0.15 * np.arange(24)[:, None]
    for values, at_chance in ((noise, 1), (ramp, 0)):
        catch = trials_from(values, ["none"] * 60, step=STEP, start=-8 * STEP)
        assert _row(_table(trials, catch=catch), "catch_trials").at_chance == at_chance


def test_fewer_sites_tell_less():
    found = accuracy_by_sites(_trials("pattern"), [1, 4, 12], times=TIMES, seed=0,
                              subsets=12, count=5)  # fmt: skip
    assert (np.diff(found.accuracy) > 0).all()
    assert (found.low <= found.accuracy).all() and (found.accuracy <= found.high).all()
    # all sites can be chosen in one way only
    assert found.low[-1] == found.high[-1]


def test_the_median_of_subsets_stands_in_the_table(pattern):
    row = _row(pattern, "matched_sites")
    assert 0.6 < row.value < _row(pattern, "decoder").value
    assert "4 sites" in str(row.number.item())


def test_controls_that_could_not_be_made_say_why():
    trials = _trials("pattern")
    late = trials_from(trials.values[:, 8:], trials.labels, step=STEP)
    table = _table(late)
    told = dict(zip(table.control.values.tolist(), table.reason.values, strict=True))
    assert told["before_onset"] == "no frames before 0 s"
    assert told["covariates"] == "no covariates were given"
    assert told["catch_trials"] == "no catch trials were given"
    assert told["phase"].startswith("no band was given")
    assert np.isnan(_row(table, "phase").value)


def test_classes_that_no_block_mixes_are_not_said_to_be_at_chance():
    trials = _trials("pattern", trials=80)
    block = np.repeat(np.arange(8), 10)
    apart = trials_from(trials.values, block % 2, step=STEP, start=-8 * STEP,
                        block=block)  # fmt: skip
    table = _table(apart, count=4, permutations=19)
    assert np.isfinite(_row(table, "decoder").value)
    assert table.p.isnull().all() and table.at_chance.isnull().all()
    assert "a single class" in table.attrs["reason"]


def test_covariates_of_other_trials_and_too_many_sites_are_refused():
    trials = _trials("pattern")
    with pytest.raises(InputError, match=r"covariates are \(3, 1\)"):
        _table(trials, covariates=np.zeros((3, 1)))
    with pytest.raises(InputError, match="13 sites of 12"):
        accuracy_by_sites(trials, [13], times=TIMES, seed=0)


def test_trials_whose_covariates_are_missing_are_left_out_of_their_control_alone():
    trials = _trials("pattern")
    gaze = np.random.default_rng(1).standard_normal((160, 24, 1))
    gaze[::8, 10] = np.nan  # 10 ms, a blink
    gaze[1, 2] = np.nan  # at no time that is read
    rows = [_row(_table(trials, covariates=gaze), name)
            for name in ("decoder", "without_covariates")]  # fmt: skip
    assert str(rows[1].number.item()) == "C6, 140 of 160 trials"
    # covariates of another draw tell nothing: what is left is as good
    assert rows[1].value.item() == pytest.approx(rows[0].value.item(), abs=0.06)
    gaze[8:, 10] = np.nan
    lost = _row(_table(trials, covariates=gaze), "covariates")
    assert np.isnan(lost.p)
    assert str(lost.reason.item()) == "only 7 of 160 trials have all covariates"


def test_too_few_pairs_are_said_beside_the_other_controls():
    trials = _trials("pattern", trials=16)
    table = _table(trials, permutations=19, count=4)
    row = _row(table, "induced")
    assert np.isnan(row.value) and np.isfinite(_row(table, "global_mean").value)
    assert str(row.reason.item()) == (
        "of pairs of trials of one class and block: class '0' has 4 pairs; each class "
        "needs 5"
    )
