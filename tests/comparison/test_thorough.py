"""A thorough comparison says what it costs, draws more, and goes on where it was."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave import schema, synthetic
from cortexwave.comparison.comparing import (
    comparing,
    finished,
    smallest_study,
)
from cortexwave.comparison.cost import thorough_cost
from cortexwave.comparison.facts_file import save_facts
from cortexwave.comparison.measuring import facts_key, facts_path, wanted_of
from cortexwave.comparison.parts import parts_of
from cortexwave.comparison.reporting import write_report
from cortexwave.comparison.robustness_grid import notes_of
from cortexwave.comparison.seen_models import is_sheet
from cortexwave.comparison.study_document import parse_study
from cortexwave.comparison.thorough import measured_folder, thorough_wanted

STUDY = """\
cortexwave: 1
kind: study
title: x
band: [5 Hz, 20 Hz]
lab: {kind: recordings, subjects: [{name: a, sessions: [{name: s, files: [a.h5]}]}]}
model: {kind: recordings, subjects: [{name: m, sessions: [{name: s, files: [m.h5]}]}]}
"""
MEMORY = "memory: {window: [0 ms, 100 ms]}\n"


def test_more_is_drawn_where_the_study_says_no_number(tmp_path):
    study = parse_study(STUDY + MEMORY)
    wanted = thorough_wanted(study)
    assert (wanted.surrogates, wanted.memory.permutations) == (399, 999)
    # a p of .05 is known to sqrt(.05 * .95 / draws)
    assert np.sqrt(0.05 * 0.95 / wanted.surrogates) == pytest.approx(0.011, abs=5e-4)
    usual = wanted_of(study)
    assert (usual.surrogates, usual.memory.permutations) == (99, 200)
    assert measured_folder(tmp_path, wanted, study) == tmp_path / "thorough"


def test_the_numbers_of_a_study_win(tmp_path):
    stated = MEMORY.replace("]}", "], permutations: 200}")
    study = parse_study(STUDY + stated + "surrogates: 99\n")
    wanted = thorough_wanted(study)
    assert wanted == wanted_of(study)
    assert measured_folder(tmp_path, wanted, study) == tmp_path


def test_what_was_declared_does_not_change_with_the_draws():
    study = parse_study(STUDY + MEMORY)
    before = study.declared
    thorough_wanted(study)
    frozen = parse_study(STUDY + MEMORY + f"frozen: {before}\n")
    assert frozen.declared == before


def test_the_numbers_given_for_two_recordings_win(tmp_path):
    given = {"band": (5.0, 20.0), "window": (0.0, 0.1), "label": "stimulus", "seed": 0}
    free, stated = (
        smallest_study(tmp_path / "m.h5", tmp_path / "a.h5", permutations=p,
                       surrogates=s, **given) for p, s in ((None, None), (49, 29))
    )  # fmt: skip
    assert thorough_wanted(free).surrogates == 399
    assert thorough_wanted(stated).surrogates == 29
    assert thorough_wanted(stated).memory.permutations == 49


def recorded(folder, name, **attributes):
    """Ten seconds of four sites."""
    sites = synthetic.lattice_sites((2, 2), spacing=0.4)
    noise = synthetic.smooth_noise(sites, duration=10.0, rate=50.0, length=0.4, seed=1)
    cw.save_recording(noise.assign_attrs(origin="lab", **attributes), folder / name)


@pytest.fixture
def declared(tmp_path):
    """A study of two recordings that are there, and its folder of a report."""
    for name in ("a.h5", "m.h5"):
        recorded(tmp_path, name)
    report = tmp_path / "report"
    (report / "sessions").mkdir(parents=True)
    (report / "grid").mkdir()
    text = STUDY + "surrogates: 99\nprimaries: [speed, wavelength]\n"
    return parse_study(text, file=str(tmp_path / "study.yaml")), report


def measured(study, report, *, waves, trials):
    """Files of both recordings that say how many seconds they took."""
    for part in (*parts_of(study, "lab"), *parts_of(study, "model")):
        events = xr.Dataset(attrs={"took_waves": waves, "took": waves + trials})
        save_facts({"events": events}, facts_path(part, report),
                   key=facts_key(part, wanted_of(study)))  # fmt: skip


def test_the_cost_is_that_of_what_was_measured(declared):
    study, report = declared
    measured(study, report, waves=60.0, trials=30.0)
    cost = thorough_cost(study, report)
    # two recordings of channels in two references and two bands, each once done
    assert (cost.recordings, cost.measured, cost.passes) == (2, 2, 6)
    assert cost.minutes == pytest.approx((0.0, 6.0, 0.0))
    assert "as 2 of 2 took it" in str(cost) and "about 6 min of one core" in str(cost)
    for k in range(3):  # half of the passes are done
        (report / "grid" / f"{k}.h5").touch()
    assert thorough_cost(study, report).minutes[1] == pytest.approx(3.0)


def test_before_anything_is_done_the_cost_is_guessed(declared):
    study, report = declared
    cost = thorough_cost(study, report)
    assert cost.measured == 0 and "guessed from their seconds and sites" in str(cost)
    assert cost.minutes[0] > 0 and cost.minutes[1] > cost.minutes[0]
    # a longer recording costs more
    longer = synthetic.smooth_noise(
        synthetic.lattice_sites((2, 2), spacing=0.4),
        duration=100.0,
        rate=50.0,
        length=0.4,
        seed=1,
    )
    cw.save_recording(longer, study.folder / "a.h5", overwrite=True)
    assert thorough_cost(study, report).minutes[0] > cost.minutes[0]


def test_a_sheet_is_seen_at_three_widths(declared, tmp_path):
    study, report = declared
    recorded(tmp_path, "sheet.h5")
    with_sheet = parse_study(
        study.text.replace("m.h5", "sheet.h5"), file=str(tmp_path / "study.yaml")
    )
    (part,) = parts_of(with_sheet, "model")
    assert not is_sheet(part)  # of the lab; the model's own is one
    sites = synthetic.lattice_sites((2, 2), spacing=0.4)
    noise = synthetic.smooth_noise(sites, duration=1.0, rate=50.0, length=0.4, seed=1)
    cw.save_recording(noise.assign_attrs(origin="model"), part.file, overwrite=True)
    # 4 of the lab, of which one is the recording itself, and 4 at each of three widths
    assert thorough_cost(with_sheet, report).passes == 3 + 12


def test_a_study_that_declares_nothing_is_told_whose_choice_it_is():
    study = parse_study(STUDY)
    said = notes_of(study, [], [], "")
    assert any("declares no primaries" in each for each in said)


def test_the_command_prints_the_cost_before_anything_else(
    declared, capsys, monkeypatch
):
    from cortexwave.cli import app

    study, report = declared
    path = study.folder / "study.yaml"
    path.write_text(study.text)

    def begun(*_, **given):
        assert given["thorough"]
        raise RuntimeError("begun")

    monkeypatch.setattr("cortexwave.comparison.comparing.comparing", begun)
    words = ["compare", str(path), "-o", str(report), "--thorough"]
    with pytest.raises(RuntimeError, match="begun"):
        app(words, standalone_mode=False)
    told = capsys.readouterr()
    assert told.err.startswith("cortexwave: thorough: 2 recordings with 99 surrogates")
    assert told.out == ""  # results alone go there


def bursts(sites, origin, seed):
    """A burst of plane waves after each of 20 onsets, to the left or to the right."""
    parts, rows = [], []
    for k in range(20):
        side = ("left", "right")[k % 2]
        parts.append(synthetic.plane_wave(
            sites, duration=7.0, rate=120.0, frequency=10.0, speed=30.0 + seed,
            direction=180.0 if side == "left" else 0.0,
            window=(0.4 + 0.3 * k, 0.65 + 0.3 * k),
        ))  # fmt: skip
        rows.append({"onset": 0.4 + 0.3 * k, "duration": 0.05, "kind": "flash",
                     "stimulus": side})  # fmt: skip
    parts.append(synthetic.smooth_noise(sites, duration=7.0, rate=120.0, length=0.2,
                                        seed=seed, amplitude=0.3))  # fmt: skip
    made = synthetic.mixture(*parts).assign_attrs(origin=origin)
    return schema.with_tables(made, schema.events_table(rows), None)


@pytest.mark.slow
def test_a_thorough_comparison_has_all_panels_and_is_done_once(tmp_path, monkeypatch):
    lab = bursts(synthetic.lattice_sites((4, 4), spacing=0.4), "lab", 1)
    sheet = bursts(synthetic.lattice_sites((14, 14), spacing=0.12), "model", 2)
    cw.save_recording(lab, tmp_path / "lab.h5")
    cw.save_recording(sheet, tmp_path / "sheet.h5")
    study = smallest_study(
        tmp_path / "sheet.h5", tmp_path / "lab.h5", band=(6.0, 16.0),
        window=(-0.05, 0.2), label="stimulus", permutations=19, surrogates=19, seed=1,
    )  # fmt: skip
    report = tmp_path / "report"
    found = finished(comparing(study, report, jobs=2, overwrite=False, thorough=True))
    told = json.loads(write_report(found).with_name("report.json").read_text())
    panels = {panel["letter"]: panel for panel in told["panels"]}
    assert panels["O"]["drawn"] and "24 choices" in " ".join(told["methods"])
    # four passes of waves and two of trials at each width, and of the lab but those
    # that are the comparison itself
    assert found.grid.attrs["passes"] == 6 + 3 * 6
    # one session on each side has no ceiling, whatever the choice
    assert set(found.grid["word"].values.ravel()) == {"undetermined"}
    # so short a pass over 16 sites may leave no frames for rivals: then it says so
    assert panels["P"]["drawn"] or "3 are needed" in panels["P"]["missing"]
    assert [table["number"] for table in told["tables"]][-2:] == ["T6", "T7"]

    def never(*_):
        raise AssertionError("done again")

    for name in ("grid_passes.measure_pass", "format_recovery.recover_part",
                 "measuring.measure_part"):  # fmt: skip
        monkeypatch.setattr(f"cortexwave.comparison.{name}", never)
    again = finished(comparing(study, report, jobs=1, overwrite=False, thorough=True))
    assert (again.grid["word"] == found.grid["word"]).all()
