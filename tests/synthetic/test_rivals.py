"""Rivals hold an item as they are said to, and start equally far apart."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cortexwave import schema, synthetic
from cortexwave.errors import InputError

LINE = {"trials": 1, "seed": 3, "noise": 0.0}
EDGE = 0.015  # sites a frame: 2.5 widths from the edge 0.6 % of a packet is cut off
SCATTERED = np.random.default_rng(0).uniform(0, 20, (9, 2))


def patterns(kind, **changes):
    """Noise-free (class, time, site) in the order of the classes."""
    made = synthetic.rival(kind, **{**LINE, **changes})
    order = np.argsort(schema.events(made)["stimulus"].values.astype(int))
    field = made["signal"].values
    return field.reshape(*field.shape[:2], -1)[order]


def centroid(field):
    return (field * np.arange(field.shape[-1])).sum(-1) / field.sum(-1)


@pytest.mark.parametrize("kind", synthetic.RIVALS)
def test_classes_are_as_far_apart_at_the_onset_in_every_kind(kind):
    one, wave = (patterns(each)[:, 0] for each in (kind, "traveling_wave"))
    spread = [((a[:, None] - a) ** 2).sum() for a in (one, wave)]
    assert spread[0] == pytest.approx(spread[1], rel=1e-9)


@pytest.mark.parametrize(
    "kind", ["traveling_wave", "static_bump", "chain", "relabelled_wave"]
)
def test_matched_kinds_hold_the_same_at_every_time(kind):
    # distances of classes decide what any decoder can do in white noise
    field, wave = patterns(kind), patterns("traveling_wave")
    for t in range(field.shape[1]):
        gram, due = (a[:, t] @ a[:, t].T for a in (field, wave))
        # the wave's sites sample the packet at other places as it moves: < 1e-3
        np.testing.assert_allclose(gram, due, atol=2e-3 * due.max())


def test_the_wave_moves_by_speed_times_time():
    # 80 mm/s at 100 Hz on 0.4 mm: 2 sites a frame
    away = np.diff(centroid(patterns("traveling_wave")), axis=1)
    np.testing.assert_allclose(away, 2.0, atol=EDGE)


def test_a_direction_of_180_degrees_moves_the_wave_back():
    away = np.diff(centroid(patterns("traveling_wave", direction=180.0)), axis=1)
    np.testing.assert_allclose(away, -2.0, atol=EDGE)


def test_up_is_where_y_grows():
    sites = synthetic.lattice_sites((30, 10), spacing=0.4)
    made = synthetic.rival("traveling_wave", sites=sites, direction=90.0, speed=40.0,
                           **LINE)  # fmt: skip
    rows = made["signal"].sum("x")
    at = (rows * made["y"]).sum("y") / rows.sum("y")
    np.testing.assert_allclose(at.diff("time"), 0.4, atol=0.4 * EDGE)


def test_the_relabelled_wave_is_the_wave_with_its_sites_reordered():
    one, wave = patterns("relabelled_wave"), patterns("traveling_wave")
    # the same courses, each at another site
    np.testing.assert_allclose(
        sorted(one.reshape(-1, 48).T.tolist()), sorted(wave.reshape(-1, 48).T.tolist())
    )
    assert not np.allclose(one, wave)


def test_the_oscillation_is_reversed_after_half_a_period():
    field = patterns("standing_oscillation", period=0.08)
    np.testing.assert_allclose(field[:, 4], -field[:, 0], atol=1e-12)
    np.testing.assert_allclose(field[:, 8], field[:, 0], atol=1e-12)


def test_the_leak_fades_by_e_in_a_time_constant():
    field = patterns("leaky_integrator", time_constant=0.05)
    np.testing.assert_allclose(field[:, 5], field[:, 0] / np.e, atol=1e-12)


def test_a_delay_line_has_one_active_site_and_loses_it_at_the_edge():
    centres = [(0.4 * at, 0.0) for at in (30, 36)]
    line = patterns("delay_line", centres=centres, speed=40.0)
    assert (np.count_nonzero(line[0], axis=1) == 1).all()
    np.testing.assert_array_equal(line[0].argmax(axis=1), 30 + np.arange(14))
    assert not line[1, 12:].any() and line[1, 11].any()


def test_a_delay_ring_brings_it_back_at_the_other_edge():
    centres = [(0.4 * at, 0.0) for at in (30, 40)]
    ring = patterns("delay_ring", centres=centres, speed=40.0)
    np.testing.assert_array_equal(ring[1].argmax(axis=1), (40 + np.arange(14)) % 48)


def test_two_sources_stand_still_while_their_middle_moves():
    field = patterns("two_sources")
    wave = patterns("traveling_wave")
    # a frame is a sum of the first and the last of the wave, never what is between
    for t in range(14):
        basis = np.stack([wave[0, 0], wave[0, -1]], axis=1)
        left = np.linalg.lstsq(basis, field[0, t], rcond=None)[1]
        assert left == pytest.approx(0.0, abs=1e-20)
    assert (np.diff(centroid(field[0])) > 0).all()


def test_noise_has_its_sd_and_stands_alone_before_the_onset():
    made = synthetic.rival("static_bump", trials=20, seed=1, before=0.05, noise=0.3)
    early = made["signal"].isel(time=slice(0, 5)).values
    # 28,800 values: sd of the sd is 0.3 / sqrt(57,600) = 0.0013
    assert early.std() == pytest.approx(0.3, abs=0.005)
    assert np.unique(schema.events(made)["onset"].values) == pytest.approx([0.05])


def test_blocks_hold_as_many_of_every_class():
    events = schema.events(synthetic.rival("chain", trials=10, seed=2, blocks=5))
    table = events.to_dataframe().groupby(["block", "stimulus"]).size()
    assert (table == 2).all() and len(table) == 30


def test_the_truth_says_what_travels():
    said = {
        kind: json.loads(synthetic.rival(kind, **LINE).attrs["truth"])["travels"]
        for kind in synthetic.RIVALS
    }
    assert {kind for kind, yes in said.items() if yes} == {
        "traveling_wave", "delay_line", "delay_ring"
    }  # fmt: skip


def test_scattered_electrodes_hold_a_wave_too():
    places = np.random.default_rng(0).uniform(0, 8, (60, 2))
    made = synthetic.rival("traveling_wave", sites=places, trials=1, seed=1,
                           speed=20.0, width=0.5, layout="across")  # fmt: skip
    assert made["signal"].dims == ("trial", "time", "channel")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "wave"}, "kind is 'wave'"),
        ({"speed": 200.0}, "leaves an array of 18.8 mm"),
        ({"layout": "across"}, "lay them 'along'"),
        ({"layout": "diagonal"}, "layout is 'diagonal'"),
        ({"classes": 1}, "classes is 1"),
        ({"trials": 0}, "trials is 0"),
        ({"noise": -1.0}, "noise is -1.0 uV"),
        ({"width": 0.0}, "width is 0.0 mm"),
        ({"centres": [(0.0, 0.0)]}, "shape \\(1, 2\\)"),
        ({"kind": "delay_line", "centres": [(0, 0), (0.1, 0)]}, "same sites"),
        ({"kind": "delay_ring", "sites": SCATTERED,
          "centres": [(5, 5), (8, 8)]}, "scattered"),
    ],
)  # fmt: skip
def test_misuse_is_answered_by_name(changes, said):
    with pytest.raises(InputError, match=said):
        synthetic.rival(**{"kind": "traveling_wave", **LINE, **changes})


def test_a_driven_delay_line_holds_the_drive_of_k_steps_ago_at_site_k():
    drive = np.random.default_rng(0).standard_normal(200)
    states = synthetic.driven_rival("delay_line", drive, sites=20, noise=0.0, seed=0)
    for lag in (0, 7, 19):
        np.testing.assert_allclose(states[lag:, lag], drive[: 200 - lag])


def test_noise_of_a_driven_line_grows_as_it_is_carried_along():
    # k + 1 steps of it at site k: variance noise^2 (k + 1), 5 sd of a variance of
    # some 20,000 / 20 independent values
    states = synthetic.driven_rival("delay_line", np.zeros(20000), sites=20, noise=0.5,
                                    seed=1)  # fmt: skip
    np.testing.assert_allclose(
        states[100:].var(axis=0), 0.25 * np.arange(1, 21), rtol=0.2
    )


@pytest.mark.parametrize("kind", ["delay_ring", "leaky_integrator"])
def test_a_driven_state_obeys_its_operator(kind):
    drive = np.random.default_rng(1).standard_normal(50)
    states = synthetic.driven_rival(kind, drive, sites=7, noise=0.0, seed=0, decay=0.9)
    operator, entered = synthetic.rival_operator(kind, sites=7, decay=0.9)
    np.testing.assert_allclose(
        states[1:], states[:-1] @ operator.T + drive[1:, None] * entered
    )
    assert np.abs(np.linalg.eigvals(operator)) == pytest.approx(np.full(7, 0.9))


def test_the_driven_oscillation_answers_an_impulse_with_a_damped_cosine():
    drive = np.zeros(40)
    drive[0] = 1.0
    states = synthetic.driven_rival("standing_oscillation", drive, sites=9, noise=0.0,
                                    seed=0, decay=0.95, period=8.0)  # fmt: skip
    k = np.arange(40)
    np.testing.assert_allclose(
        states[:, 0], 0.95**k * np.cos(2 * np.pi * k / 8) * np.cos(np.pi / 18),
        atol=1e-12,
    )  # fmt: skip
    assert np.linalg.matrix_rank(states) == 1  # nothing moves across the sites


def test_the_driven_bump_stays_until_a_strong_drive_moves_it():
    drive = np.array([0.2, 2.0, 0.5, -0.9, -3.5, 0.0])
    states = synthetic.driven_rival("static_bump", drive, sites=41, noise=0.0, seed=0)
    # middle 20; 2 of 3 thresholds up is 20 + 13.3; beyond -3 is the end
    np.testing.assert_array_equal(states.argmax(axis=1), [20, 33, 33, 33, 0, 0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "wave"}, "kind is 'wave'"),
        ({"drive": np.zeros((3, 2))}, "shape \\(3, 2\\)"),
        ({"drive": np.array([0.0, np.nan])}, "finite"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"kind": "delay_ring", "decay": 1.0}, "decay of a delay_ring is 1.0"),
        ({"entry": 9}, "entry is 9"),
        ({"kind": "standing_oscillation", "decay": 1.0}, "decay of a standing"),
    ],
)
def test_misuse_of_a_drive_is_answered_by_name(changes, said):
    usual = {"kind": "delay_line", "drive": np.zeros(9), "sites": 5, "noise": 0.0,
             "seed": 0}  # fmt: skip
    with pytest.raises(InputError, match=said):
        synthetic.driven_rival(**{**usual, **changes})
