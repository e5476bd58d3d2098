"""The page of lab files says what is there: readers, options, sidecars, commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer

import cortexwave as cw
from cortexwave.cli import app
from cortexwave.lab.array_maps import BUILT_IN
from cortexwave.lab.neo_signals import KINDS
from cortexwave.lab.sidecar import Positions, Sidecar

PAGE = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()


def _commands() -> list[list[str]]:
    """Command lines of the page: whole ones in blocks, bare imports in the table."""
    blocks = re.findall(r"```\n(.*?)```", PAGE, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    whole = [shlex.split(line)[1:] for line in lines if line.startswith("cortexwave ")]
    table = re.findall(r"`(import [^`]+)`", PAGE)
    return [*whole, *(shlex.split(line) for line in table)]


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_a_command_on_the_page_can_be_typed(words):
    known = {
        option
        for parameter in typer.main.get_command(app).commands[words[0]].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = {word for word in words[1:] if word.startswith("-")}
    assert given <= known


@pytest.mark.parametrize("command", ["observe"])
def test_the_page_names_every_option_of(command):
    parameters = typer.main.get_command(app).commands[command].params
    shared = {"--json", "--overwrite", "--output", "--help", "--seed", "--pitch"}
    options = {name for each in parameters for name in each.opts
               if name.startswith("--")}  # fmt: skip
    assert [name for name in sorted(options - shared) if f"`{name}" not in PAGE] == []


def test_the_page_names_every_maker_and_map():
    assert [kind.maker for kind in KINDS if kind.maker not in PAGE] == []
    assert [name for name in BUILT_IN if f"`{name}`" not in PAGE] == []


def test_the_page_names_every_key_of_a_sidecar():
    words = set(re.findall(r"\w+", PAGE))
    keys = {*Sidecar.model_fields, *Positions.model_fields}
    assert keys <= words


def test_the_sidecar_on_the_page_is_sound(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "grasp.yaml").write_text(text)
    np.save(tmp_path / "grasp.npy", np.zeros((50, 4), dtype="f4"))
    recording = cw.read_lab(tmp_path / "grasp.npy")
    assert recording["channel"].values.tolist() == ["e1", "e2", "e3", "e4"]
    # upper left first: y falls from row to row
    assert recording["y"].values.tolist() == [0.4, 0.4, 0.0, 0.0]
    assert recording["good"].values.tolist() == [True, True, False, True]
    assert recording.attrs["session"] == "2020-03-01"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`cw\.(\w+)", PAGE))))
def test_a_name_on_the_page_is_there(name):
    assert hasattr(cw, name)
