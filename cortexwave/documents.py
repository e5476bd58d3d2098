"""YAML documents with line numbers, read without trust; ruamel is used here alone.

`read_document` turns text into plain Python values and remembers where each stands,
so that every later fault can name its line. Sizes are bounded before anything is
built.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from cortexwave.errors import Fault, InputError, ProtocolError
from cortexwave.nodes import Node, Path_, plain_values, short, shown, tree_of

LARGEST_FILE = 1 << 20  # bytes; a protocol is a few kilobytes


class Document(BaseModel):
    """Base of everything that can stand in a document: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, values: Any) -> Any:
        """True is not 1 here: a switch where a number is due is a slip."""
        for name, value in values.items() if isinstance(values, Mapping) else ():
            field = cls.model_fields.get(name)
            each = value if isinstance(value, list | tuple) else [value]
            if field and field.annotation is not bool:
                for switch in each:
                    if isinstance(switch, bool):
                        word = str(switch).lower()
                        raise ValueError(f"{name} is {word}, which is no value for it")
        return values


@dataclass(frozen=True)
class Source:
    """A document's text, its values, and the line of each value's key."""

    file: str
    text: str
    values: dict[str, Any]
    lines: Mapping[Path_, int]

    @property
    def folder(self) -> Path:
        """Folder that relative paths in the document start from."""
        return Path(self.file).parent

    def line(self, path: Iterable[str | int]) -> int | None:
        """Line of the value at a path, or of the nearest part of it that stands."""
        place = tuple(path)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)

    def refusal(self, faults: Iterable[tuple[Path_, str]]) -> ProtocolError:
        """An error that tells each message with its place in the document."""
        return ProtocolError(
            self.file,
            [Fault(shown(path), message, self.line(path)) for path, message in faults],
        )


def read_document(path: str | Path) -> Source:
    """Read a YAML file; raises `ProtocolError` naming file and line."""
    file = Path(path)
    if "\x00" in str(path):
        raise InputError(f"{str(path)!r} is not the name of a file")
    try:
        if file.is_dir():
            raise InputError(f"{file} is a folder, not a protocol file")
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_FILE + 1)  # a pipe or device tells no size
            size = max(len(raw), file.stat().st_size)
    except OSError as error:
        raise InputError(
            f"{short(str(file))} cannot be read: {error.strerror}"
        ) from error
    if len(raw) > LARGEST_FILE:
        raise ProtocolError(str(file), [Fault("", (
            f"the file has {size:,} bytes; a protocol has at most "
            f"{LARGEST_FILE:,}; arrays belong in files that it names"
        ))])  # fmt: skip
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProtocolError(
            str(file), [Fault("", "this is not a text file in UTF-8")]
        ) from error
    return parse_document(text, file=str(file))


def parse_document(text: str, *, file: str = "<text>") -> Source:
    """Read YAML text; raises `ProtocolError` naming the line of each fault."""
    faults: list[Fault] = []
    root = _root(text, file, faults)
    if root is None or (root.kind == "scalar" and root.value is None):
        raise ProtocolError(file, faults or [Fault("", "the file is empty")])
    if root.kind != "mapping":
        kind = "list" if root.kind == "list" else f"single value ({short(root.value)})"
        message = f"a document is a mapping of keys to values, not a {kind}"
        raise ProtocolError(file, [*faults, Fault("", message, root.line)])
    try:
        plain, lines = plain_values(root, faults)
    except ProtocolError as error:
        raise ProtocolError(file, [*faults, *error.faults]) from None
    if faults:
        raise ProtocolError(file, list(dict.fromkeys(faults)))
    return Source(file, text, plain, lines)


def _root(text: str, file: str, faults: list[Fault]) -> Node | None:
    """The tree of nodes of a text; None where it is empty."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    if "\x00" in text:
        raise ProtocolError(file, [Fault("", "this is not a text file")])
    try:
        return tree_of(YAML(typ="rt", pure=True).parse(text), faults)
    except ProtocolError as error:
        raise ProtocolError(file, [*faults, *error.faults]) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"not YAML: the character {text[error.position]!r} is not allowed"
        raise ProtocolError(file, [*faults, Fault("", problem, line)]) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = mark.line + 1 if mark else None
        problem = error.problem or error.context or "it cannot be read"
        if "'\\t'" in problem:
            problem = "a tab; lines are indented by spaces"
        raise ProtocolError(
            file, [*faults, Fault("", f"not YAML: {problem}", at)]
        ) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise ProtocolError(file, [*faults, Fault("", f"not YAML: {error}")]) from error


def changed_text(text: str, changes: Mapping[str, Any], *, file: str) -> str:
    """The document's text with values at dotted paths replaced; comments stay.

    Numbers in a path are places in a list. A key that is not there is added, and
    the document's own check decides whether it may be.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    source = parse_document(text, file=file)
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    expected = copy.deepcopy(source.values)
    faults = []
    out = io.StringIO()
    try:
        tree = yaml.load(source.text)
        for dotted, given in changes.items():
            value, message = _plain_of(given)
            for whole in (tree, expected):
                message = message or _replace(whole, str(dotted), copy.deepcopy(value))
            if message:
                faults.append(Fault(str(dotted), message))
        if faults:
            raise ProtocolError(file, faults)
        yaml.dump(tree, out)
    except (YAMLError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ProtocolError(
            file, [Fault("", f"it cannot be changed: {error}")]
        ) from error
    new = out.getvalue()
    if "&" in text and parse_document(new, file=file).values != expected:
        named = ", ".join(changes)
        raise ProtocolError(file, [Fault(named, (
            "the value is shared with other places through an alias; write it out "
            "there to change it here"
        ))])  # fmt: skip
    return new


def _plain_of(value: Any) -> tuple[Any, str]:
    """A value as a document can hold it, NumPy's as Python's; and what is wrong."""
    if callable(getattr(value, "tolist", None)):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value, ""
    if isinstance(value, list | tuple):
        parts = [_plain_of(item) for item in value]
        return [part for part, _ in parts], next((w for _, w in parts if w), "")
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        made = {key: _plain_of(item) for key, item in value.items()}
        return {key: part for key, (part, _) in made.items()}, next(
            (wrong for _, wrong in made.values() if wrong), ""
        )
    return None, f"a {type(value).__name__} cannot stand in a document"


def _replace(tree: Any, dotted: str, value: Any) -> str:
    """Set one value; returns what is wrong with the path, or ""."""
    parts = dotted.split(".")
    if not all(parts):
        return "this is not a path such as run.dt"
    node = tree
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(node, list):
            if not part.isdecimal() or int(part) >= len(node):
                return f"'{part}' is not a place in a list of {len(node)} (from 0)"
            key: Any = int(part)
        elif isinstance(node, dict):
            key = part
            if key not in node and not last:
                node[key] = {}
        else:
            return f"'{'.'.join(parts[:depth])}' holds a value, not keys"
        if last:
            node[key] = value
        else:
            node = node[key]
    return ""


def parse_scalar(text: str) -> Any:
    """The value that a text has in YAML: "2" is a number, "2 ms" text."""
    source = parse_document(f"value: {text}\n", file="--set")
    if list(source.values) != ["value"]:
        raise ProtocolError("--set", [Fault("", "one value is due, not several keys")])
    return source.values["value"]


def read_changes(settings: Iterable[str]) -> dict[str, Any]:
    """Changes from texts such as "run.dt=0.5 ms"; values are read as YAML."""
    changes = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or not path.strip():
            raise InputError(
                f"--set {setting!r} is not of the form path=value, such as "
                "run.dt='0.5 ms'"
            )
        try:
            changes[path.strip()] = parse_scalar(value)
        except ProtocolError as error:
            raise InputError(f"--set {setting!r}: {error}") from error
    return changes
