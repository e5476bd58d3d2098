"""Tasks are found by their files, and read without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from cortexwave.documents import Document
from cortexwave.learning.tasks import TASKS, TaskDocument

DOCUMENTS = TypeAdapter(TaskDocument)

EXAMPLES = [
    {"kind": "adding", "length": 100},
    {"kind": "copy", "convention": "code", "length": 20},
    {"kind": "digits"},
    {"kind": "history", "task": "T1", "horizon": 10},
    {"kind": "mnist", "folder": "mnist"},
    {"kind": "noisy_cifar", "folder": "cifar", "noise": "fixed"},
]


def test_every_task_is_registered_by_its_kind():
    assert set(TASKS) == {example["kind"] for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["kind"])
def test_a_document_is_read_by_its_kind(example):
    task = DOCUMENTS.validate_python(example)
    assert type(task) is TASKS[example["kind"]]


def test_the_union_stands_as_a_field():
    class Training(Document):
        task: TaskDocument

    assert Training(task=EXAMPLES[2]).task == TASKS["digits"]()


def test_an_unknown_task_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match="'adding', 'copy', 'digits', 'history'"):
        DOCUMENTS.validate_python({"kind": "chess"})


@pytest.mark.parametrize("kind", sorted(TASKS))
def test_every_field_is_documented(kind):
    fields = set(TASKS[kind].model_fields) - {"kind"}
    said = TASKS[kind].__doc__ or ""
    assert [name for name in sorted(fields) if f"- `{name}`:" not in said] == []


def test_tasks_are_read_without_torch_and_sklearn():
    code = (
        "import sys, cortexwave.learning.tasks as tasks\n"
        "tasks.TASKS['copy'](convention='code', length=20).open(None, 0)\n"
        "sys.exit(bool({'torch', 'sklearn', 'brian2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
