"""YAML read without trust: every fault with its line, and nothing that explodes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from cortexwave.documents import (
    changed_text,
    parse_document,
    read_changes,
    read_document,
)
from cortexwave.errors import InputError, ProtocolError


def faults(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ProtocolError) as caught:
        parse_document(text, file="d.yaml")
    return [(fault.line, fault.place, fault.message) for fault in caught.value.faults]


def test_scalars_are_those_of_yaml_1_2():
    text = (
        "a: 1e-3\nb: no\nc: on\nd: 012\ne: 1:30\nf: 0x10\ng: 0o17\nh: .5\ni: +1\n"
        "j: ~\nk: 1E3\nl: 1.\nm: True\nn: '5'\no: 2020-01-01\np: 1_000\nq:\nr: -.inf\n"
    )
    expected = {
        "a": 0.001, "b": "no", "c": "on", "d": 12, "e": "1:30", "f": 16, "g": 15,
        "h": 0.5, "i": 1, "j": None, "k": 1000.0, "l": 1.0, "m": True, "n": "5",
        "o": "2020-01-01", "p": "1_000", "q": None, "r": -np.inf,
    }  # fmt: skip
    values = parse_document(text).values
    assert values == expected
    assert [type(v) for v in values.values()] == [type(v) for v in expected.values()]


def test_each_value_knows_the_line_of_its_key():
    source = parse_document(
        "a: 1\nb:\n  c: 2\n  d:\n    - x\n    - {e: 3,\n       f: 4}"
    )
    lines = {("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "d"): 4, ("b", "d", 0): 5,
             ("b", "d", 1, "e"): 6, ("b", "d", 1, "f"): 7}  # fmt: skip
    assert {path: source.line(path) for path in lines} == lines
    # of what is not there: the line of what is nearest
    assert source.line(("b", "d", 9)) == 4
    assert source.line(("z",)) is None


def test_merged_keys_have_the_line_where_they_stand():
    text = (
        "near: &near\n  x: 1\n  y: 2\nfar: &far {x: 9, z: 3}\nboth:\n"
        "  <<: [*near, *far]\n  y: 5\n"
    )
    source = parse_document(text)
    assert source.values["both"] == {"y": 5, "x": 1, "z": 3}
    lines = {key: source.line(("both", key)) for key in "xyz"}
    assert lines == {"x": 2, "y": 7, "z": 4}


def test_an_alias_is_the_value_that_its_anchor_names():
    source = parse_document("a: &a {x: true}\nb: *a\nc: &c 1.5\nd: *c\n")
    assert source.values == {"a": {"x": True}, "b": {"x": True}, "c": 1.5, "d": 1.5}
    assert source.line(("b",)) == 2 and source.line(("b", "x")) == 1


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice, first on line 1"),
        ("a:\n  b: 1\n\tc: 1\n", 3, "tab"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not YAML"),
        ("a: b: c\n", 1, "not YAML"),
        ("a: 1\nb: 'x\n", 3, "not YAML"),
        ("a: 1\nb: @x\n", 2, "not YAML"),
        ("a: 1\n---\nb: 1\n", 2, "a second document"),
        ("%YAML 1.1\n---\na: no\n", 2, "YAML 1.2 only"),
        ("a: 1\nb: x\x07y\n", 2, "the character '\\x07' is not allowed"),
        ("a: 1\nb: !!python/object:os.system {x: 1}\n", 2, "!!python/object:os.system"),
        (
            "a: !!python/object/apply:os.system ['echo']\n",
            1,
            "tag !!python/object/appl",
        ),
        ("a: !!python/name:os.system\n", 1, "the tag !!python/name:os.system"),
        ("a: !mine [1]\n", 1, "the tag !mine is not read"),
        ("a: !!binary aGVsbG8=\n", 1, "the tag !!binary"),
        ("a: !!set {x, y}\n", 1, "the tag !!set"),
        ("a: !!int abc\n", 1, "'abc' is not of the kind that its tag !!int says"),
        ("a: 1\nb: *a\n", 2, "the alias *a names nothing above it"),
        ("a: &a [*a]\n", 1, "the alias *a holds itself"),
        ("a: &a {<<: *a}\n", 1, "the alias *a holds itself"),
        ("a:\n  <<: 3\n", 2, "'<<' takes an alias of a mapping"),
        ("a: 1\nb:\n  2: x\n", 3, "key 2 is not text"),
        ("a: 1\n? [1, 2]\n: 3\n", 2, "key a list is not text"),
        ("a: 1\n~: 3\n", 2, "key None is not text"),
        ("a: 1\nb: " + "9" * 5000, 2, "a whole number of 5,000 digits"),
        ("- 1\n- 2\n", 1, "not a list"),
        ("hello", 1, "not a single value (hello)"),
    ],
)
def test_a_fault_names_its_line(text, line, message):
    found = faults(text)
    assert len(found) == 1
    assert found[0][0] == line
    assert message in found[0][2]


def test_several_faults_are_told_at_once_in_order_of_line():
    text = "a: !x 1\nb:\n  1: y\n  c: 2\n  c: 3\nd: !!int z\n3: w\n"
    assert [line for line, *_ in faults(text)] == [1, 3, 5, 6, 7]


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n \n", "---\n", "~", "null\n"])
def test_a_document_without_values_is_called_empty(text):
    assert faults(text) == [(None, "", "the file is empty")]


def laughs(brackets: str, item: str) -> str:
    """Twelve levels of ten aliases each of the level below: 10**12 values."""
    lines = [f"a: &a {brackets[0]}{item.format(0, '1')}{brackets[1]}"]
    for below, name in zip("abcdefghijkl", "bcdefghijklm", strict=True):
        inner = ", ".join(item.format(n, f"*{below}") for n in range(10))
        lines.append(f"{name}: &{name} {brackets[0]}{inner}{brackets[1]}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs("[]", "{1}"),
        laughs("{}", "k{0}: {1}"),
        "a: " + "[" * 300_000,
        "a: " + "[" * 50 + "]" * 50,
        "a: " + "{a: " * 5_000 + "1" + "}" * 5_000,
        "- " * 5_000 + "1",
        "".join(" " * n + "a:\n" for n in range(300)),
        "a: [" + "1, " * 200_000 + "1]",
    ],
    ids=["lists", "mappings", "open", "deep", "flow", "dashes", "block", "long"],
)
def test_what_grows_too_large_or_deep_is_refused_in_time_and_memory(text):
    start = time.perf_counter()
    found = faults(text)
    # 30,000 values take ruamel some 2 s here; without a bound, minutes or all memory
    assert time.perf_counter() - start < 20
    assert "more than 30,000 values or 40 levels" in found[0][2]


def test_merges_of_merges_do_not_explode():
    lines = ["a: &a {x: 1}"]
    for level in range(1, 25):
        name, below = chr(97 + level), chr(96 + level)
        merged = ", ".join([f"*{below}"] * 10)
        lines.append(f"{name}: &{name} {{<<: [{merged}], k{level}: 1}}")
    values = parse_document("\n".join(lines)).values
    assert len(values["y"]) == 25


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("bin", bytes(range(256)), "not a text file in UTF-8"),
        ("nul", b"a: 1\x00", "not a text file"),
        ("utf16", "a: 1".encode("utf-16"), "not a text file in UTF-8"),
        ("latin", "a: é".encode("latin-1"), "not a text file in UTF-8"),
        ("empty", b"", "the file is empty"),
        (
            "large",
            b"# " + b"x" * 10_000_000,
            "10,000,002 bytes; a protocol has at most",
        ),
    ],
)
def test_a_file_that_is_no_document_is_named(tmp_path, name, content, message):
    file = tmp_path / f"{name}.yaml"
    file.write_bytes(content)
    with pytest.raises(ProtocolError, match=message) as caught:
        read_document(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("path", ["/nowhere/p.yaml", "x" * 5000, "a\0b", ""])
def test_a_file_that_cannot_be_opened_is_named(path):
    with pytest.raises(InputError, match=r"cannot be read|is not the name|is a folder"):
        read_document(path)


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(InputError, match="is a folder, not a protocol file"):
        read_document(tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless device here")
def test_an_endless_file_is_not_read_to_its_end():
    with pytest.raises(ProtocolError, match="at most 1,048,576"):
        read_document("/dev/zero")


def test_a_mark_at_the_start_of_a_file_is_no_part_of_it(tmp_path):
    (tmp_path / "bom.yaml").write_bytes("\ufeffa: 1\r\nb: 2\r\n".encode())
    assert read_document(tmp_path / "bom.yaml").values == {"a": 1, "b": 2}


TEXT = """\
# a comment that stays
run: {dt: 0.1 ms, seed: 1}   # at the end
list:
  - x: 1  # one
  - x: 2
"""


def test_a_change_keeps_comments_and_everything_else():
    new = changed_text(TEXT, {"run.dt": "0.5 ms", "list.1.x": 7}, file="t")
    assert "# a comment that stays" in new and "# at the end" in new and "# one" in new
    assert parse_document(new).values == {
        "run": {"dt": "0.5 ms", "seed": 1}, "list": [{"x": 1}, {"x": 7}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    ["no", "1e-3", "012", "0x10", "~", "null", "true", "a: b", "a # b", "- x", "",
     "x\ny", "2020-01-01", "1_000", "@x", "*x", "&x", "!x", "é 🙂", "'", '"', "\t",
     1e-4, 1.5e300, 7, True, None, [1, "a"], {"k": [1.5]}, -0.0],
)  # fmt: skip
def test_a_changed_value_is_read_back_as_it_was_given(value):
    new = changed_text(TEXT, {"run.seed": value}, file="t")
    back = parse_document(new).values["run"]["seed"]
    assert back == value and type(back) is type(value)


def test_numpy_values_and_tuples_are_written_as_plain_ones():
    changes = {"run.seed": np.int64(3), "run.dt": np.float64(0.5),
               "list.0": np.array([1.5, 2.0]), "list.1": (1, 2)}  # fmt: skip
    values = parse_document(changed_text(TEXT, changes, file="t")).values
    assert values == {"run": {"seed": 3, "dt": 0.5}, "list": [[1.5, 2.0], [1, 2]]}


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("", 1, "not a path"), ("run..dt", 1, "not a path"), (".", 1, "not a path"),
        ("run.dt.x", 1, "'run.dt' holds a value, not keys"),
        ("list.2.x", 1, "'2' is not a place in a list of 2"),
        ("list.-1.x", 1, "'-1' is not a place"), ("list.x", 1, "'x' is not a place"),
        ("list.².x", 1, "is not a place"),
        ("run.dt", object(), "a object cannot stand in a document"),
        ("run.dt", {1: 2}, "cannot stand in a document"),
        ("run.dt", [object()], "cannot stand in a document"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_made_names_its_path(path, value, message):
    with pytest.raises(ProtocolError, match=message):
        changed_text(TEXT, {path: value}, file="t")


def test_all_changes_that_cannot_be_made_are_told():
    with pytest.raises(ProtocolError) as caught:
        changed_text(TEXT, {"list.9": 1, "run.dt.x": 2}, file="t")
    assert len(caught.value.faults) == 2


def test_a_change_does_not_leak_through_an_alias():
    shared = "a: &a {x: 1}\nb: *a\n"
    with pytest.raises(ProtocolError, match="shared with other places"):
        changed_text(shared, {"b.x": 2}, file="t")
    assert parse_document(changed_text(shared, {"b": 2}, file="t")).values == {
        "a": {"x": 1}, "b": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "setting, path, value",
    [
        ("run.dt=0.5 ms", "run.dt", "0.5 ms"), ("a = 3", "a", 3), ("a=1e-3", "a", 1e-3),
        ("a=no", "a", "no"), ("a='3'", "a", "3"), ("a=[1, 2]", "a", [1, 2]),
        ("a={kind: shift}", "a", {"kind": "shift"}), ("a=", "a", None),
        ("a==3", "a", "=3"), ("a=x=y", "a", "x=y"), ("a=-2 mm", "a", "-2 mm"),
    ],
)  # fmt: skip
def test_settings_on_the_command_line_are_paths_and_yaml_values(setting, path, value):
    assert read_changes([setting]) == {path: value}


@pytest.mark.parametrize(
    "setting",
    ["run.dt", "=3", "a=[1", "a=!!python/name:os.system x", "a=b: c", "a=1\nb: 2",
     "a=*x", "a=\x00", "a=- 1", "a={x: 1, x: 2}"],
)  # fmt: skip
def test_a_setting_that_cannot_be_read_is_shown(setting):
    with pytest.raises(InputError) as caught:
        read_changes([setting])
    assert repr(setting) in str(caught.value)
