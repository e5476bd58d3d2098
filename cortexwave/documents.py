"""YAML documents with line numbers, read without trust; ruamel is used here alone.

`read_document` turns text into plain Python values and remembers where each stands,
so that every later fault can name its line. Sizes and aliases are bounded before
anything is built from them.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from cortexwave.errors import Fault, InputError, ProtocolError

LARGEST_FILE = 1 << 20  # bytes; a protocol is a few kilobytes
_MOST_NODES = 100_000  # after aliases are followed
_DEEPEST = 40

Path_ = tuple[str | int, ...]


class Document(BaseModel):
    """Base of everything that can stand in a document: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


def read_document(path: str | Path) -> Source:
    """Read a YAML file; raises `ProtocolError` naming file and line."""
    file = Path(path)
    try:
        size = file.stat().st_size
        if file.is_dir():
            raise InputError(f"{file} is a folder, not a protocol file")
        if size > LARGEST_FILE:
            raise ProtocolError(str(file), [Fault("", (
                f"the file has {size:,} bytes; a protocol has at most "
                f"{LARGEST_FILE:,}; arrays belong in files that it names"
            ))])  # fmt: skip
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolError(
            str(file), [Fault("", "this is not a text file in UTF-8")]
        ) from error
    return parse_document(text, file=str(file))


def parse_document(text: str, *, file: str = "<text>") -> Source:
    """Read YAML text; raises `ProtocolError` naming the line of each fault."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if "\x00" in text:
        raise ProtocolError(file, [Fault("", "this is not a text file")])
    try:
        values = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = error.problem or error.context or "it cannot be read"
        raise ProtocolError(file, [Fault("", f"not YAML: {problem}", line)]) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise ProtocolError(file, [Fault("", f"not YAML: {error}")]) from error
    if values is None:
        raise ProtocolError(file, [Fault("", "the file is empty")])
    if not isinstance(values, Mapping):
        kind = type(values).__name__
        raise ProtocolError(
            file,
            [Fault("", f"a document is a mapping of keys to values, not a {kind}")],
        )
    lines: dict[Path_, int] = {}
    try:
        plain = _plain(values, (), lines, [0], file)
    except RecursionError as error:
        raise ProtocolError(file, [Fault("", "it is nested too deeply")]) from error
    return Source(file, text, plain, lines)


def _plain(node: Any, path: Path_, lines: dict[Path_, int], count: list[int],
           file: str) -> Any:  # fmt: skip
    """Plain dicts, lists, strings and numbers of a ruamel node, with their lines."""
    count[0] += 1
    if count[0] > _MOST_NODES or len(path) > _DEEPEST:
        raise ProtocolError(file, [Fault("", (
            f"it has more than {_MOST_NODES:,} values or {_DEEPEST} levels once its "
            "aliases are followed"
        ))])  # fmt: skip
    if isinstance(node, Mapping):
        for key in node:
            if not isinstance(key, str):
                raise ProtocolError(file, [Fault(
                    _shown(path), f"key {key!r} is not text", lines.get(path)
                )])  # fmt: skip
            lines[(*path, key)] = node.lc.key(key)[0] + 1
        return {str(key): _plain(value, (*path, str(key)), lines, count, file)
                for key, value in node.items()}  # fmt: skip
    if isinstance(node, list):
        for index in range(len(node)):
            lines[(*path, index)] = node.lc.item(index)[0] + 1
        return [_plain(value, (*path, index), lines, count, file)
                for index, value in enumerate(node)]  # fmt: skip
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    if isinstance(node, str):
        return str(node)
    tag = getattr(getattr(node, "tag", None), "value", None) or type(node).__name__
    raise ProtocolError(file, [Fault(
        _shown(path), f"values of the kind '{tag}' are not read", lines.get(path)
    )])  # fmt: skip


def _shown(path: Path_) -> str:
    return ".".join(str(part) for part in path)


def changed_text(text: str, changes: Mapping[str, Any], *, file: str) -> str:
    """The document's text with values at dotted paths replaced; comments stay.

    Numbers in a path are places in a list. A key that is not there is added, and
    the document's own check decides whether it may be.
    """
    from ruamel.yaml import YAML

    source = parse_document(text, file=file)
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    tree = yaml.load(source.text)
    faults = []
    for dotted, value in changes.items():
        message = _replace(tree, dotted, value)
        if message:
            faults.append(Fault(dotted, message))
    if faults:
        raise ProtocolError(file, faults)
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _replace(tree: Any, dotted: str, value: Any) -> str:
    """Set one value; returns what is wrong with the path, or ""."""
    parts = dotted.split(".")
    if not all(parts):
        return "this is not a path such as run.dt"
    node = tree
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(node, list):
            if not part.isdigit() or int(part) >= len(node):
                return f"'{part}' is not a place in a list of {len(node)} (from 0)"
            key: Any = int(part)
        elif isinstance(node, Mapping):
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
    return source.values["value"]


def check_document(model: type[Document], source: Source, **context: Any) -> Any:
    """Validate a document; `ProtocolError` with every fault, each with its line."""
    try:
        return model.model_validate(
            source.values,
            context={"document": True, "folder": source.folder, **context},
        )
    except ValidationError as error:
        raise ProtocolError(
            source.file, list(faults_of(error, source, model))
        ) from None


def faults_of(
    error: ValidationError, source: Source, model: type[BaseModel]
) -> Iterable[Fault]:
    """The faults in a pydantic error, in the words of this project."""
    for item in error.errors(include_url=False):
        path = _document_path(item["loc"], source)
        message = _message(item, path, model)
        yield Fault(_shown(path), message, source.line(path))


def _document_path(loc: Iterable[str | int], source: Source) -> Path_:
    """A pydantic location without the union tags that are not in the document."""
    path: Path_ = ()
    node: Any = source.values
    for part in loc:
        inside = isinstance(node, dict) and part in node
        listed = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if inside or listed:
            path = (*path, part)
            node = node[part]
        elif isinstance(node, dict) and isinstance(part, str):
            # a missing key or a tag of a union: only the last part can be a key
            pending = part
            if part == tuple(loc)[-1] and node.get("kind") != part:
                path = (*path, pending)
    return path


def _message(item: Any, path: Path_, model: type[BaseModel]) -> str:
    kind, given = item["type"], item.get("input")
    if kind == "extra_forbidden":
        return f"unknown key{_suggestion(str(path[-1]), item, model)}"
    if kind == "missing":
        return "this key is missing"
    if kind == "union_tag_invalid":
        context = item["ctx"]
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        near = difflib.get_close_matches(str(context["tag"]), tags, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"'{context['tag']}' is not one of {', '.join(tags)}{hint}"
    if kind == "union_tag_not_found":
        return "it needs the key 'kind'"
    if kind == "literal_error":
        near = difflib.get_close_matches(
            str(given), item["ctx"]["expected"].replace("'", "").split(", "), n=1
        )
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{given!r} is not one of {item['ctx']['expected']}{hint}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if kind in ("value_error", "cortexwave"):
        return message
    shown = repr(given)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return f"{message[0].lower()}{message[1:]}, not {shown}"


def _suggestion(key: str, item: Any, model: type[BaseModel]) -> str:
    """The nearest key that any part of the document knows, if there is one."""
    near = difflib.get_close_matches(key, sorted(_all_keys(model)), n=1, cutoff=0.7)
    return f"; did you mean '{near[0]}'?" if near else ""


def _all_keys(model: type[BaseModel]) -> set[str]:
    keys: set[str] = set()
    schema = model.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        keys.update(part.get("properties", {}))
    return keys


def fault_error(title: str, faults: Iterable[tuple[Path_, str]]) -> ValidationError:
    """An error for a validator to raise that finds several faults at once.

    Each fault is the path below the validated value and a message.
    """
    return ValidationError.from_exception_data(
        title,
        [InitErrorDetails(
            type=PydanticCustomError("cortexwave", "{message}", {"message": message}),
            loc=path, input=None,
        ) for path, message in faults],
    )  # fmt: skip
