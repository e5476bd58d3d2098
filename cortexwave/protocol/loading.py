"""Protocols from files and from text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cortexwave.documents import Source, parse_document, read_document
from cortexwave.errors import Fault, ProtocolError
from cortexwave.faults import check_document, nearest
from cortexwave.protocol.document import Protocol

KINDS = {"simulation": Protocol}


def load_protocol(path: str | Path) -> Protocol:
    """The checked protocol in a YAML file.

    Raises `ProtocolError` with every fault and its line; `InputError` if the file
    cannot be read.
    """
    return protocol_of(read_document(path))


def parse_protocol(text: str, *, file: str = "<text>") -> Protocol:
    """The checked protocol in a YAML text; relative paths start at `file`'s folder."""
    return protocol_of(parse_document(text, file=file))


def protocol_of(source: Source) -> Protocol:
    """The protocol in a document that has been read."""
    kind = source.values.get("kind")
    if "kind" in source.values and kind not in list(KINDS):
        raise ProtocolError(source.file, [Fault("kind", (
            f"{kind!r} is not a kind of document that can be run; "
            f"kinds are {', '.join(KINDS)}{nearest(str(kind), KINDS)}"
        ), source.line(("kind",)))])  # fmt: skip
    text = source.values.get("units") != "base"
    protocol: Protocol = check_document(Protocol, source, document=text)
    protocol._source = source
    return protocol


def json_schema() -> dict[str, Any]:
    """JSON schema of a simulation protocol, for editors and for other programs."""
    schema = Protocol.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cortexwave simulation protocol, version 1",
        **{key: value for key, value in schema.items() if key != "title"},
    }
