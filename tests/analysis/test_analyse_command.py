"""Options of `analyse` and `compare`: each is used, or refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cortexwave import synthetic
from cortexwave.cli import app
from cortexwave.errors import InputError
from cortexwave.recording.saving import save_recording


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    sites = synthetic.lattice_sites((4, 4), spacing=0.4)
    made = synthetic.smooth_noise(sites, length=0.0, seed=0, duration=3.0, rate=200.0)
    return save_recording(made, tmp_path_factory.mktemp("made") / "run.h5")


def refused(tmp_path: Path, *words: object) -> str:
    """What the command says, which leaves nothing behind."""
    output = tmp_path / "output"
    with pytest.raises(InputError) as said:
        app([*map(str, words), "-o", str(output)], standalone_mode=False)
    assert not list(tmp_path.iterdir())
    return str(said.value)


@pytest.mark.parametrize("words", [
    ["--band", "5 Hz:40 Hz"], ["--field", "lfp"], ["--array", "a"], ["--grid"],
    ["--method", "generalized"], ["--surrogates", "99"], ["--alpha", "0.05"],
    ["--seed", "0"], ["--wavelength", "1 mm"], ["--memory", "4 GiB"],
])  # fmt: skip
def test_analyse_refuses_of_a_study_what_its_document_says(tmp_path, words):
    """Even where a default is given: nothing that is written is dropped."""
    said = refused(tmp_path, "analyse", "study.yaml", *words)
    assert said.startswith(f"{words[0]}: of a recording; a study has its own")
    assert "study.yaml" in said


def test_all_options_that_a_study_has_are_named_at_once(tmp_path):
    said = refused(tmp_path, "analyse", "s.yml", "--seed", 1, "--band", "5 Hz:40 Hz")
    assert said.startswith("--band, --seed: of a recording")


@pytest.mark.parametrize("words", [
    ["--band", "5 Hz:40 Hz"], ["--window", "0 ms:9 ms"], ["--label", "stimulus"],
])  # fmt: skip
def test_compare_refuses_of_a_study_what_its_document_says(tmp_path, words):
    said = refused(tmp_path, "compare", "study.yaml", *words)
    assert said.startswith(f"{words[0]}: of two recordings; a study has its own")


@pytest.mark.parametrize(("words", "culprit"), [
    (["--set", "nonsense=1"], "--set: of a study; two recordings have --band"),
    (["--label", "kind"], "--label: trials are decoded within a --window"),
])  # fmt: skip
def test_compare_refuses_of_two_recordings_what_it_would_drop(
    tmp_path, run, words, culprit
):
    said = refused(tmp_path, "compare", run, run, "--band", "5 Hz:40 Hz", *words)
    assert said.startswith(culprit)


def test_a_band_without_units_is_told_by_its_option(tmp_path, run):
    for command in (["analyse", run], ["compare", run, run]):
        said = refused(tmp_path, *command, "--band", "5:40")
        assert said.startswith("--band '5:40': '5' has no unit")
    said = refused(tmp_path, "observe", run, "--electrodes", "2x2 0.4 mm",
                   "--snr", "1", "--noise-band", "5:40")  # fmt: skip
    assert said.startswith("--noise-band '5:40': '5' has no unit")


@pytest.mark.parametrize("words", [
    ["analyse", "--wavelength", "1.2"], ["compare", "--window", "1:2"],
])  # fmt: skip
def test_a_quantity_without_a_unit_is_told_by_its_option(tmp_path, run, words):
    command, option, text = words
    files = [run] if command == "analyse" else [run, run]
    said = refused(tmp_path, command, *files, "--band", "5 Hz:40 Hz", option, text)
    assert said.startswith(option) and "has no unit" in said


@pytest.mark.parametrize(("words", "culprit"), [
    (["--band", "5 Hz:400 Hz"], "band ends at 400 Hz"),
    (["--band", "5 Hz:40 Hz", "--surrogates", "3"], "count is 3: p of 0.05 needs 19"),
    (["--band", "5 Hz:40 Hz", "--alpha", "2"], "alpha is 2"),
    (["--band", "5 Hz:40 Hz", "--memory", "1 KiB"], "memory is 1 KiB"),
])  # fmt: skip
def test_what_does_not_fit_a_recording_names_its_file(tmp_path, run, words, culprit):
    said = refused(tmp_path, "analyse", run, "--quiet", *words)
    assert said.startswith(f"{run}: {culprit}")


def test_the_file_is_named_once(tmp_path, run):
    absent = run.with_name("absent.h5")
    said = refused(tmp_path, "analyse", absent, "--band", "5 Hz:40 Hz")
    assert said.count("absent.h5") == 1
