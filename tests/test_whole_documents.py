"""What protocols, trainings and studies have in common, claimed of each of them."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from cortexwave.comparison.study_document import Study, load_study
from cortexwave.documents import parse_document, read_document
from cortexwave.errors import ProtocolError
from cortexwave.learning.training_document import Training, load_training
from cortexwave.protocol.document import Protocol, load_protocol
from cortexwave.whole_documents import json_schema, whole_document

SHIPPED = Path(__file__).parents[1] / "protocols"
KINDS = {
    "simulation": (Protocol, load_protocol, SHIPPED / "ring_pulse.yaml"),
    "training": (Training, load_training, SHIPPED / "training" / "copy_short.yaml"),
    "study": (Study, load_study, SHIPPED / "studies" / "three_animals" / "study.yaml"),
}  # fmt: skip
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_a_document_keeps_its_text_and_its_folder(kind):
    _, load, path = KINDS[kind]
    document = load(path)
    assert document.text == path.read_text(encoding="utf-8")
    assert document.folder == path.parent
    assert document.source.file == str(path)


def comments(text):
    return [line.split("#")[1].strip() for line in text.splitlines() if "#" in line]


@each_kind
def test_a_change_leaves_comments_and_all_other_values(kind):
    _, load, path = KINDS[kind]
    document = load(path)
    changed = document.with_changes({"title": "another"})
    assert type(changed) is type(document) and changed.folder == document.folder
    assert changed.source.values == {**document.source.values, "title": "another"}
    assert comments(changed.text) == comments(document.text) != []
    assert document.with_changes({}) is document


@each_kind
def test_what_is_resolved_loads_as_the_same_document(kind):
    model, load, path = KINDS[kind]
    resolved = load(path).resolved()
    assert json.loads(resolved)["units"] == "base"
    assert whole_document(model, parse_document(resolved)).resolved() == resolved


@each_kind
def test_one_that_is_made_in_python_has_a_text_that_loads(kind):
    model, load, path = KINDS[kind]
    made = model.model_validate(json.loads(load(path).resolved()))
    assert made.source.file == f"<{model.__name__.lower()}>"
    assert made.with_changes({"title": "another"}).title == "another"


@pytest.mark.parametrize("kind, given", list(permutations(KINDS, 2)))
def test_one_kind_is_not_taken_for_another(kind, given):
    model = KINDS[kind][0]
    source = read_document(KINDS[given][2])
    line = source.line(("kind",))
    with pytest.raises(ProtocolError, match=rf"\.yaml:{line}: kind: '{given}' is not"):
        whole_document(model, source)


@each_kind
def test_every_fault_of_a_document_is_told_with_its_line(kind):
    model, _, path = KINDS[kind]
    source = read_document(path)
    values = {**source.values, "title": "", "sead": 1}
    lines = {**source.lines, ("sead",): 99}
    faulty = type(source)("a.yaml", source.text, values, lines)
    with pytest.raises(ProtocolError) as caught:
        whole_document(model, faulty)
    told = {fault.place: fault.line for fault in caught.value.faults}
    assert told == {"title": source.line(("title",)), "sead": 99}


@each_kind
def test_the_schema_says_which_kind_it_is_of(kind):
    schema = json_schema(KINDS[kind][0])
    assert schema["properties"]["kind"]["const"] == kind
    assert list(schema["properties"])[:4] == ["cortexwave", "kind", "title", "units"]
    assert schema["title"].startswith("cortexwave ") and "version 1" in schema["title"]
