"""A study names covariates: they are looked for, measured, and told of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.comparison.facts_file import open_facts, save_facts
from cortexwave.comparison.measuring import wanted_of
from cortexwave.comparison.memory_facts import memory_facts
from cortexwave.comparison.parts import parts_of, without_excluded
from cortexwave.comparison.primaries import declaration_hash
from cortexwave.comparison.report_memory_panels import _controlled
from cortexwave.comparison.study_document import (
    check_study_document,
    load_study,
    parse_study,
)
from cortexwave.errors import ProtocolError
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording

STUDY = """\
cortexwave: 1
kind: study
title: An array and its eye
band: [5 Hz, 20 Hz]
memory:
  window: [-20 ms, 80 ms]
  permutations: 19
  folds: 3
  covariates:
    - eye
    - running
lab:
  subjects:
    - {name: ada, sessions: [{name: monday, files: [lab.h5]}]}
model:
  kind: recordings
  subjects:
    - {name: m1, sessions: [{name: one, files: [other.h5]}]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An array whose first site goes with the eye, a channel, and that with classes."""
    draw = np.random.default_rng(0)
    time, side = np.arange(800) / 100, np.arange(60) % 2
    onset = 0.2 + 0.12 * np.arange(60)
    eye = np.zeros(800)
    for start, where in zip(onset, side, strict=True):
        eye[(time >= start) & (time < start + 0.09)] = where
    values = draw.standard_normal((800, 4)) + 2 * eye[:, None] * np.eye(4)[0]
    fields = xr.Dataset(
        {"lfp": (("time", "channel"), np.column_stack([values, eye]), {"units": "uV"})},
        {"time": ("time", time, {"units": "s"}), "channel": [*"abcd", "eye"],
         "x": ("channel", [0, 0.4, 0.8, 1.2, np.nan], {"units": "mm"}),
         "y": ("channel", [0, 0, 0, 0, np.nan], {"units": "mm"})},
    )  # fmt: skip
    table = schema.events_table([
        {"onset": start, "kind": "flash", "stimulus": "ab"[where]}
        for start, where in zip(onset, side, strict=True)
    ])  # fmt: skip
    table["running"] = ("event", draw.standard_normal(60), {"units": "mm/s"})
    made = tmp_path_factory.mktemp("study")
    recording = schema.with_tables(fields, table, None)
    save_recording(recording, made / "lab.h5")
    # the same numbers, another file: one recording cannot stand for two
    save_recording(recording.assign_attrs(copy=1), made / "other.h5")
    (made / "study.yaml").write_text(STUDY)
    return made


def test_a_declaration_without_covariates_hashes_as_it_always_did():
    plain = parse_study(STUDY.replace("  covariates:\n    - eye\n    - running\n", ""))
    assert plain.declared == declaration_hash({
        "primaries": plain.chosen_primaries, "band": [5.0, 20.0],
        "calibration": {"kind": "given", "spacing": None, "interval": None},
        "memory": {"label": "stimulus", "window": [-0.02, 0.08], "kinds": None,
                   "permutations": 19, "folds": 3, "lags": 40},
    })  # fmt: skip
    assert plain.declared != parse_study(STUDY).declared


def test_covariates_that_the_lab_has_pass_and_others_are_named_at_their_line(folder):
    check_study_document(load_study(folder / "study.yaml"))
    wrong = folder / "wrong.yaml"
    wrong.write_text(STUDY.replace("- running", "- runing"))
    with pytest.raises(ProtocolError, match=(
        r"wrong.yaml:11: memory.covariates.1: there is no covariate 'runing'; .*"
        "did you mean 'running'"
    )):  # fmt: skip
        check_study_document(load_study(wrong))


def test_what_covariates_tell_is_measured_kept_and_said(folder, tmp_path):
    study = load_study(folder / "study.yaml")
    (part,) = parts_of(study, "lab")
    wanted = wanted_of(study).memory
    assert wanted is not None
    with open_recording(part.file) as opened:
        recording = without_excluded(opened, part)
        facts = memory_facts(recording, part, wanted, seed=0, names=["controls"],
                             beside=opened)  # fmt: skip
    facts = open_facts(save_facts(facts, tmp_path / "facts.h5", key="k"))
    table = facts["controls"]
    assert table.attrs["sites"] == 4  # the eye is no site, but the stimulus
    assert table.sel(control="covariates").value > 0.9
    assert table.sel(control="without_covariates").value < 0.7 < table.value[0]
    session = SimpleNamespace(name="ada/monday", tables=[facts])
    found = SimpleNamespace(study=study, lab=[session], model=[])
    said = _controlled(found)
    assert said.startswith(" Accuracy with covariates eye, running: ada/monday: as it")
    assert "of covariates alone 1 (p 0.05)" in said
