"""The study that comes with the package holds, and runs as its first lines say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cortexwave as cw
from cortexwave.comparison.seen_models import protocols_of
from cortexwave.comparison.study_document import check_study_document, named_files

SHIPPED = Path(cw.__file__).parent.parent / "protocols" / "studies" / "three_animals"


@pytest.fixture
def copied(tmp_path):
    """The study in a folder of its own, without any recording."""
    folder = tmp_path / "study"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


def told(study: Path) -> str:
    """The commands in the first lines of a study, as a shell script."""
    return "\n".join(re.findall(r"^#   (.*)$", study.read_text(), flags=re.M))


def test_the_study_checks_once_its_recordings_are_made(copied):
    study = cw.load_study(copied / "study.yaml")
    for _, name in named_files(study):
        if name.endswith(".h5"):
            (copied / name).parent.mkdir(exist_ok=True)
            (copied / name).write_text(name)
    check_study_document(study)  # raises where a file is missing
    assert len(study.lab.subjects) == 3  # the fewest that give a ceiling of animals


def test_its_models_lie_between_its_animals_in_speed(copied):
    animals = [float(each) for each in re.findall(r'"\w+ (\d\.\d+)"', told(
        copied / "study.yaml"))]  # fmt: skip
    study = cw.load_study(copied / "study.yaml")
    protocols = [protocol for _, _, protocol in protocols_of(study)]
    speeds = {each.with_changes({}).model.parameters["speed"] for each in protocols}
    assert sorted(speeds) == ["0.107 m/s", "0.114 m/s"]
    assert min(animals) < 0.107 and max(animals) > 0.114


def test_it_makes_the_recordings_that_it_names(copied):
    script = told(copied / "study.yaml")
    animals = re.findall(r'"(\w+) \d\.\d+"', script)
    study = cw.load_study(copied / "study.yaml")
    made = {f"runs/{animal}_{session}.h5" for animal in animals for session in (1, 2)}
    named = {name for _, name in named_files(study) if name.endswith(".h5")}
    assert named == made and "runs/$1_$session.h5" in script


@pytest.mark.slow
def test_its_commands_find_the_right_model_within_and_the_fast_one_outside(copied):
    (copied / "runs").mkdir()
    bin_ = copied / "bin"
    bin_.mkdir()
    command = bin_ / "cortexwave"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cortexwave.cli "$@"\n')
    command.chmod(0o755)
    root = str(SHIPPED.parent.parent.parent)
    subprocess.run(
        ["bash", "-e", "-c", told(copied / "study.yaml")], cwd=copied, check=True,
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": root},
    )  # fmt: skip
    rows = {
        name: json.loads((copied / "runs" / name / "report.json").read_text())["rows"]
        for name in ("report", "too_fast")
    }
    assert rows["report"]["speed"]["statement"]["word"] in ("within", "partly within")
    assert rows["too_fast"]["speed"]["statement"]["word"] == "outside"
    # medians of apparent speed in bands with noise are above the sheet's own by no
    # more than about a tenth
    assert rows["report"]["speed"]["lab"]["estimate"] == pytest.approx(0.11, rel=0.1)
