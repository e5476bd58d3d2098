"""Which files a recording is of, and their digest."""

from __future__ import annotations

import hashlib

import pytest

from cortexwave.errors import RecordingError
from cortexwave.lab.source_files import digest_of, files_of_source


@pytest.fixture
def made(tmp_path):
    """Writes small files by their names; the folder."""

    def write(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return write


def names_of(source, output="out.h5", sidecar=None):
    found = files_of_source(source, source.parent / output, sidecar)
    return [path.name for path in found]


def test_events_and_tables_belong_to_a_recording_other_bands_do_not(made):
    folder = made("a.ns5", "a.ns2", "a.nev", "ab.nev", "a.h5", "notes.txt")
    assert names_of(folder / "a.ns5") == ["a.nev", "a.ns5"]
    folder = made("s_task_ieeg.vhdr", "s_task_ieeg.eeg", "s_task_ieeg.vmrk",
                  "s_task_events.tsv", "s_other_events.tsv")  # fmt: skip
    assert names_of(folder / "s_task_ieeg.vhdr") == [
        "s_task_events.tsv", "s_task_ieeg.eeg", "s_task_ieeg.vhdr", "s_task_ieeg.vmrk",
    ]  # fmt: skip


def test_electrodes_that_runs_share_belong_to_a_bids_recording(made):
    stem = "sub-1_ses-a"
    folder = made(f"{stem}_task-x_ieeg.vhdr", f"{stem}_space-mni_electrodes.tsv",
                  f"{stem}_space-mni_coordsystem.json", f"{stem}_task-y_channels.tsv",
                  "sub-1_ses-b_electrodes.tsv")  # fmt: skip
    assert names_of(folder / f"{stem}_task-x_ieeg.vhdr") == [
        f"{stem}_space-mni_coordsystem.json", f"{stem}_space-mni_electrodes.tsv",
        f"{stem}_task-x_ieeg.vhdr",
    ]  # fmt: skip


def test_a_folder_is_all_that_is_in_it_but_what_is_being_written(made):
    folder = made("r/structure.oebin", "r/continuous/x/continuous.dat", "r/out.h5.part")
    assert names_of(folder / "r" / "structure.oebin") == [
        "continuous.dat", "structure.oebin",
    ]  # fmt: skip
    found = files_of_source(folder / "r", folder / "r" / "out.h5")
    assert [path.name for path in found] == ["continuous.dat", "structure.oebin"]


def test_a_sidecar_from_elsewhere_belongs_to_it(made):
    folder = made("a.npy", "a.yaml", "else/b.yaml")
    assert names_of(folder / "a.npy") == ["a.npy", "a.yaml"]
    assert names_of(folder / "a.npy", sidecar=folder / "else" / "b.yaml") == [
        "a.npy", "a.yaml", "b.yaml",
    ]  # fmt: skip


def test_the_digest_of_one_file_is_its_own_that_of_several_that_of_their_lines(made):
    folder = made("a", "b")
    single = {name: hashlib.sha256(name.encode()).hexdigest() for name in "ab"}
    assert digest_of([folder / "a"]) == single["a"]
    lines = f"{single['a']}  a\n{single['b']}  b\n"
    assert (
        digest_of([folder / "a", folder / "b"])
        == hashlib.sha256(lines.encode()).hexdigest()
    )


def test_a_file_that_went_away_is_named(made):
    folder = made("a")
    with pytest.raises(RecordingError, match="gone: cannot be read"):
        digest_of([folder / "gone"])
