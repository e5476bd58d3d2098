"""A study names whose recordings are compared, and refuses what it cannot mean."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
import cortexwave.comparison
from cortexwave import schema, synthetic
from cortexwave.checking import checked_document
from cortexwave.comparison.comparing import smallest_study
from cortexwave.comparison.parts import (
    Part,
    excluded_sessions,
    overlaps,
    part_key,
    parts_of,
    without_excluded,
)
from cortexwave.comparison.report_folder import claim_folder
from cortexwave.comparison.study_document import (
    Study,
    check_study_document,
    load_study,
    parse_study,
)
from cortexwave.errors import InputError, ProtocolError
from cortexwave.whole_documents import json_schema

SCHEMA = Path(cortexwave.comparison.__file__).parent / "study.schema.json"

STUDY = """\
cortexwave: 1
kind: study
title: A sheet against two animals
band: [5 Hz, 40 Hz]
seed: 3
memory: {label: item, window: [-100 ms, 300 ms]}
lab:
  subjects:
    - name: ada
      sessions:
        - {name: monday, files: [a1.h5]}
        - name: tuesday
          files: [a2.h5, a3.h5]
          exclude:
            channels: [{labels: [r0c1], reason: broken}]
            times: [{start: 1 s, stop: 1500 ms, reason: movement}]
        - {name: friday, files: [a4.h5], excluded: anaesthesia too deep}
model:
  kind: protocol
  file: sheet.yaml
  animals:
    - {name: m1, seeds: [1, 2]}
    - {name: m2, seeds: [1], set: {run.dt: 0.5 ms}}
calibration: {kind: frequency_and_speed_prior, speed: [0.1 m/s, 0.2 m/s, 0.4 m/s],
              source: horizontal fibres of macaque V1}
"""


def changed(**lines: str) -> str:
    """The study with whole lines replaced, found by their first key."""
    made = []
    for line in STUDY.splitlines():
        key = line.strip().split(":")[0]
        made.append(lines.get(key, line))
    return "\n".join(made)


@pytest.fixture
def electrodes():
    """Four channels over 3 s at 100 Hz, each a ramp of its own, with two events."""
    time = np.arange(300) / 100
    values = time[:, None] * np.array([1.0, 2.0, 3.0, 4.0])
    fields = xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": ("time", time, {"units": "s"}),
         "channel": ["r0c0", "r0c1", "r1c0", "r1c1"],
         "x": ("channel", [0.0, 0.4, 0.0, 0.4], {"units": "mm"}),
         "y": ("channel", [0.0, 0.0, 0.4, 0.4], {"units": "mm"})},
    )  # fmt: skip
    rows = [{"onset": 0.5, "kind": "flash"}, {"onset": 1.2, "kind": "flash"}]
    return schema.with_tables(fields, schema.events_table(rows), None)


def part(**given):
    named = {"side": "lab", "subject": "a", "session": "s", "number": 0,
             "file": Path("a.h5")}  # fmt: skip
    return Part(**{**named, **given})


def test_a_study_is_read_with_its_units():
    study = parse_study(STUDY)
    assert study.band == (5.0, 40.0)
    assert study.memory is not None and study.memory.window == (-0.1, 0.3)
    assert study.calibration.speed == (100.0, 200.0, 400.0)  # mm/s


def test_each_file_of_each_session_that_is_used_is_a_part():
    parts = parts_of(parse_study(STUDY), "lab")
    assert [(p.subject, p.session, p.number) for p in parts] == [
        ("ada", "monday", 0), ("ada", "tuesday", 0), ("ada", "tuesday", 1)]  # fmt: skip
    assert parts[1].channels == (("r0c1", "broken"),)
    assert parts[1].times == ((1.0, 1.5, "movement"),)


def test_a_session_that_is_not_used_is_listed_with_its_reason():
    left_out = excluded_sessions(parse_study(STUDY))
    assert left_out == [("lab", "ada", "friday", "anaesthesia too deep")]


@pytest.mark.parametrize(("line", "message"), [
    ({"band": "band: [40 Hz, 5 Hz]"}, "<text>:4: band: it ends at 5 Hz"),
    ({"band": "band: [5, 40]"}, "5 has no unit"),
    ({"seed": "primaries: [speed]"}, "spent by the calibration"),
    ({"seed": "primaries: [wavelenght]"}, "did you mean 'wavelength'"),
    ({"seed": "primaries: [kinds, kinds]"}, "'kinds' stands twice"),
    ({"memory": "primaries: [persistence]"}, "has no key 'memory'"),
    ({"memory": "memory: {window: [3 ms, 1 ms]}"}, "does not end after it begins"),
    ({"- {name": "        - {name: tuesday, files: [a1.h5]}"}, "tuesday stands twice"),
    ({"- {name": "        - {name: '../x', files: [a1.h5]}"}, "sessions.0.name"),
    ({"file": "  files: sheet.yaml"}, "unknown key; did you mean 'file'"),
    ({"seed": "frozen: " + "a" * 64}, "changed after it was frozen"),
    ({"seed": "surrogates: 5"}, "surrogates"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(line, message):
    with pytest.raises(ProtocolError, match=message.replace("[", r"\[")):
        parse_study(changed(**line))


def test_a_document_of_another_kind_is_no_study():
    with pytest.raises(ProtocolError, match="<text>:2: kind: 'training' is not a kind"):
        parse_study(STUDY.replace("kind: study", "kind: training"))


def test_the_usual_primaries_leave_out_what_the_calibration_spends():
    assert parse_study(STUDY).chosen_primaries == [
        "wavelength", "direction", "kinds", "persistence", "aligned_gain",
        "memory_span"]  # fmt: skip
    both = STUDY.split("calibration:")[0]
    both += "calibration: {kind: frequency_and_wavelength}\n"
    assert "wavelength" not in parse_study(both).chosen_primaries


def test_a_declaration_keeps_its_hash_until_it_is_changed():
    study = parse_study(STUDY)
    frozen = parse_study(STUDY + f"frozen: {study.declared}\n")
    assert frozen.declared == study.declared
    # what is not declared may change: the title is no part of it
    assert study.with_changes({"title": "another"}).declared == study.declared
    assert study.with_changes({"band": ["5 Hz", "30 Hz"]}).declared != study.declared
    with pytest.raises(ProtocolError, match="frozen"):
        frozen.with_changes({"band": ["5 Hz", "30 Hz"]})


def test_files_are_below_the_folder_of_the_study(tmp_path):
    inside = tmp_path / "study"
    inside.mkdir()
    (inside / "study.yaml").write_text(STUDY.replace("a1.h5", "../a1.h5"))
    (tmp_path / "a1.h5").write_bytes(b"")
    with pytest.raises(ProtocolError) as caught:
        check_study_document(load_study(inside / "study.yaml"))
    text = str(caught.value)
    assert "study.yaml:11: lab.subjects.0.sessions.0.files.0: ../a1.h5 lies" in text
    assert "a2.h5: there is no such file" in text and "sheet.yaml" in text
    # a session that is not used still has to be there, so that its reason can be held
    assert "a4.h5" in text


def test_measures_may_be_declared_before_there_are_recordings(tmp_path):
    """`check` tells which recordings are not there yet; `compare` refuses."""
    (tmp_path / "sheet.yaml").write_bytes(b"")
    (tmp_path / "study.yaml").write_text(STUDY)
    told = checked_document(tmp_path / "study.yaml", [])
    assert told["ok"], told["faults"]
    assert "not there yet: " in told["title"] and "a2.h5" in told["title"]
    with pytest.raises(ProtocolError, match=r"a2\.h5: there is no such file"):
        check_study_document(load_study(tmp_path / "study.yaml"))


def test_check_prints_the_hash_to_freeze_a_study_by(tmp_path):
    for name in ("a1.h5", "a2.h5", "a3.h5", "a4.h5", "sheet.yaml"):
        (tmp_path / name).write_text(name)
    (tmp_path / "study.yaml").write_text(STUDY)
    told = checked_document(tmp_path / "study.yaml", [])
    assert told["ok"] and parse_study(STUDY).declared in told["title"]


def test_one_recording_cannot_stand_for_two_animals(tmp_path):
    """As often as one likes copies agree, and a model with them."""
    for name in ("a1.h5", "a2.h5", "a3.h5", "a4.h5", "sheet.yaml"):
        (tmp_path / name).write_text("a1.h5" if name == "a3.h5" else name)
    (tmp_path / "study.yaml").write_text(STUDY)
    with pytest.raises(InputError, match=r"a1\.h5 and a3\.h5 are the same recording"):
        check_study_document(load_study(tmp_path / "study.yaml"))
    # one file named twice is two of the same, too
    (tmp_path / "study.yaml").write_text(STUDY.replace("a3.h5", "a1.h5"))
    with pytest.raises(InputError, match=r"a1\.h5 and a1\.h5 are the same recording"):
        check_study_document(load_study(tmp_path / "study.yaml"))


def test_a_copy_may_stand_among_what_is_excluded(tmp_path):
    """`a4.h5` is of a session that is left out, with its reason."""
    for name in ("a1.h5", "a2.h5", "a3.h5", "a4.h5", "sheet.yaml"):
        (tmp_path / name).write_text("a1.h5" if name == "a4.h5" else name)
    (tmp_path / "study.yaml").write_text(STUDY)
    check_study_document(load_study(tmp_path / "study.yaml"))


@pytest.mark.parametrize(("given", "said"), [
    ({"band": (40.0, 5.0)}, "band"), ({"window": (0.3, -0.1)}, "window"),
    ({"label": "foo"}, "label"), ({"seed": -1}, "seed"), ({"surrogates": 3}, "surrog"),
])  # fmt: skip
def test_two_recordings_are_refused_in_words_where_an_option_is_wrong(given, said):
    usual = {"band": (5.0, 40.0), "window": (-0.1, 0.3), "label": "stimulus",
             "permutations": None, "surrogates": None, "seed": 0}  # fmt: skip
    with pytest.raises(InputError, match=said) as caught:
        smallest_study(Path("m.h5"), Path("a.h5"), **{**usual, **given})
    assert str(caught.value).startswith("m.h5 against a.h5: ")


def test_the_study_on_its_page_is_sound():
    page = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text()
    study = parse_study(page.split("```yaml\n")[1].split("```")[0])
    assert study.chosen_primaries[0] == "direction"
    named = page.split("## Limits")[0]
    assert all(f"{key}:" in named for key in ("lab", "model", "memory", "electrodes"))


def test_the_schema_in_the_package_is_that_of_the_code():
    assert json.loads(SCHEMA.read_text()) == json_schema(Study), (
        "run `cortexwave schema study > cortexwave/comparison/study.schema.json`"
    )


def test_an_excluded_channel_is_missing_and_an_excluded_time_is_bridged(electrodes):
    cut = without_excluded(electrodes, part(
        channels=(("r0c1", "broken"),), times=((1.0, 1.5, "movement"),)))  # fmt: skip
    assert np.isnan(cut["lfp"].sel(channel="r0c1")).all()
    # a straight line between the ends of a ramp is the ramp
    np.testing.assert_allclose(
        cut["lfp"].isel(channel=[0, 2, 3]), electrodes["lfp"].isel(channel=[0, 2, 3])
    )
    wild = electrodes.copy(deep=True)
    wild["lfp"].values[110:140] = 1e6
    cut = without_excluded(wild, part(times=((1.0, 1.5, "movement"),)))
    np.testing.assert_allclose(cut["lfp"], electrodes["lfp"])


def test_events_within_an_excluded_time_are_left_out(electrodes):
    cut = without_excluded(electrodes, part(times=((1.0, 1.5, "movement"),)))
    assert cw.events(cut)["onset"].values.tolist() == [0.5]


def test_nothing_that_is_given_is_changed(electrodes):
    before = electrodes.copy(deep=True)
    without_excluded(electrodes, part(times=((1.0, 1.5, "movement"),)))
    xr.testing.assert_identical(electrodes, before)


@pytest.mark.parametrize(("given", "message"), [
    ({"channels": (("r9c9", "broken"),)}, "no channel r9c9"),
    ({"times": ((7.0, 8.0, "late"),)}, "goes from 0 to 2.99 s"),
    ({"times": ((-1.0, 9.0, "all"),)}, "all of its time"),
    ({"channels": tuple((c, "x") for c in ("r0c0", "r0c1", "r1c0", "r1c1"))},
     "every channel"),
])  # fmt: skip
def test_exclusions_that_do_not_fit_are_named(electrodes, given, message):
    with pytest.raises(InputError, match=message):
        without_excluded(electrodes, part(**given))


def test_spans_that_touch_an_excluded_time_overlap_it():
    begin, end = np.array([0.0, 1.0, 2.0]), np.array([0.9, 1.2, 3.0])
    assert overlaps(begin, end, [(1.1, 1.9, "")]).tolist() == [False, True, False]


def test_the_key_of_a_part_changes_with_all_that_decides_its_tables(tmp_path):
    sites = synthetic.lattice_sites((3, 3), spacing=0.4)
    file = cw.save_recording(
        synthetic.smooth_noise(sites, duration=0.5, rate=50.0, length=0.4, seed=1),
        tmp_path / "a.h5",
    )
    one = part_key(part(file=file), {"seed": 1}, "1")
    assert one == part_key(part(file=file), {"seed": 1}, "1")
    others = {
        part_key(part(file=file), {"seed": 2}, "1"),
        part_key(part(file=file), {"seed": 1}, "2"),
        part_key(part(file=file, times=((0.1, 0.2, "x"),)), {"seed": 1}, "1"),
    }
    assert len(others | {one}) == 4


def test_a_folder_of_another_study_is_kept_unless_asked(tmp_path):
    study, other = parse_study(STUDY), parse_study(changed(seed="seed: 4"))
    folder = claim_folder(tmp_path / "report", study, overwrite=False)
    assert claim_folder(folder, study, overwrite=False) == folder  # resumed
    # one that was refused, and mended, is not another's: nothing was done for it
    assert claim_folder(folder, other, overwrite=False) == folder
    claim_folder(folder, study, overwrite=False)
    (folder / "report.html").write_text("")
    with pytest.raises(InputError, match="report of another study"):
        claim_folder(folder, other, overwrite=False)
    claim_folder(folder, other, overwrite=True)


def test_a_folder_that_is_no_report_is_never_taken(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="other things than a report"):
        claim_folder(tmp_path, parse_study(STUDY), overwrite=True)
    with pytest.raises(InputError, match="no such folder"):
        claim_folder(tmp_path / "a" / "b", parse_study(STUDY), overwrite=False)
