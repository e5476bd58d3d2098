"""Protocols: the shipped ones, their schema, changes, and every kind of slip."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import cortexwave.protocol
from cortexwave.documents import parse_document
from cortexwave.errors import InputError, ProtocolError
from cortexwave.preparation import prepare
from cortexwave.protocol.document import Protocol, load_protocol, parse_protocol
from cortexwave.whole_documents import json_schema

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "protocols").glob("*.yaml"))
SCHEMA = Path(cortexwave.protocol.__file__).parent / "simulation.schema.json"


def named(path: Path) -> str:
    return path.stem


def assert_same_problem(one: Protocol, other: Protocol) -> None:
    a, b = prepare(one), prepare(other)
    assert (a.dt, a.steps, a.every, a.record, a.trials, a.seed, a.dtype) == (
        b.dt, b.steps, b.every, b.record, b.trials, b.seed, b.dtype,
    )  # fmt: skip
    assert a.lattice == b.lattice and a.functions == b.functions
    for name, value in a.parameters.items():
        assert np.array_equal(value, b.parameters[name])
    for left, right in zip(a.couplings, b.couplings, strict=True):
        assert np.array_equal(left.taps.weights, right.taps.weights)
        assert np.array_equal(left.taps.delays, right.taps.delays)
        assert (left.before is None) == (right.before is None)
        assert left.after is None or np.array_equal(left.after, right.after)
    for name in a.spec.states:
        assert np.array_equal(a.initial[name], b.initial[name])
    for name in a.spec.drives:
        for step in range(0, a.steps, max(1, a.steps // 50)):
            left, right = (p.drive.trial(0).at(name, step) for p in (a, b))
            assert (left is None) == (right is None)
            assert left is None or np.array_equal(left, right)


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_every_shipped_protocol_loads_and_prepares_without_a_warning(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem = prepare(load_protocol(path))
    assert problem.steps >= 1 and problem.frames >= 2


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_every_shipped_protocol_says_what_to_see(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../cortexwave/protocol/")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert len(comments) >= 4 and len(load_protocol(path).title) > 20


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_a_protocol_made_from_its_resolved_json_has_the_same_numbers(path):
    protocol = load_protocol(path)
    again = Protocol.model_validate(json.loads(protocol.resolved()))
    assert again.resolved() == protocol.resolved()
    again._source = protocol.source  # where the files that it names are
    assert_same_problem(protocol, again)


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_a_changed_protocol_stays_the_same_elsewhere(path):
    protocol = load_protocol(path)
    changed = protocol.with_changes({"title": "another", "run.seed": 5})
    assert (changed.title, changed.run.seed) == ("another", 5)
    back = changed.with_changes(
        {"title": protocol.title, "run.seed": protocol.run.seed}
    )
    assert back.resolved() == protocol.resolved()
    assert_same_problem(protocol, back)


def test_the_schema_file_is_current():
    expected = json.dumps(json_schema(Protocol), indent=1) + "\n"
    assert SCHEMA.read_text(encoding="utf-8") == expected, (
        "run `cortexwave schema > cortexwave/protocol/simulation.schema.json`"
    )


def test_the_schema_is_what_the_command_prints(capsys):
    from cortexwave.cli import describing

    describing.schema()
    assert capsys.readouterr().out == SCHEMA.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_the_schema_accepts_the_shipped_protocols(path):
    jsonschema = pytest.importorskip("jsonschema")
    values = parse_document(path.read_text(encoding="utf-8")).values
    jsonschema.Draft202012Validator(json_schema(Protocol)).validate(values)


def without(values, *path):
    changed = copy.deepcopy(values)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return changed


def put(values, value, *path):
    changed = copy.deepcopy(values)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return changed


RING = parse_document((ROOT / "protocols/ring_pulse.yaml").read_text()).values


@pytest.mark.parametrize(
    "broken",
    [
        without(RING, "run", "dt"), without(RING, "kind"), without(RING, "sheet"),
        put(RING, 3, "runn"), put(RING, "1 ms", "run", "dtt"),
        put(RING, 0.1, "run", "dt"), put(RING, "closed", "sheet", "boundary"),
        put(RING, "pulze", "stimuli", 0, "kind"), put(RING, 2, "cortexwave"),
        put(RING, None, "model", "parameters", "speed"),
        put(RING, [1, 2, 3], "sheet", "shape"), put(RING, -1, "run", "seed"),
        put(RING, {"kind": "gradent"}, "model", "parameters", "speed"),
        put(RING, "sometimes", "trials"), put(RING, "ms", "run", "dt"),
    ],
)  # fmt: skip
def test_what_the_schema_refuses_loading_refuses_too(broken):
    jsonschema = pytest.importorskip("jsonschema")
    assert not jsonschema.Draft202012Validator(json_schema(Protocol)).is_valid(broken)
    with pytest.raises(ProtocolError):
        parse_protocol(json.dumps(broken, indent=1))


TAU = "model.parameters.tau"
TEXT = """\
cortexwave: 1
kind: simulation
title: a ring
sheet:
  shape: [1, 32]
  spacing: 0.1 mm
model:
  name: leaky_rate
  parameters:
    tau: 10 ms
stimuli:
  - kind: pulse
    duration: 1 ms
    place: {x: 1 mm}
run:
  duration: 10 ms
  dt: 0.1 ms
"""


def test_the_text_used_here_is_a_protocol():
    assert prepare(parse_protocol(TEXT)).steps == 100


@pytest.mark.parametrize(
    "old, new, line, place, message",
    [
        ("title:", "titel:", 3, "titel", "unknown key; did you mean 'title'?"),
        ("sheet:\n", "shet:\n", 4, "shet", "did you mean 'sheet'?"),
        ("  spacing", "  spacin", 6, "sheet.spacin", "did you mean 'spacing'?"),
        ("    tau", "    tua", 10, "model.parameters.tua", "did you mean 'tau'?"),
        ("  parameters", "  parametrs", 9, "model.parametrs", "mean 'parameters'?"),
        ("place:", "plase:", 14, "stimuli.0.plase", "did you mean 'place'?"),
        ("    duration", "    duratoin", 13, "stimuli.0.duratoin", "mean 'duration'?"),
        ("{x: 1 mm}", "{x: 1 mm, radus: 1 mm}", 14, "stimuli.0.place.radus", "radius"),
        ("  dt", "  dr", 17, "run.dr", "did you mean 'dt'?"),
        ("pulse", "pules", 12, "stimuli.0", "'pules' is not one of pulse, pulse_train"),
        ("leaky_rate", "leaky_rat", 8, "model.name", "did you mean 'leaky_rate'?"),
        ("simulation", "simulaton", 2, "kind", "did you mean 'simulation'?"),
        ("[1, 32]", "[1, 32]\n  boundary: perodic", 6, "sheet.boundary", "'periodic'"),
        ("10 ms\nst", "10\nst", 10, TAU, "10 has no unit; write for"),
        ("10 ms\nst", "10 mm\nst", 10, TAU, "is not a quantity in ms"),
        ("10 ms\nst", "\nst", 10, TAU, "a number, or text with a unit"),
        ("10 ms\nst", ".nan\nst", 10, TAU, "not a finite number"),
        ("10 ms\nst", ".inf\nst", 10, TAU, "not a finite number"),
        ("10 ms\nst", "[1]\nst", 10, TAU, "not [1]"),
        ("10 ms\nst", "true\nst", 10, TAU, "not True"),
        ("10 ms\nst", "1e30 s\nst", 10, TAU, "too large to be meant"),
        ("10 ms\nst", "-10 ms\nst", 10, TAU, "is not positive"),
        ("10 ms\nst", "0 ms\nst", 10, TAU, "is not positive"),
        ("10 ms\nst", "{kind: gradent}\nst", 10, TAU, "'gradient'?"),
        ("10 ms\nst", "{axis: x}\nst", 10, TAU, "needs the key 'kind'"),
        ("10 ms\nst", "{kind: twist, axis: x, turns: 1}\nst", 10,
         TAU, "'1 rad' is not a quantity in ms"),
        ("0.1 ms", "0 ms", 17, "run.dt", "'0 ms' is not positive"),
        ("0.1 ms", "-1 ms", 17, "run.dt", "'-1 ms' is not positive"),
        ("0.1 ms", "0.1", 17, "run.dt", "0.1 has no unit; write for example '20 ms'"),
        ("0.1 ms", "0.1 Hz", 17, "run.dt", "is not a quantity in ms"),
        ("0.1 ms", "0.1 ms\n  seed: -1", 18, "run.seed", "not -1"),
        ("0.1 ms", "0.1 ms\n  seed: true", 15, "run", "seed is true"),
        ("0.1 ms", "0.1 ms\n  seed: 1.5", 18, "run.seed", "not 1.5"),
        ("0.1 ms", "0.1 ms\n  dtype: float16", 18, "run.dtype", "'float64' or"),
        ("0.1 ms", "0.1 ms\n  backend: brain2", 18, "run.backend", "mean 'brian2'?"),
        ("[1, 32]", "[32]", 5, "sheet.shape.1", "this item is missing"),
        ("[1, 32]", "32", 5, "sheet.shape", "a list is due here, not 32"),
        ("[1, 32]", "[0, 32]", 4, "sheet", "sites count from 1 on"),
        ("[1, 32]", "[10000, 10000]", 4, "sheet", "at most 16,777,216 values"),
        ("0.1 mm\n", "0.1 mm\n  features: 0\n", 7, "sheet.features", "not 0"),
        ("cortexwave: 1", "cortexwave: 2", 1, "cortexwave", "2 is not one of 1"),
    ],
)  # fmt: skip
def test_a_slip_gives_one_message_with_its_line(old, new, line, place, message):
    assert old in TEXT
    with pytest.raises(ProtocolError) as caught:
        prepare(parse_protocol(TEXT.replace(old, new, 1), file="p.yaml"))
    found = [f for f in caught.value.faults if "key is missing" not in f.message]
    assert len(found) == 1, caught.value
    assert (found[0].line, found[0].place) == (line, place)
    assert message in found[0].message
    assert str(caught.value).count("p.yaml:") == len(caught.value.faults)


@pytest.mark.parametrize(
    "line, place",
    [("title: a ring\n", "title"), ("kind: simulation\n", "kind"),
     ("cortexwave: 1\n", "cortexwave"), ("  dt: 0.1 ms\n", "run.dt"),
     ("  spacing: 0.1 mm\n", "sheet.spacing"), ("    place: {x: 1 mm}\n",
      "stimuli.0.place"), ("  name: leaky_rate\n", "model.name")],
)  # fmt: skip
def test_a_missing_key_is_named(line, place):
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(TEXT.replace(line, ""), file="p.yaml")
    faults = [(fault.place, fault.message) for fault in caught.value.faults]
    assert faults == [(place, "this key is missing")]


def test_all_faults_are_told_at_once_in_order_of_line():
    text = TEXT.replace("0.1 mm", "0.1").replace("pulse", "pules").replace("tau", "tua")
    text = text.replace("0.1 ms", "nan").replace("title: a ring", "title: 3")
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(text, file="p.yaml")
    assert [fault.line for fault in caught.value.faults] == [3, 6, 10, 12, 17]
    assert len(str(caught.value).splitlines()) == 5


@pytest.mark.parametrize("kind", ["[a]", "{a: 1}", "3", "~", "training"])
def test_a_document_of_another_kind_is_refused(kind):
    with pytest.raises(
        ProtocolError, match=r"p.yaml:2: kind: .* is not a kind of document"
    ):
        parse_protocol(TEXT.replace("simulation", kind), file="p.yaml")


def test_the_keys_that_are_allowed_are_listed():
    with pytest.raises(
        ProtocolError, match="unknown key; keys are backend, device, dt, "
    ):
        parse_protocol(TEXT + "  zzz: 1\n")
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(TEXT.replace("{x: 1 mm}", "{x: 1 mm, zzz: 1}"))
    assert "keys are radius, shape, sigma, x, y" in str(caught.value)


def test_merged_and_aliased_parts_are_checked_where_they_stand():
    text = TEXT.replace(
        "  - kind: pulse\n    duration: 1 ms\n",
        "  - &first\n    kind: pulse\n    duraton: 1 ms\n    place: {x: 1 mm}\n"
        "  - <<: *first\n",
    )
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(text)
    lines = {(f.place, f.line) for f in caught.value.faults if "unknown" in f.message}
    assert lines == {("stimuli.0.duraton", 14), ("stimuli.1.duraton", 14)}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"run.dtt": "1 ms"}, "run.dtt: unknown key; did you mean 'dt'?"),
        ({"run.dt": 0.001}, "run.dt: 0.001 has no unit"),
        ({"run": 3}, "run: keys and values are due here, not 3"),
        ({"stimuli.7.duration": "1 ms"}, "'7' is not a place in a list of 1"),
        ({"nothing.of.this": 1}, "nothing: unknown key"),
        ({"run.dt": None}, "not a quantity"),
    ],
)
def test_a_change_is_checked_like_the_file(changes, message):
    protocol = parse_protocol(TEXT, file="p.yaml")
    with pytest.raises(ProtocolError) as caught:
        protocol.with_changes(changes)
    assert message in str(caught.value)


def test_changes_do_not_touch_the_protocol_they_start_from():
    protocol = parse_protocol(TEXT)
    finer = protocol.with_changes({"run.dt": "0.05 ms"})
    assert (protocol.run.dt, finer.run.dt) == (1e-4, 5e-5)
    assert protocol.with_changes({}) is protocol
    with pytest.raises(ValueError, match="frozen"):
        protocol.title = "b"


def test_from_python_numbers_are_in_base_units():
    values = {
        "cortexwave": 1, "kind": "simulation", "title": "made in Python",
        "sheet": {"shape": (1, 32), "spacing": 0.1},
        "model": {"name": "leaky_rate", "parameters": {"tau": 0.02}},
        "run": {"duration": 0.01, "dt": 1e-4},
    }  # fmt: skip
    problem = prepare(Protocol.model_validate(values))
    assert (problem.dt, problem.parameters["tau"], problem.steps) == (1e-4, 0.02, 100)


def test_the_resolved_protocol_is_in_base_units_with_defaults_filled_in():
    values = json.loads(parse_protocol(TEXT).resolved())
    assert values["run"]["dt"] == 1e-4 and values["sheet"]["spacing"] == 0.1
    assert values["model"]["parameters"] == {"bias": 0.0, "tau": 0.01}
    assert values["model"]["functions"] == {"f": "relu"}


@pytest.mark.parametrize("path", ["nowhere.yaml", "."])
def test_a_file_that_is_no_protocol_is_named(path):
    with pytest.raises(InputError, match=r"nowhere.yaml cannot be read|is a folder"):
        load_protocol(path)
