"""Sums, added noise and dead sites change the values and the truth alike."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave import schema, synthetic
from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice

LATTICE = Lattice((10, 10), spacing=0.4)
ELECTRODES = np.random.default_rng(3).uniform(0, 4, (20, 2))
CLOCK = {"duration": 4.0, "rate": 500.0}


def _plane(sites=LATTICE, **more):
    wave = {"frequency": 15, "wavelength": 6, "direction": 30, **CLOCK, **more}
    return synthetic.plane_wave(sites, **wave)


def _turning(**more):
    return synthetic.rotating_wave(
        LATTICE, **CLOCK, frequency=10, centre=(1.8, 1.7), handedness=1, **more
    )


def test_a_mixture_adds_fields_and_joins_their_truths():
    later, earlier = _plane(window=(2.0, 3.0)), _turning(window=(0.5, 1.5))
    both = synthetic.mixture(later, earlier)
    schema.validate(both, schema.RECORDING)
    np.testing.assert_array_equal(both["signal"], later["signal"] + earlier["signal"])
    assert synthetic.truth(both)["kind"] == "mixture"
    assert [part["kind"] for part in synthetic.episodes(both)] == ["rotating", "plane"]
    assert [part["start"] for part in synthetic.episodes(both)] == [0.5, 2.0]


def test_mixtures_can_be_mixed_and_keep_noise_and_dead_sites():
    first = synthetic.with_noise(_plane(), snr_db=0, seed=1)
    second = synthetic.with_dead_sites(_turning(), [(0, 0)])
    three = synthetic.mixture(synthetic.mixture(first, second), _plane(phase=1.0))
    assert len(synthetic.episodes(three)) == 3
    assert synthetic.truth(three)["noise"][0]["seed"] == 1
    assert synthetic.truth(three)["dead"] == [[0, 0]]
    assert np.isnan(three["signal"].values[:, 0, 0]).all()


def test_a_mixture_leaves_its_parts_alone():
    part = _plane()
    before = part.copy(deep=True)
    synthetic.mixture(part, _turning())
    assert part.identical(before)


@pytest.mark.parametrize(
    ("other", "name"),
    [(_plane(ELECTRODES), "y"), (_plane(duration=3.0), "time"),
     (_plane(Lattice((10, 10), spacing=0.5)), "y")],
    ids=["electrodes", "shorter", "wider"],
)  # fmt: skip
def test_fields_that_do_not_match_are_not_added(other, name):
    with pytest.raises(InputError, match=f"recording 2 has another '{name}'"):
        synthetic.mixture(_plane(), other)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 6.0])
@pytest.mark.parametrize(
    ("kind", "length"),
    [("white", None), ("smooth", 0.8), ("pink", None), ("pink", 0.8)],
)
def test_noise_has_the_power_that_the_ratio_says(kind, length, snr_db):
    wave = _plane(amplitude=25.0)
    noisy = synthetic.with_noise(wave, snr_db=snr_db, seed=3, kind=kind, length=length)
    added = (noisy["signal"] - wave["signal"]).values
    ratio = 10 * np.log10(np.mean(wave["signal"].values ** 2) / added.var())
    # slow and smooth noise has few independent values: 2,000 frames, sites alike
    assert ratio == pytest.approx(snr_db, abs=0.1 if kind == "white" else 0.8)
    assert synthetic.truth(noisy)["noise"][0]["kind"] == kind
    assert noisy.attrs["snr_db"] == snr_db


def test_the_ratio_in_a_band_is_measured():
    noisy = synthetic.with_noise(_plane(), snr_db=0, seed=3, band=(5.0, 40.0))
    # all of the wave and 35 of the 250 Hz of the noise; both ends of the band count
    expected = 10 * np.log10(250 / 35)
    assert noisy.attrs["band_snr_db"] == pytest.approx(expected, abs=0.15)


def test_silence_between_episodes_counts():
    wave = _plane(window=(0.0, 2.0))
    noisy = synthetic.with_noise(wave, snr_db=0, seed=3)
    added = (noisy["signal"] - wave["signal"]).values
    assert added.var() == pytest.approx(np.mean(wave["signal"].values ** 2), rel=0.02)


def test_smooth_noise_is_smooth():
    noisy = synthetic.with_noise(
        _plane(), snr_db=-40, seed=3, kind="smooth", length=0.4
    )["signal"]
    near = np.corrcoef(noisy[:, 4, 4], noisy[:, 4, 5])[0, 1]
    # exp(-1 / 4) one length away; 2,000 frames: sd 0.01
    assert near == pytest.approx(np.exp(-0.25), abs=0.04)


def test_dead_sites_are_missing_at_all_times():
    corners = [(0, 0), (0, -1), (-1, 0), (9, 9)]
    dead = synthetic.with_dead_sites(_plane(), corners)
    schema.validate(dead, schema.RECORDING)
    assert np.isnan(dead["signal"]).all("time").sum() == 4
    assert np.isnan(dead["signal"]).sum() == 4 * 2000
    assert synthetic.truth(dead)["dead"] == [[0, 0], [0, 9], [9, 0], [9, 9]]


def test_dead_electrodes_are_named_or_counted():
    dead = synthetic.with_dead_sites(_plane(ELECTRODES), ["e03", 5, -1])
    missing = np.flatnonzero(np.isnan(dead["signal"]).all("time"))
    assert missing.tolist() == [3, 5, 19]
    assert synthetic.truth(dead)["dead"] == ["e03", "e05", "e19"]


def test_noise_is_added_to_what_lives():
    dead = synthetic.with_dead_sites(_plane(), [(2, 3)])
    noisy = synthetic.with_noise(dead, snr_db=0, seed=1, band=(5.0, 40.0))
    assert np.isnan(noisy["signal"]).all("time").sum() == 1
    assert np.isfinite(noisy.attrs["band_snr_db"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "brown"}, "kind of noise is 'brown'"),
        ({"kind": "smooth"}, "'smooth' needs a length"),
        ({"length": 0.8}, "'white' has none"),
        ({"snr_db": np.inf}, "snr_db is inf"),
        ({"band": (40.0, 5.0)}, r"band is \(40.0, 5.0\)"),
        ({"band": (40.0, 400.0)}, "half the rate of 500.0 Hz"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
    ],
)
def test_noise_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        synthetic.with_noise(_plane(), **{"snr_db": 0.0, "seed": 1, **change})


@pytest.mark.parametrize("site", [
    (10, 0), (0, -11), "e03", 4, (0.4, 0.4), (1.0, 2), ("0", "1"), (0, 1, 2),
])  # fmt: skip
def test_what_is_no_place_in_the_lattice_is_refused_as_a_dead_site(site):
    with pytest.raises(InputError, match="whole numbers, the indices in a 10 x 10"):
        synthetic.with_dead_sites(_plane(), [site])


@pytest.mark.parametrize("site", ["e20", 20, (0, 0)])
def test_an_unknown_dead_electrode_is_refused(site):
    with pytest.raises(InputError, match="name of a channel, such as 'e00'"):
        synthetic.with_dead_sites(_plane(ELECTRODES), [site])


def test_silence_has_no_signal_to_noise_ratio():
    with pytest.raises(InputError, match="0 everywhere"):
        synthetic.with_noise(_plane(amplitude=0.0), snr_db=0, seed=1)


def test_a_recording_that_was_not_made_here_has_no_truth():
    measured = _plane().drop_attrs()
    with pytest.raises(InputError, match="no attribute 'truth'"):
        synthetic.truth(measured)
    with pytest.raises(InputError, match="no attribute 'truth'"):
        synthetic.with_noise(measured, snr_db=0, seed=1)


def test_nothing_cannot_be_mixed():
    with pytest.raises(InputError, match="no recordings"):
        synthetic.mixture()
