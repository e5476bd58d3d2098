"""A study of a model that is yet to be run goes through to its report, in processes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave import synthetic
from cortexwave.comparison.comparing import comparing, finished
from cortexwave.comparison.reporting import write_report
from cortexwave.comparison.study_document import load_study
from cortexwave.comparison.study_waves import analysing_study
from cortexwave.recording.reader import open_recording

PROTOCOL = """\
cortexwave: 1
kind: simulation
title: A sheet that noise sets swinging
sheet: {shape: [16, 16], spacing: 0.1 mm, boundary: periodic}
model:
  name: damped_wave
  parameters: {speed: 0.02 m/s, damping: 10 Hz}
  noise: {u: 1.0 s**-0.5}
run: {duration: 2 s, dt: 1 ms}
record: {variables: [u], every: 10 ms}
"""
STUDY = """\
cortexwave: 1
kind: study
title: A sheet of noise against two animals
band: [8 Hz, 20 Hz]
seed: 1
surrogates: 19
lab:
  subjects:
    - {name: ada, sessions: [{name: one, files: [ada.h5]}]}
    - {name: bea, sessions: [{name: one, files: [bea.h5]}]}
model:
  kind: protocol
  file: sheet.yaml
  source: u
  animals:
    - {name: m1, seeds: [1]}
    - {name: m2, seeds: [1], set: {model.parameters.speed: 0.03 m/s}}
primaries: [rate, net_direction]
"""


def electrodes(name, folder, seed):
    """Smooth noise of 4 x 4 channels, 0.3 mm apart, one of them broken."""
    sites = synthetic.lattice_sites((4, 4), spacing=0.3)
    noise = synthetic.smooth_noise(sites, duration=2.0, rate=100.0, length=0.4,
                                   seed=seed)  # fmt: skip
    y, x = (each.ravel() for each in np.meshgrid(noise["y"], noise["x"], indexing="ij"))
    values = noise["signal"].transpose("time", "y", "x", ...).values.reshape(-1, 16)
    good = np.ones(16, dtype="int8")
    good[5] = 0
    made = xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": noise["time"], "channel": [f"e{k}" for k in range(16)],
         "x": ("channel", x, {"units": "mm"}), "y": ("channel", y, {"units": "mm"}),
         "good": ("channel", good, {"units": "1"})},
        {"origin": "lab"},
    )  # fmt: skip
    cw.save_recording(made, folder / f"{name}.h5")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "sheet.yaml").write_text(PROTOCOL)
    (folder / "study.yaml").write_text(STUDY)
    for seed, name in enumerate(("ada", "bea")):
        electrodes(name, folder, seed)
    return load_study(folder / "study.yaml")


@pytest.fixture(scope="module")
def found(study):
    return finished(comparing(study, study.folder / "report", jobs=1, overwrite=False))


def test_a_protocol_is_run_seen_and_measured_for_every_animal_and_seed(found):
    assert [each.name for each in found.model] == ["m1/1", "m2/1"]
    assert [each.name for each in found.lab] == ["ada/one", "bea/one"]
    for part in found.model_parts:
        with open_recording(part.file) as seen:
            # the lab's sixteen contacts, of which it has lost one, at its own rate
            values = seen["lfp"].transpose("time", "channel").values
            assert values.shape[1] == 16 and seen.attrs["origin"] == "model"
            assert np.flatnonzero(np.isnan(values).all(axis=0)).tolist() == [5]
            step = float(np.diff(seen["time"].values).mean())
        assert step == pytest.approx(0.01)
    # two animals are too few for how far animals lie from each other
    assert {row.statement.word for row in found.primaries} == {"undetermined"}
    assert np.isfinite(found.rows["spectrum"].distance.estimate)


@pytest.mark.slow
def test_processes_find_what_one_finds(study, found):
    shared = finished(
        comparing(study, study.folder / "shared", jobs=2, overwrite=False)
    )
    for name, row in found.rows.items():
        assert shared.rows[name].statement == row.statement
        np.testing.assert_equal(shared.rows[name].p, row.p)


def test_the_report_of_a_model_that_was_run_says_how(found):
    page = write_report(found)
    told = json.loads(page.with_name("report.json").read_text())
    assert "0.03 m/s" in " ".join(told["methods"])
    (panel,) = [each for each in told["panels"] if each["letter"] == "B"]
    assert panel["drawn"]


@pytest.mark.slow
def test_waves_of_a_study_are_analysed_in_processes(study):
    waves = finished(
        analysing_study(study, study.folder / "waves", jobs=2, overwrite=False)
    )
    # of the model there is nothing to analyse before electrodes have seen it
    assert [each.part.subject for each in waves] == ["ada", "bea"]
    assert all(each.file is not None and each.file.is_file() for each in waves)
