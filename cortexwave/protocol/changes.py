"""Changes to a protocol: dotted paths, from Python or from `--set a.b=c`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cortexwave.documents import changed_text, parse_scalar
from cortexwave.errors import InputError, ProtocolError
from cortexwave.protocol.document import Protocol
from cortexwave.protocol.loading import parse_protocol


def changed(protocol: Protocol, changes: Mapping[str, Any]) -> Protocol:
    """The protocol with values at dotted paths replaced, checked anew."""
    if not changes:
        return protocol
    file = protocol.source.file
    return parse_protocol(changed_text(protocol.text, changes, file=file), file=file)


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
