"""Model and lab go one way; what is said of them follows from what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave import synthetic
from cortexwave.comparison.calibrating import (
    Calibrated,
    calibrated,
    calibration_half,
    sheet_waves,
)
from cortexwave.comparison.comparing import compare
from cortexwave.comparison.facts_file import (
    facts_there,
    open_facts,
    reason_of,
    save_facts,
    undetermined,
)
from cortexwave.comparison.field_curves import power_spectrum
from cortexwave.comparison.link_facts import wave_strength
from cortexwave.comparison.measure_rows import measure_row
from cortexwave.comparison.memory_statements import link_statement
from cortexwave.comparison.parts import Part
from cortexwave.comparison.reporting import span_statement
from cortexwave.comparison.seen_models import (
    Scale,
    contacts_of,
    seen_part,
    simulated_parts,
)
from cortexwave.comparison.session_values import SessionFacts, value_of
from cortexwave.comparison.study_document import parse_study
from cortexwave.comparison.study_rows import study_rows
from cortexwave.comparison.verdicts import is_permitted
from cortexwave.errors import InputError
from cortexwave.memory.trials import trials_from
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording

STUDY = """\
cortexwave: 1
kind: study
title: x
band: [5 Hz, 20 Hz]
lab: {kind: recordings, subjects: [{name: a, sessions: [{name: s, files: [a.h5]}]}]}
model: {kind: recordings, subjects: [{name: m, sessions: [{name: s, files: [m.h5]}]}]}
"""


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    """The ends of intervals are the matter of other tests."""
    monkeypatch.setattr("cortexwave.comparison.measure_rows._DRAWS", 200)


def events_of(rng, speed, count=60, kind="plane"):
    """Episodes of speed about `speed` mm/s, all plane waves at 10 Hz."""
    speeds = speed * np.exp(rng.normal(0, 0.1, count))
    frequency = np.full(count, 10.0)
    start = np.sort(rng.uniform(0, 100, count))
    columns = {
        "start": start, "end": start + 0.2, "duration": rng.uniform(0.1, 0.4, count),
        "speed": speeds, "direction": rng.normal(30, 20, count),
        "wavelength": speeds / frequency, "frequency": frequency,
        "score": np.ones(count), "p": np.full(count, 0.01),
        "is_wave": np.ones(count, dtype="int8"),
    }  # fmt: skip
    table = xr.Dataset({name: ("event", values) for name, values in columns.items()})
    table["kind"] = ("event", np.array([kind] * count))
    table.attrs = {
        "waves": count,
        "episodes": count,
        "seconds": 100.0,
        "word": "travelling waves",
        "verdict": "",
        "measure": "find_waves",
    }
    return table


def side_of(side, speeds, *, sessions=2, seed=0):
    """Sessions of one animal for each speed; animals differ as their speeds do."""
    rng = np.random.default_rng(seed)
    return [
        SessionFacts(side, f"{side}{k}", f"s{s}", ({"events": events_of(rng, speed)},))
        for k, speed in enumerate(speeds) for s in range(sessions)
    ]  # fmt: skip


def row_of(name, lab, model, **given):
    named = {"array": "8x8", "primary": True, "spent": False, "faults": [], "seed": 1}
    return measure_row(name, lab, model, **{**named, **given})


ANIMALS = (80.0, 100.0, 120.0, 90.0)  # mm/s


def test_a_model_that_is_another_animal_lies_within_how_animals_differ():
    lab = side_of("lab", ANIMALS)
    row = row_of("speed", lab, side_of("model", (95.0, 105.0), seed=9))
    # its speeds lie among those of the animals, so its distances are like theirs
    assert row.ratio.word == "within" and 0.3 < row.ratio.ratio < 2
    assert row.ratio.variability == "biological variability"
    assert "Within the biological variability of these 4 animals." in row.statement.text


def test_a_model_of_another_speed_lies_outside_in_its_unit():
    lab = side_of("lab", ANIMALS)
    row = row_of("speed", lab, side_of("model", (400.0, 420.0), seed=9))
    assert row.ratio.word == "outside" and row.ratio.ratio > 5
    # medians of lognormal speeds: 410 less 95 mm/s, of 240 events to 5 %
    assert row.signed.estimate == pytest.approx(0.315, rel=0.05)  # m/s
    assert row.unit == "m/s" and row.effect == 1.0


def test_every_word_of_every_row_is_one_that_may_be_said():
    lab, model = side_of("lab", ANIMALS), side_of("model", (95.0,), seed=9)
    texts = [
        row_of(name, lab, model).statement.text
        for name in ("speed", "direction", "kinds", "joint", "rate", "identity")
    ]
    assert all(is_permitted(text) for text in texts)


def test_one_session_on_each_side_has_no_ceiling_and_no_p():
    lab, model = side_of("lab", (80.0,), sessions=1), side_of("model", (80.0,),
                                                               sessions=1)  # fmt: skip
    row = row_of("speed", lab, model)
    assert row.statement.word == "undetermined"
    assert "3 animals, or 3 sessions of one" in row.statement.text
    assert np.isnan(row.p) and any("cannot give p" in note for note in row.notes)
    # the medians are still told
    assert row.model.estimate == pytest.approx(0.08, rel=0.1)


def test_sessions_of_one_animal_are_called_repeatability():
    lab = side_of("lab", (80.0,), sessions=4)
    row = row_of("speed", lab, side_of("model", (82.0,), sessions=2, seed=3))
    assert row.ratio.variability == "within-animal repeatability"


def test_a_gate_that_is_not_passed_makes_a_measure_undetermined():
    lab, model = side_of("lab", ANIMALS), side_of("model", (95.0,), seed=9)
    row = row_of("speed", lab, model, faults=["lab: 9 live sites, and 16 are needed"])
    assert row.statement.text == ("Undetermined: lab: 9 live sites, and 16 are needed.")


def test_animals_and_models_of_one_name_are_not_taken_for_one():
    lab = side_of("lab", ANIMALS)
    model = [SessionFacts("model", each.subject, each.session, each.tables)
             for each in lab]  # fmt: skip
    row = row_of("speed", lab, model)
    assert row.distance.estimate == pytest.approx(0.0, abs=1e-12)


def test_a_side_without_waves_says_why():
    none = events_of(np.random.default_rng(0), 80.0)
    none.attrs["few"] = "of its waves the analysis says: nothing travels"
    lab = [SessionFacts("lab", "a", "s", ({"events": none},))]
    row = row_of("wavelength", lab, side_of("model", (80.0,)))
    assert "lab: of its waves the analysis says: nothing travels" in row.statement.text


def curve(values, at):
    table = xr.Dataset({"memory": (("patch", "lag"), np.atleast_2d(values))},
                       {"age": ("lag", at)})  # fmt: skip
    return {"memory_function": table}


def test_curves_are_compared_where_both_are_known():
    at = np.arange(5) * 0.02
    lab = [SessionFacts("lab", f"a{k}", "s", (curve(np.full(5, 0.5 + d), at),))
           for k, d in enumerate((-0.1, 0.0, 0.1))]  # fmt: skip
    model = [
        SessionFacts("model", "m", "s", (curve(np.full(9, 0.2), np.arange(9) * 0.01),))
    ]
    row = row_of("memory_function", lab, model)
    # mean curve of the lab 0.5, of the model 0.2; animals lie 0.1, 0.1, 0.2 apart
    assert row.distance.estimate == pytest.approx(0.3)
    assert row.ratio.ceiling == pytest.approx(0.1)
    assert row.ratio.ratio == pytest.approx(3.0)


def test_files_of_a_session_are_pooled():
    rng = np.random.default_rng(0)
    pair = ({"events": events_of(rng, 80.0, 10)}, {"events": events_of(rng, 90.0, 20)})
    session = SessionFacts("lab", "a", "s", pair)
    assert value_of(session, "speed").values.size == 30
    assert value_of(session, "rate").values == pytest.approx([30 / 200])


def test_primaries_are_adjusted_among_themselves():
    study = parse_study(STUDY + "primaries: [speed, direction]\n")
    lab = side_of("lab", ANIMALS)
    model = side_of("model", (400.0, 410.0, 420.0, 430.0), seed=4)
    field = xr.Dataset(attrs={"reason": "not needed here"})
    for each in (*lab, *model):
        each.tables[0]["field"] = field
    rows = study_rows(study, lab, model, Calibrated(Scale(), ""))
    # 70 arrangements of 4 + 4 animals, two of which are as far apart: p = 2 / 70
    assert rows["speed"].p == pytest.approx(2 / 70)
    assert rows["speed"].p_adjusted == pytest.approx(2 * 2 / 70)  # Holm, of two
    assert [row.name for row in rows.values() if row.primary] == ["speed", "direction"]
    assert "identity" not in rows  # no trials were asked for


def test_facts_are_kept_by_their_key(tmp_path):
    path = tmp_path / "a.h5"
    facts = {"events": events_of(np.random.default_rng(0), 80.0, 4),
             "identity": undetermined("identity", "there are no events")}  # fmt: skip
    facts["events"].attrs |= {"window": [0.0, 1.0], "none": None, "yes": True}
    save_facts(facts, path, key="k")
    assert facts_there(path, "k") and not facts_there(path, "other")
    read = open_facts(path)
    xr.testing.assert_equal(read["events"], facts["events"])
    assert reason_of(read["identity"]) == "there are no events"
    assert not list(tmp_path.glob("*.part"))
    path.write_bytes(path.read_bytes()[:200])  # cut short
    assert not facts_there(path, "k")


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """A sheet of 24 x 24 sites, 0.1 mm apart: a plane wave of 1.2 mm at 10 Hz."""
    sites = synthetic.lattice_sites((24, 24), spacing=0.1)
    wave = synthetic.plane_wave(sites, duration=3.0, rate=200.0, direction=30.0,
                                frequency=10.0, wavelength=1.2)  # fmt: skip
    path = tmp_path_factory.mktemp("sheet") / "sheet.h5"
    return cw.save_recording(wave.assign_attrs(origin="model"), path)


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    """A lab recording of 4 x 4 channels, 0.4 mm apart, at 100 Hz; one is not good."""
    sites = synthetic.lattice_sites((4, 4), spacing=0.4)
    noise = synthetic.smooth_noise(sites, duration=1.0, rate=100.0, length=0.4, seed=1)
    y, x = (each.ravel() for each in np.meshgrid(noise["y"], noise["x"], indexing="ij"))
    values = noise["signal"].values.reshape(noise.sizes["time"], -1)
    good = np.ones(16, dtype="int8")
    good[5] = 0
    made = xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": noise["time"], "channel": [f"e{k}" for k in range(16)],
         "x": ("channel", x, {"units": "mm"}), "y": ("channel", y, {"units": "mm"}),
         "good": ("channel", good, {"units": "1"})},
        {"origin": "lab"},
    )  # fmt: skip
    return cw.save_recording(made, tmp_path_factory.mktemp("lab") / "lab.h5")


def lab_part(path):
    return Part("lab", "a", "s", 0, path, None, (("e0", "broken"),))


def test_the_electrodes_of_a_session_come_with_its_dead_sites(array):
    with open_recording(array) as recording:
        electrodes, dead = contacts_of(recording, lab_part(array), None, Path())
    assert electrodes.count == 16 and electrodes.pitch == pytest.approx(0.4)
    assert dead == ["e0", "e5"]  # excluded, and not good


def test_a_sheet_is_seen_through_the_labs_electrodes_and_scaled(sheet, array, tmp_path):
    study = parse_study(STUDY)
    model = Part("model", "m", "1", 0, sheet)
    scale = Scale(spacing=0.2, interval=0.01)
    seen = seen_part(model, lab_part(array), study, scale, tmp_path, seed=1)
    with open_recording(seen.file) as recording:
        assert recording["lfp"].dims == ("time", "channel")
        values = recording["lfp"].transpose("channel", "time").values
        places = np.stack([recording["x"].values, recording["y"].values], axis=1)
    # twice the spacing and twice the time: 2.4 mm and 5 Hz, towards 30 deg
    assert (
        np.isnan(values[[0, 5]]).all()
        and np.isfinite(np.delete(values, [0, 5], 0)).all()
    )
    live = np.delete(np.arange(16), [0, 5])
    time = np.arange(values.shape[1]) * 0.01
    carrier = np.exp(-2j * np.pi * 5.0 * time)
    phase = np.angle(values[live] @ carrier)
    wave = 2 * np.pi / 2.4 * np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])
    rest = np.exp(1j * (phase + places[live] @ wave))
    assert abs(rest.mean()) > 0.99  # of a plane wave it is 1
    before = seen.file.stat().st_mtime_ns
    again = seen_part(model, lab_part(array), study, scale, tmp_path, seed=1)
    assert again.file == seen.file and again.file.stat().st_mtime_ns == before


def test_a_sheets_own_waves_are_measured_in_its_own_units(sheet):
    own = sheet_waves(Part("model", "m", "1", 0, sheet))
    assert own.frequency == pytest.approx(10.0, rel=0.03)
    assert own.wavelength == pytest.approx(1.2, rel=0.05)
    assert own.spacing == pytest.approx(0.1) and own.step == pytest.approx(0.005)


def lab_fields(**medians):
    field = xr.Dataset({f"median_{name}": ((), value) for name, value in
                        medians.items()})  # fmt: skip
    return [SessionFacts("lab", "a", f"s{k}", ({"field": field},)) for k in range(4)]


def test_two_scales_are_fitted_to_half_of_the_sessions(sheet):
    study = parse_study(STUDY + "calibration: {kind: frequency_and_wavelength}\n")
    lab = lab_fields(frequency=20.0, wavelength=6.0)
    found = calibrated(study, lab, [Part("model", "m", "1", 0, sheet)])
    # 1.2 -> 6 mm: five times the spacing; 10 -> 20 Hz: half of the step
    assert found.scale.spacing == pytest.approx(0.5, rel=0.05)
    assert found.scale.interval == pytest.approx(0.0025, rel=0.05)
    assert len(found.sessions) == 2 and found.spent == (
        "frequency",
        "wavelength",
        "speed",
    )
    assert "not evidence" in found.text and "2 of 4 sessions" in found.text


def test_calibrating_on_the_one_session_there_is_gives_a_caution():
    half, cautions = calibration_half(lab_fields(frequency=20.0)[:1], seed=0)
    assert len(half) == 1 and "one lab session" in cautions[0]


def test_what_cannot_be_calibrated_is_said(sheet, array):
    study = parse_study(STUDY + "calibration: {kind: frequency_and_wavelength}\n")
    model = [Part("model", "m", "1", 0, sheet)]
    with pytest.raises(InputError, match="median frequency of the sessions"):
        calibrated(study, lab_fields(frequency=np.nan, wavelength=6.0), model)
    with pytest.raises(InputError, match="are of channels already"):
        calibrated(study, lab_fields(frequency=20.0, wavelength=6.0),
                   [Part("model", "m", "1", 0, array)])  # fmt: skip


def test_a_spectrum_finds_the_rhythm_and_the_slope_around_it():
    rng = np.random.default_rng(0)
    rate, frames = 250.0, 10_000
    frequency = np.fft.rfftfreq(frames, 1 / rate)
    size = np.where(frequency > 0, np.maximum(frequency, 0.1) ** -0.75, 0)
    noise = np.fft.irfft(size * np.exp(2j * np.pi * rng.random((4, frequency.size))),
                         axis=-1)  # fmt: skip
    noise /= noise.std()
    time = np.arange(frames) / rate
    values = noise + 0.5 * np.sin(2 * np.pi * 12.0 * time)
    recording = xr.Dataset(
        {"lfp": (("channel", "time"), values, {"units": "uV"})},
        {"time": ("time", time, {"units": "s"}), "channel": list("abcd")},
    ).transpose("time", "channel")
    found = power_spectrum(recording, variable="lfp", band=(8.0, 16.0))
    assert float(found["peak"]) == pytest.approx(12.0, abs=1.0)  # 1 Hz is a bin
    # amplitudes f^-0.75 are power f^-1.5; four random courses leave 0.1
    assert float(found["exponent"]) == pytest.approx(1.5, abs=0.15)


def test_wave_strength_is_one_of_a_plane_wave_and_small_of_noise():
    x, y = (
        each.ravel() for each in np.meshgrid(np.arange(6) * 0.4, np.arange(6) * 0.4)
    )
    places = np.stack([x, y], axis=1)
    k = 2 * np.pi / (16 * 0.4)  # a wavenumber of the lattice that is searched
    time = np.arange(20) / 100
    wave = np.exp(1j * (2 * np.pi * 10 * time[:, None] - k * x))
    rng = np.random.default_rng(0)
    noise = rng.normal(size=wave.shape) + 1j * rng.normal(size=wave.shape)
    trials = trials_from(np.stack([wave.real, noise.real]), ["a", "b"], step=0.01,
                         positions=places)  # fmt: skip
    found = wave_strength(replace(trials, values=np.stack([wave, noise])))
    assert found[0] == pytest.approx(1.0)
    # of 36 random phasors and 80 waves the greatest mean length is below 1/2
    assert found[1] < 0.5


def test_two_things_that_are_no_recordings_are_refused(array):
    with pytest.raises(InputError, match="the model is a int"):
        compare(3, array, band=(5.0, 20.0))  # type: ignore[arg-type]


PROTOCOL = """\
cortexwave: 1
kind: simulation
title: A pulse
sheet: {shape: [8, 8], spacing: 0.1 mm, boundary: periodic}
model: {name: damped_wave, parameters: {speed: 0.1 m/s, damping: 10 Hz}}
run: {duration: 10 ms, dt: 0.2 ms, backend: reference}
record: {variables: [u], every: 1 ms}
"""


def test_a_protocol_is_run_once_for_each_animal_and_seed(tmp_path):
    (tmp_path / "sheet.yaml").write_text(PROTOCOL)
    text = STUDY.split("model:")[0] + (
        "model:\n  kind: protocol\n  file: sheet.yaml\n  source: u\n  animals:\n"
        "    - {name: m1, seeds: [1, 2]}\n"
        "    - {name: m2, seeds: [1], set: {model.parameters.speed: 0.2 m/s}}\n"
    )
    study = parse_study(text, file=str(tmp_path / "study.yaml"))
    parts = list(simulated_parts(study, tmp_path))
    assert [(p.subject, p.session) for p in parts] == [
        ("m1", "1"), ("m1", "2"), ("m2", "1")]  # fmt: skip
    assert all(part.variable == "u" for part in parts)
    before = [part.file.stat().st_mtime_ns for part in parts]
    again = list(simulated_parts(study, tmp_path))
    assert [part.file.stat().st_mtime_ns for part in again] == before
    with open_recording(parts[2].file) as recording:
        assert recording.attrs["seed"] == 1


def test_a_band_beyond_nyquist_is_refused_with_the_file(tmp_path):
    recording = synthetic.smooth_noise(
        synthetic.lattice_sites((4, 4), spacing=0.4), duration=4.0, rate=100.0,
        length=0.0, seed=1,
    )  # fmt: skip
    for name, seed in (("a.h5", 1), ("m.h5", 2)):
        save_recording(recording.assign_attrs(origin="lab", made=seed), tmp_path / name)
    with pytest.raises(InputError, match=r"^a\.h5: .*50"):
        compare(tmp_path / "m.h5", tmp_path / "a.h5", band=(5.0, 60.0),
                output=tmp_path / "report")  # fmt: skip
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(("word", "said"), [
    ("travelling waves", "at most L/v = 40 ms"),
    ("no propagation found", "no recording of the lab is known to have waves"),
])  # fmt: skip
def test_a_span_is_of_waves_and_not_of_the_speed_that_noise_has(word, said):
    field = xr.Dataset(
        {"median_speed": ((), 100.0), "extent": ((), 4.0)}, attrs={"word": word}
    )
    lab = (SessionFacts("lab", "a", "1", ({"field": field},)),)
    found = SimpleNamespace(lab=lab, study=SimpleNamespace(spent=()))
    assert said in span_statement(found).text


@pytest.mark.parametrize(
    ("low", "word"), [(0.02, "association"), (-0.02, "determined")]
)
def test_bits_that_may_be_none_are_no_association(low, word):
    table = xr.Dataset({"difference": 0.06, "low": low, "high": 0.12 - low})
    lab = (SessionFacts("lab", "a", "1", ({"wave_information": table},)),)
    found = SimpleNamespace(lab=lab, study=SimpleNamespace(memory=object()))
    said = link_statement(found).text
    assert word in said and is_permitted(said)
