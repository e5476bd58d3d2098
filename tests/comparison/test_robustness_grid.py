"""A verdict stands only if it stands under the other choices of analysis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave import synthetic
from cortexwave.comparison.amplitude_gate import gated
from cortexwave.comparison.calibrating import Calibrated
from cortexwave.comparison.facts_file import open_facts, save_facts, undetermined
from cortexwave.comparison.grid_passes import (
    FOLDER,
    Bands,
    pass_path,
    passes_due,
    passes_of,
    tables_due,
)
from cortexwave.comparison.loudness import loudness
from cortexwave.comparison.measure_rows import measure_row, measure_word
from cortexwave.comparison.measuring import Wanted, facts_key, facts_path
from cortexwave.comparison.parts import Part
from cortexwave.comparison.pipeline_grid import GRID
from cortexwave.comparison.processes import working
from cortexwave.comparison.robustness_grid import (
    bands_of,
    grid_table,
    robust_rows,
    robustness_grid,
)
from cortexwave.comparison.seen_models import Scale
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.comparison.study_document import parse_study
from cortexwave.comparison.verdicts import is_permitted
from cortexwave.view.comparison_robustness import WORDS, draw_robustness

STUDY = """\
cortexwave: 1
kind: study
title: x
band: [5 Hz, 20 Hz]
surrogates: 19
primaries: [speed]
lab: {kind: recordings, subjects: [{name: a, sessions: [{name: s, files: [a.h5]}]}]}
model: {kind: recordings, subjects: [{name: m, sessions: [{name: s, files: [m.h5]}]}]}
"""
WANTED = Wanted((5.0, 20.0), 19, 0, None)


def episodes(speed, *, count=40, seed=0, amplitude=None):
    """The table of plane waves of about `speed` mm/s, as of one recording."""
    rng = np.random.default_rng(seed)
    loud = np.ones(count) if amplitude is None else np.asarray(amplitude, dtype=float)
    start = np.arange(count, dtype=float)
    table = xr.Dataset({
        "start": ("event", start), "end": ("event", start + 0.2),
        "duration": ("event", np.full(count, 0.2)),
        "kind": ("event", np.array(["plane"] * count)),
        "speed": ("event", speed * np.exp(rng.normal(0, 0.1, count))),
        "is_wave": ("event", np.ones(count, dtype="int8")),
        "amplitude": ("event", loud),
    })  # fmt: skip
    table.attrs = {
        "waves": count, "episodes": count, "seconds": 100.0, "loud": 0.75,
        "amplitude_median": 1.0, "word": "travelling waves", "verdict": "",
    }  # fmt: skip
    return table


FIELD = xr.Dataset({
    "median_wavelength": 4.0, "extent": 4.0, "sites": 96.0, "rate": 1000.0,
})  # fmt: skip


def facts(speed, seed=0):
    return {"events": episodes(speed, seed=seed), "field": FIELD}


ANIMALS = {"a": 80.0, "b": 100.0, "c": 120.0}  # mm/s


def made_case(folder, model_speed):
    """Parts of three animals and a model whose passes stand in the folder already.

    `model_speed` gives mm/s of the model in a pass, from the name of its file.
    """
    study = parse_study(STUDY)
    bands = Bands(study.band, study.band, float("nan"), "no peak")
    parts = []
    for name in (*ANIMALS, "m"):
        file = folder / f"{name}.h5"
        # a recording of channels: what a pass reads of it is made here
        sites = synthetic.lattice_sites((2, 2), spacing=0.4)
        noise = synthetic.smooth_noise(sites, duration=0.2, rate=100.0, length=0.4,
                                       seed=1)  # fmt: skip
        cw.save_recording(noise.assign_attrs(origin="lab"), file)
        parts.append(Part("model" if name == "m" else "lab", name, "s", 0, file))
    (folder / FOLDER).mkdir()
    (folder / "sessions").mkdir()
    for seed, part in enumerate(parts):
        for each in passes_of(part, study.chosen_primaries, bands):
            speed = ANIMALS.get(part.subject) or model_speed(each.name)
            (work,) = passes_due([each], folder, WANTED)
            path, key = work.arguments[2:]
            save_facts(facts(speed, seed), path, key=key)
    return study, parts[:3], parts[3:]


def rows_of(study, speed):
    """The row of the report, with a model of that speed."""
    lab = [SessionFacts("lab", name, "s", (facts(v, k),))
           for k, (name, v) in enumerate(ANIMALS.items())]  # fmt: skip
    model = [SessionFacts("model", "m", "s", (facts(speed, 3),))]
    row = measure_row(
        "speed", lab, model, array="of the lab", primary=True, spent=False, faults=[],
        seed=0,
    )  # fmt: skip
    return lab, {"speed": row}


def tried(study, lab_parts, sheets, rows, lab, folder):
    steps = robustness_grid(
        study, lab=lab, lab_parts=lab_parts, sheets=sheets,
        scaled=Calibrated(Scale(), ""), rows=rows, wanted=WANTED, folder=folder, jobs=1,
    )  # fmt: skip
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def within_if_recorded(name):
    """Like the animals as recorded, four times as fast against the common average."""
    return 400.0 if "average" in name else 100.0


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr("cortexwave.comparison.measure_rows._DRAWS", 200)


def test_a_verdict_that_the_reference_turns_is_fragile(tmp_path):
    study, lab_parts, sheets = made_case(tmp_path, within_if_recorded)
    lab, rows = rows_of(study, 100.0)
    assert rows["speed"].statement.word == "within"
    grid = tried(study, lab_parts, sheets, rows, lab, tmp_path)
    words = grid["word"].sel(primary="speed").values
    assert (words[grid["reference"].values == "none"] == "within").all()
    assert (words[grid["reference"].values == "average"] == "outside").all()
    row = robust_rows(study, rows, grid)["speed"]
    assert row.statement.word == "undetermined"
    assert row.statement.text == (
        "Undetermined: fragile over pipeline choices (12 of 24 cells: fragile)."
    )
    assert is_permitted(row.statement.text)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A grid in whose every pass the model is four times as fast as the animals."""
    folder = tmp_path_factory.mktemp("held")
    study, lab_parts, sheets = made_case(folder, lambda name: 400.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortexwave.comparison.measure_rows._DRAWS", 200)
        lab, rows = rows_of(study, 400.0)
    return study, rows, tried(study, lab_parts, sheets, rows, lab, folder)


def test_a_verdict_that_no_choice_turns_holds(held):
    study, rows, grid = held
    assert grid["share"].values.tolist() == [1.0]
    row = robust_rows(study, rows, grid)["speed"]
    assert row.statement == rows["speed"].statement
    assert row.statement.word == "outside" and row.robust.holds


def test_choices_that_cannot_be_made_are_told(held):
    *_, grid = held
    peak, widths = grid.attrs["notes"]
    # no spectrum was made of these recordings, and the model is one of channels
    assert peak.startswith("0 of 3 recordings have a spectral peak inside the band")
    assert "cells of all widths are equal" in widths
    assert np.isnan(grid.attrs["peak"]) and grid.attrs["peak_band"] == [5.0, 20.0]


@pytest.mark.parametrize("speed", [95.0, 150.0, 300.0])
def test_the_word_of_a_cell_is_that_of_a_row(speed):
    study = parse_study(STUDY)
    lab, rows = rows_of(study, speed)
    model = [SessionFacts("model", "m", "s", (facts(speed, 3),))]
    word, _ = measure_word("speed", lab, model, faults=[], seed=0)
    assert word == rows["speed"].statement.word


def test_a_cell_says_why_it_has_no_word():
    lab, _ = rows_of(parse_study(STUDY), 100.0)
    gone = [SessionFacts("model", "m", "s", ({"events": undetermined("e", "short")},))]
    assert measure_word("speed", lab, gone, faults=[], seed=0) == (
        "undetermined", "model: short")  # fmt: skip


def test_a_gate_leaves_out_what_is_below_half_of_the_median():
    loud = [0.49, 0.5, 0.51, 2.0, 1.0, 1.0, 0.1]
    table = episodes(80.0, count=7, amplitude=loud)
    kept = gated({"events": table})["events"]
    assert kept["amplitude"].values.tolist() == [0.5, 0.51, 2.0, 1.0, 1.0]
    assert kept.attrs["episodes"] == 5 and "few" not in kept.attrs
    # three quarters of the frames were loud enough
    assert kept.attrs["seconds"] == 75.0
    assert table.attrs["episodes"] == 7  # the table that was given stays


def test_too_few_loud_episodes_make_no_distribution():
    table = episodes(80.0, count=6, amplitude=[1, 1, 1, 1, 0.1, 0.1])
    few = gated({"events": table})["events"].attrs["few"]
    assert few == "4 episodes follow a wave, and 5 are needed for a distribution"


def test_the_amplitude_of_an_array_is_that_of_its_wave():
    sites = synthetic.lattice_sites((3, 3), spacing=0.4)
    wave = synthetic.plane_wave(
        sites, duration=4.0, rate=200.0, frequency=10.0, speed=40.0, amplitude=3.0,
        direction=0.0, window=(1.0, 3.0),
    )  # fmt: skip
    part = Part("lab", "a", "s", 0, None)  # type: ignore[arg-type]
    found = loudness(wave, part, band=(5.0, 20.0))
    # the envelope of 3 cos is 3; at the ends of the burst the filter rings
    assert found.of(1.5, 2.5, 0) == pytest.approx(3.0, rel=0.02)
    assert found.of(0.1, 0.5, 0) < 0.1
    # it is loud for two of four seconds, so that the median lies at its foot
    left_out = replace(part, times=((0.0, 0.9, "x"), (3.1, 4.0, "x")))
    assert loudness(wave, left_out, band=(5.0, 20.0)).median == pytest.approx(
        3.0, rel=0.05)  # fmt: skip


def spectrum(peak, *, slope=1.5):
    """A spectrum with a bump at `peak` Hz, or without one, over its own line."""
    at = np.arange(1.0, 60.0, 0.5)
    line = at**-slope
    bump = 0 if peak is None else 4 * np.exp(-((at - peak) ** 2) / 2)
    return {"spectrum": xr.Dataset(
        {"power": ("frequency", line * (1 + bump)), "aperiodic": ("frequency", line)},
        {"frequency": at},
    )}  # fmt: skip


def sessions(*peaks):
    return [SessionFacts("lab", "a", f"s{k}", (spectrum(each),))
            for k, each in enumerate(peaks)]  # fmt: skip


def test_the_narrow_band_is_thirty_per_cent_about_the_median_peak():
    found = bands_of(parse_study(STUDY), sessions(9.0, 10.0, 12.0))
    assert found.peak == 10.0 and found.about_peak == (7.0, 13.0)
    assert found.of("study") == (5.0, 20.0) and found.of("peak") == (7.0, 13.0)


@pytest.mark.parametrize("peaks", [(None, None), (10.0, None, None), (40.0, 40.0)])
def test_without_a_peak_inside_the_band_there_is_one_band(peaks):
    found = bands_of(parse_study(STUDY), sessions(*peaks))
    assert found.about_peak == (5.0, 20.0) and "no band about it" in found.reason


def test_only_what_the_primaries_need_is_measured_again(tmp_path):
    assert tables_due(["speed", "kinds"]) == (("events", "field"), ())
    assert tables_due(["separability"]) == (("field", "separability"), ())
    assert tables_due(["persistence", "drift"]) == ((), ("generalisation",))
    part = Part("lab", "a", "s", 0, tmp_path / "a.h5")
    bands = Bands((5.0, 20.0), (7.0, 13.0), 10.0)
    names = [each.name for each in passes_of(part, ["speed", "persistence"], bands)]
    # two references: trials once, waves in both bands
    assert len(set(names)) == len(names) == 6
    assert sum(name.endswith("_trials") for name in names) == 2


def test_the_recording_as_it_was_compared_is_not_measured_again(tmp_path):
    sites = synthetic.lattice_sites((2, 2), spacing=0.4)
    noise = synthetic.smooth_noise(sites, duration=0.2, rate=100.0, length=0.4, seed=1)
    cw.save_recording(noise, tmp_path / "a.h5")
    part = Part("lab", "a", "s", 0, tmp_path / "a.h5")
    (tmp_path / "sessions").mkdir()
    passes = passes_of(part, ["speed"], Bands((5.0, 20.0), (7.0, 13.0), 10.0))
    assert len(passes_due(passes, tmp_path, WANTED)) == 4
    save_facts(facts(80.0), facts_path(part, tmp_path), key=facts_key(part, WANTED))
    assert len(passes_due(passes, tmp_path, WANTED)) == 3
    assert pass_path(passes[0], tmp_path, WANTED) == facts_path(part, tmp_path)
    # with other numbers of surrogates it is another measurement
    more = replace(WANTED, surrogates=39)
    assert len(passes_due(passes, tmp_path, more)) == 4


def test_a_pass_against_the_common_average_takes_away_what_all_sites_share(tmp_path):
    sites = synthetic.lattice_sites((4, 4), spacing=0.4)
    noise = synthetic.smooth_noise(sites, duration=3.0, rate=100.0, length=0.3, seed=1)
    time = noise["time"].values
    beat = xr.DataArray(20 * np.sin(2 * np.pi * 10 * time), dims="time")
    shared = noise.assign(signal=(noise["signal"] + beat).assign_attrs(units="uV"))
    cw.save_recording(shared, tmp_path / "a.h5")
    part = Part("lab", "a", "s", 0, tmp_path / "a.h5")
    (tmp_path / FOLDER).mkdir()
    (_, average) = passes_of(part, ["coherency_real"],
                             Bands((5.0, 20.0), (5.0, 20.0), 10.0))  # fmt: skip
    for _ in working(passes_due([average], tmp_path, WANTED), jobs=1, done=0, total=1):
        pass
    found = open_facts(pass_path(average, tmp_path, WANTED))
    # one strong signal at all sites is coherent at any distance; without it, little is
    assert float(found["coherency"]["coherency_real"][-1]) < 0.5
    assert "common average of 16 sites" in found["field"].attrs["reference"]
    assert not list((tmp_path / FOLDER).glob("*_waves*"))  # the analyses are not kept


def test_every_cell_is_drawn_with_its_letter():
    words = {cell: {"speed": ("within", ""), "kinds": ("outside", "")} for cell in GRID}
    words[GRID[3]] = {"speed": ("undetermined", "why"), "kinds": ("outside", "")}
    grid = grid_table(words, {"speed": "within", "kinds": "partly within"},
                      attributes={})  # fmt: skip
    figure = draw_robustness(grid)
    texts = [text.get_text() for text in figure.axes[0].texts]
    # a letter of each cell, and one of each word in the key
    for letter, count in (("W", 23), ("O", 24), ("?", 1), ("P", 0)):
        assert texts.count(letter) == count + 1
    assert "W 0.96" in texts and "P 0.00 fragile" in texts
    assert set(WORDS) == {"within", "partly within", "outside", "undetermined"}
