"""The documents say what is there: every kind, and every key of a protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import cortexwave as cw
from cortexwave.analysis.event_table import COLUMNS
from cortexwave.analysis.measures import MEASURES
from cortexwave.analysis.nulls import NULLS
from cortexwave.analysis.templates import KINDS
from cortexwave.analysis.wave_fields import PhaseMethod
from cortexwave.catalogue import catalogue
from cortexwave.learning.network_documents import NetworkDocument, WaveRNNDocument
from cortexwave.learning.tasks import TASKS
from cortexwave.learning.training_checks import check_training_document
from cortexwave.learning.training_document import (
    Evaluation,
    Export,
    Lesson,
    Optimisation,
    Place,
    Stop,
    Training,
    parse_training,
)
from cortexwave.protocol.document import Model, Record, Run, Sheet
from cortexwave.sheet.trials import Trials

ROOT = Path(__file__).parent.parent
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
TRAINING = (ROOT / "docs" / "training.md").read_text()


@pytest.mark.parametrize("group", ["engines", "stimuli", "kernels", "fields"])
def test_the_protocol_page_names_every_kind(group):
    assert [name for name in catalogue()[group] if name not in PROTOCOL] == []


@pytest.mark.parametrize("part", [Sheet, Model, Trials, Run, Record])
def test_the_protocol_page_names_every_key(part):
    keys = set(re.findall(r"(\w+):", PROTOCOL))
    assert set(part.model_fields) <= keys


@pytest.mark.parametrize("group", ["networks", "tasks"])
def test_the_training_page_names_every_kind(group):
    assert [name for name in catalogue()[group] if f"`{name}`" not in TRAINING] == []


@pytest.mark.parametrize(
    "part",
    [Training, Optimisation, Lesson, Evaluation, Stop, Place, Export, WaveRNNDocument],
)
def test_the_training_page_names_every_key(part):
    keys = set(re.findall(r"(\w+):", TRAINING))
    assert set(part.model_fields) - {"units"} <= keys


@pytest.mark.parametrize("documents", [get_args(get_args(NetworkDocument)[0]),
                                       TASKS.values()])  # fmt: skip
def test_the_training_page_names_every_key_of_networks_and_tasks(documents):
    words = set(re.findall(r"\w+", TRAINING))
    keys = {key for document in documents for key in document.model_fields}
    assert keys <= words


def test_the_training_on_its_page_is_sound():
    (text,) = _yaml_blocks(ROOT / "docs" / "training.md")
    training = parse_training(text)
    check_training_document(training)
    assert training.network.units == 100


def _yaml_blocks(path):
    return re.findall(r"```yaml\n(.*?)```", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/protocol.md"])
def test_the_protocols_on_a_page_can_be_run(page):
    (text,) = _yaml_blocks(ROOT / page)
    problem = cw.prepare(cw.parse_protocol(text))
    assert problem.frames > 1


def test_the_readme_counts_the_shipped_protocols():
    words = {12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen"}
    shipped = len(list((ROOT / "protocols").glob("*.yaml")))
    assert f"{words[shipped]} protocols" in (ROOT / "README.md").read_text()


WAVES = (ROOT / "docs" / "waves.md").read_text()


@pytest.mark.parametrize(
    "names",
    [
        MEASURES,
        COLUMNS,
        KINDS,
        NULLS,
        get_args(PhaseMethod),
        cw.Analysis.__annotations__,
    ],
    ids=["measures", "columns", "kinds", "nulls", "methods", "tables"],
)
def test_the_page_of_waves_names_everything(names):
    assert [name for name in names if name != "path" and f"`{name}`" not in WAVES] == []
