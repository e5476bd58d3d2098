"""Documents held against what they must be: every fault, its line, what is allowed.

pydantic finds the faults; here they are put in the words of this project, with the
place in the document and not in pydantic's unions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from cortexwave.documents import Document, Source
from cortexwave.errors import Fault, ProtocolError
from cortexwave.nodes import Path_, shown


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
    """The faults in a pydantic error, one for each place, in this project's words."""
    items = [(_document_path(item, source), item)
             for item in error.errors(include_url=False)]  # fmt: skip
    messages: dict[Path_, list[str]] = {}
    for path, item in items:
        # of a union, pydantic reports every branch: what is wrong deeper inside the
        # branch that was meant says it all
        inside = any(len(other) > len(path) and other[: len(path)] == path
                     for other, _ in items)  # fmt: skip
        if not (inside and _is_about_kind(item)):
            messages.setdefault(path, []).append(_message(item, path, model))
    for path, found in messages.items():
        message = "; or ".join(dict.fromkeys(found))
        yield Fault(shown(path), message, source.line(path))


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


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'tau'?" where a name is close to a known one, else ""."""
    cutoff = 0.5 if len(name) < 3 else 0.6  # of two letters one may be wrong
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean '{near[0]}'?" if near else ""


def _is_about_kind(item: Any) -> bool:
    return item["type"].endswith("_type") or item["type"] == "literal_error"


def _document_path(item: Any, source: Source) -> Path_:
    """A pydantic location without the union tags that are not in the document."""
    path: Path_ = ()
    node: Any = source.values
    loc = item["loc"]
    for place, part in enumerate(loc):
        inside = isinstance(node, dict) and part in node
        listed = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if inside or listed:
            path = (*path, part)
            node = node[part]
        elif place == len(loc) - 1 and item["type"] in ("missing", "cortexwave"):
            path = (*path, part)
    return path


def _message(item: Any, path: Path_, model: type[BaseModel]) -> str:
    kind, given, context = item["type"], item.get("input"), item.get("ctx", {})
    if kind == "extra_forbidden":
        keys = [key for key in _keys_at(model, item["loc"][:-1]) if key != path[-1]]
        return f"unknown key{nearest(str(path[-1]), keys)}; keys are {', '.join(keys)}"
    if kind == "missing":
        return f"this {'key' if isinstance(path[-1], str) else 'item'} is missing"
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        tags = [tag for tag in tags if tag != "value"]
        tag = str(context["tag"])
        return f"'{tag}' is not one of {', '.join(tags)}{nearest(tag, tags)}"
    if kind == "union_tag_not_found":
        return "it needs the key 'kind'"
    if kind == "literal_error":
        allowed = context["expected"]
        names = allowed.replace("'", "").replace(" or ", ", ").split(", ")
        return f"{given!r} is not one of {allowed}{nearest(str(given), names)}"
    if kind in ("too_long", "too_short"):
        least, most = context.get("min_length"), context.get("max_length")
        bound = f"at least {least}" if kind == "too_short" else f"at most {most}"
        return f"{context['actual_length']} items, where there are {bound}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"keys and values are due here, not {_given(given)}"
    if kind in ("list_type", "tuple_type"):
        return f"a list is due here, not {_given(given)}"
    if kind == "string_type":
        return f"text is due here, not {_given(given)}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if kind in ("value_error", "cortexwave"):
        return message
    message = message.removeprefix("Input ").split(", got ")[0].split(", unable")[0]
    return f"{message[0].lower()}{message[1:]}, not {_given(given)}"


def _given(given: Any) -> str:
    if given is None:
        return "nothing"
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """The keys that a document may have at a place (with the unions' tags)."""
    whole = model.model_json_schema()
    nodes = [whole]
    for part in loc:
        nodes = [inner for node in nodes for inner in _inside(node, part, whole)]
    # a union's tag may have been the last part
    return sorted({key for node in nodes for key in node.get("properties", {})})


def _inside(
    node: Mapping[str, Any], part: str | int, whole: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Schemas of what is at a key, a place in a list, or under the tag of a union."""
    found: list[Any] = []
    for branch in _branches(node, whole):
        properties = branch.get("properties", {})
        if isinstance(part, int):
            found += [branch[key] for key in ("items",) if key in branch]
        elif part in properties:
            found.append(properties[part])
        elif isinstance(branch.get("additionalProperties"), Mapping):
            found.append(branch["additionalProperties"])
        elif part in (properties.get("kind", {}).get("const"), branch.get("title")):
            found.append(branch)
    return [branch for inner in found for branch in _branches(inner, whole)]


def _branches(
    node: Mapping[str, Any], whole: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A schema with its references and unions opened."""
    if "$ref" in node:
        return _branches(whole["$defs"][node["$ref"].rpartition("/")[2]], whole)
    several = node.get("oneOf") or node.get("anyOf")
    if several:
        return [inner for one in several for inner in _branches(one, whole)]
    return [dict(node)]
