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
