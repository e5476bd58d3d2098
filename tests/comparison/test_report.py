"""Two recordings give one page that a person can read, without any other file."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import cortexwave as cw
from cortexwave import schema, synthetic
from cortexwave.comparison.comparing import compare, comparing, finished
from cortexwave.comparison.reporting import write_report
from cortexwave.comparison.verdicts import is_permitted
from cortexwave.errors import InputError

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LETTERS = "ABCDEFGHIJKLMNOP"
BAND = (6.0, 16.0)


def bursts(sites, origin, seed, *, speed):
    """A burst of plane waves after each of 24 onsets, to the left or to the right."""
    rng = np.random.default_rng(seed)
    rows, parts = [], []
    for k in range(24):
        onset = 0.4 + 0.3 * k
        side = ("left", "right")[int(rng.integers(2)) if k > 3 else k % 2]
        parts.append(synthetic.plane_wave(
            sites, duration=8.0, rate=160.0, frequency=10.0, speed=speed,
            direction=180.0 if side == "left" else 0.0, window=(onset, onset + 0.25),
            phase=float(rng.uniform(0, 2 * np.pi)),
        ))  # fmt: skip
        rows.append({"onset": onset, "duration": 0.05, "kind": "flash",
                     "stimulus": side})  # fmt: skip
    parts.append(synthetic.smooth_noise(sites, duration=8.0, rate=160.0, length=0.2,
                                        seed=seed, amplitude=0.3))  # fmt: skip
    made = synthetic.mixture(*parts).assign_attrs(origin=origin)
    return schema.with_tables(made, schema.events_table(rows), None)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A sheet and a lab recording on disk."""
    folder = tmp_path_factory.mktemp("recordings")
    lab = bursts(synthetic.lattice_sites((4, 4), spacing=0.4), "lab", 1, speed=30.0)
    sheet = bursts(synthetic.lattice_sites((14, 14), spacing=0.12), "model", 2,
                   speed=40.0)  # fmt: skip
    return (cw.save_recording(sheet, folder / "sheet.h5"),
            cw.save_recording(lab, folder / "lab.h5"))  # fmt: skip


@pytest.fixture(scope="module")
def report(pair, tmp_path_factory):
    """The folder of a whole comparison, and what it found."""
    folder = tmp_path_factory.mktemp("out") / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortexwave.comparison.measure_rows._DRAWS", 200)
        found = compare(*pair, band=BAND, output=folder, window=(-0.05, 0.2),
                        permutations=19, surrogates=19, seed=1)  # fmt: skip
    return folder, found


def text_of(path):
    """What a reader sees, without tags, scripts and pictures."""
    page = path.read_text(encoding="utf-8")
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_every_panel_is_there_with_a_figure_or_a_reason(report):
    folder, _ = report
    told = json.loads((folder / "report.json").read_text())
    assert "".join(panel["letter"] for panel in told["panels"]) == LETTERS
    assert all(panel["drawn"] != bool(panel["missing"]) for panel in told["panels"])
    drawn = "".join(panel["letter"] for panel in told["panels"] if panel["drawn"])
    # what one short session on each side can show
    assert set("ABCDEFGHIK") <= set(drawn)


def test_only_words_that_may_be_said_are_verdicts(report):
    folder, found = report
    told = json.loads((folder / "report.json").read_text())
    assert len(told["verdicts"]) == len(found.primaries) + 3
    assert all(is_permitted(each["text"]) for each in told["verdicts"])
    # one session on each side has no ceiling, whatever it shows
    words = {each["word"] for each in told["verdicts"][: len(found.primaries)]}
    assert words == {"undetermined"}


def test_the_page_needs_nothing_from_outside(report):
    page = (report[0] / "report.html").read_text()
    assert re.findall(r"https?://", page) == []
    assert set(re.findall(r'src="([^"]{11})', page)) == {"data:image/"}


def test_the_methods_tell_every_parameter_and_version(report):
    seen = text_of(report[0] / "report.html")
    for said in ("19 surrogates", "6 to 16 Hz", "-50 to 200 ms", "seed 1", "numpy",
                 "hierarchical bootstrap", "SHA-256"):  # fmt: skip
        assert said in seen
    for number in ("T1", "T2", "T3", "T4", "T5"):
        assert f"{number} " in seen
    assert "one lab session: there is no ceiling, and no p" in seen


def test_the_model_was_seen_through_the_labs_electrodes(report):
    _, found = report
    (operator,) = found.operators.values()
    assert operator["electrodes"] == 16
    pitch = [
        float(each.tables[0]["field"]["pitch"]) for each in (*found.lab, *found.model)
    ]
    assert pitch == pytest.approx([0.4, 0.4])


def test_episodes_of_both_sides_are_in_one_table_with_units(report):
    folder, found = report
    rows = list(csv.DictReader((folder / "events.csv").open()))
    assert {row["side"] for row in rows} <= {"lab", "model"}
    counted = sum(session.tables[0]["events"].sizes["event"]
                  for session in (*found.lab, *found.model))  # fmt: skip
    assert len(rows) == counted
    assert {"start_s", "speed_mm_per_s", "direction_deg", "is_wave"} <= set(rows[0])


def test_what_is_done_is_not_done_again(report, monkeypatch):
    folder, found = report

    def never(*args, **named):
        raise AssertionError("a session was measured again")

    monkeypatch.setattr("cortexwave.comparison.measuring.measure_part", never)
    monkeypatch.setattr("cortexwave.comparison.measure_rows._DRAWS", 200)
    again = finished(comparing(found.study, folder, jobs=1, overwrite=False))
    assert {k: row.statement.text for k, row in again.rows.items()} == {
        k: row.statement.text for k, row in found.rows.items()}  # fmt: skip
    write_report(again)


def test_another_comparison_does_not_take_the_folder(pair, report):
    with pytest.raises(InputError, match="another study"):
        compare(*pair, band=(5.0, 16.0), output=report[0], surrogates=19)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
def test_a_browser_draws_every_panel_without_an_error(report):
    folder, _ = report
    told = json.loads((folder / "report.json").read_text())
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
         "--virtual-time-budget=4000", "--enable-logging=stderr", "--dump-dom",
         (folder / "report.html").as_uri()],
        capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    drawn = sum(panel["drawn"] for panel in told["panels"])
    assert f'data-pictures="{drawn}"' in done.stdout
    assert "data-errors" not in done.stdout and "CONSOLE" not in done.stderr


def command(*words):
    """A command in this process; errors are raised as they are."""
    from cortexwave.cli import app

    return app([str(word) for word in words], standalone_mode=False)


@pytest.mark.parametrize(("words", "message"), [
    (("a.h5",), "1 files; give one study"),
    (("no1.h5", "no2.h5", "--band", "5 Hz:9 Hz"), "there is no file no1.h5, no2.h5"),
    (("{0}", "{1}"), "two recordings need --band"),
    (("{0}", "{1}", "--band", "5 Hz"), "two frequencies are due"),
    (("{0}", "{1}", "--band", "5 Hz:9 Hz", "--window", "0 ms"), "two times are due"),
])  # fmt: skip
def test_the_command_names_what_is_wrong(words, message, pair, tmp_path):
    given = [word.format(*pair) for word in words]
    with pytest.raises(InputError, match=message):
        command("compare", *given, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_study_has_its_own_band(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text("")
    with pytest.raises(InputError, match="a study has its own"):
        command("compare", study, "-o", tmp_path / "out", "--band", "5 Hz:9 Hz")
