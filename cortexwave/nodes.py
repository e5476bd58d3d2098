"""Plain values and their lines from YAML events: nothing is built from tags.

The events are a parser's; this reads them as YAML 1.2 and follows aliases and merges
(`<<`) within bounds, so that a small text cannot become a large value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cortexwave.errors import Fault, ProtocolError

MOST_NODES = 30_000  # in the text, and once more after aliases are followed
DEEPEST = 40

# Plain scalars of YAML 1.2 (core schema, section 10.3.2): `no` and `on` are text.
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TAG = "tag:yaml.org,2002:"

Path_ = tuple[str | int, ...]


@dataclass
class Node:
    """A value of the text: a scalar, a list of nodes, or (key, node) entries."""

    kind: str
    line: int
    value: Any = None
    items: list[Any] = field(default_factory=list)
    open: bool = False  # its end has not been read yet


def tree_of(events: Iterable[Any], faults: list[Fault]) -> Node | None:
    """Nodes from parser events, without recursion; stops at what is too large."""
    root: Node | None = None
    anchors: dict[str, Node] = {}
    above: list[Node] = []
    documents = 0
    for count, event in enumerate(events):
        name, line = type(event).__name__, event.start_mark.line + 1
        if count > MOST_NODES or len(above) > DEEPEST:
            raise _too_large(line)
        if name == "DocumentStartEvent":
            documents += 1
            if documents > 1:
                raise ProtocolError("", [Fault("", "a second document begins", line)])
            if event.version not in (None, (1, 2)):
                faults.append(Fault("", "documents are read as YAML 1.2 only", line))
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            above.pop().open = False
        elif name in ("MappingStartEvent", "SequenceStartEvent", "ScalarEvent"):
            node = _node(event, name, line, faults)
            if event.anchor:
                anchors[event.anchor] = node
            root = root or node
            if above:
                above[-1].items.append(node)
            if node.open:
                above.append(node)
        elif name == "AliasEvent":
            named = anchors.get(event.anchor)
            if named is None or named.open:
                wrong = "names nothing above it" if named is None else "holds itself"
                message = f"the alias *{event.anchor} {wrong}"
                raise ProtocolError("", [Fault("", message, line)])
            root = root or named
            if above:
                above[-1].items.append(named)
    return root


def _too_large(line: int | None = None) -> ProtocolError:
    return ProtocolError("", [Fault("", (
        f"it has more than {MOST_NODES:,} values or {DEEPEST} levels, aliases "
        "followed; arrays belong in files that it names"
    ), line)])  # fmt: skip


def _node(event: Any, name: str, line: int, faults: list[Fault]) -> Node:
    tag = str(event.tag or "")
    if name == "ScalarEvent":
        plain = event.implicit[0]
        value, problem = _scalar(event.value, tag, plain=plain)
        if problem:
            faults.append(Fault("", problem, line))
        merges = plain and event.value == "<<"
        return Node("merge" if merges else "scalar", line, value)
    kind = "mapping" if name == "MappingStartEvent" else "list"
    if tag not in ("", _TAG + ("map" if kind == "mapping" else "seq")):
        faults.append(Fault("", _not_read(tag), line))
    return Node(kind, line, open=True)


def _not_read(tag: str) -> str:
    name = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
    return f"the tag {short(name)} is not read; values are text, numbers, lists, keys"


def _scalar(text: str, tag: str, *, plain: bool) -> tuple[Any, str]:
    """Value of a scalar and what is wrong with it; plain ones say what they are."""
    kinds: dict[str, tuple[re.Pattern[str], Any]] = {
        "null": (_NULL, lambda _: None),
        "bool": (_BOOL, lambda word: word.lower() == "true"),
        "int": (_INT, _whole),
        "float": (_FLOAT, lambda number: float(number.lower().replace(".inf", "inf")
                                               .replace(".nan", "nan"))),
    }  # fmt: skip
    if tag in ("!", _TAG + "str") or (not tag and not plain):
        return text, ""
    if tag and tag.removeprefix(_TAG) not in kinds:
        return None, _not_read(tag)
    for name, (pattern, convert) in kinds.items():
        if tag in ("", _TAG + name) and pattern.fullmatch(text):
            try:
                return convert(text), ""
            except ValueError:  # more digits than Python converts
                return None, f"a whole number of {len(text):,} digits"
    if tag:
        kind = tag.removeprefix(_TAG)
        return None, f"'{short(text)}' is not of the kind that its tag !!{kind} says"
    return text, ""


def _whole(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def plain_values(root: Node, faults: list[Fault]) -> tuple[Any, dict[Path_, int]]:
    """Plain dicts, lists, text and numbers of a tree, and the line of each value."""
    lines: dict[Path_, int] = {}
    return _plain(root, (), lines, [0], faults), lines


def _plain(node: Node, path: Path_, lines: dict[Path_, int], count: list[int],
           faults: list[Fault]) -> Any:  # fmt: skip
    count[0] += 1
    if count[0] > MOST_NODES or len(path) > DEEPEST:
        raise ProtocolError("", _too_large().faults)
    if node.kind == "list":
        for index, item in enumerate(node.items):
            lines[(*path, index)] = item.line
        return [_plain(item, (*path, index), lines, count, faults)
                for index, item in enumerate(node.items)]  # fmt: skip
    if node.kind != "mapping":
        return node.value
    values = {}
    for key, (line, item) in _entries(node, path, faults).items():
        lines[(*path, key)] = line
        values[key] = _plain(item, (*path, key), lines, count, faults)
    return values


def _entries(
    node: Node, path: Path_, faults: list[Fault]
) -> dict[str, tuple[int, Node]]:
    """Keys of a mapping with their line and value; `<<` gives what is not there."""
    own: dict[str, tuple[int, Node]] = {}
    merged: list[Node] = []
    for key, item in zip(node.items[::2], node.items[1::2], strict=True):
        if key.kind == "merge":
            several = item.items if item.kind == "list" else [item]
            merged += several
            if any(each.kind != "mapping" for each in several):
                message = "'<<' takes an alias of a mapping, or a list of such"
                faults.append(Fault(shown(path), message, key.line))
        elif key.kind != "scalar" or not isinstance(key.value, str):
            name = short(key.value) if key.kind == "scalar" else f"a {key.kind}"
            faults.append(Fault(shown(path), f"key {name} is not text", key.line))
        elif key.value in own:
            before = own[key.value][0]
            place = shown((*path, key.value))
            message = f"this key stands twice, first on line {before}"
            faults.append(Fault(place, message, key.line))
        else:
            own[key.value] = (key.line, item)
    for each in merged:
        if each.kind == "mapping":
            for name, entry in _entries(each, path, faults).items():
                own.setdefault(name, entry)
    # what was merged once is not merged again where an alias names it
    node.items = [part for name, (line, item) in own.items()
                  for part in (Node("scalar", line, name), item)]  # fmt: skip
    return own


def shown(path: Path_) -> str:
    """A path as text: "stimuli.0.amplitude"."""
    return ".".join(str(part) for part in path)


def short(value: Any) -> str:
    """A value as text of at most 60 characters."""
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
