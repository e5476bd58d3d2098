"""What every kind of document has in common: its head, its text, loading, changing.

A simulation, a training and a study are each a class below `WholeDocument`, which
says what its kind is and what is done with it. `whole_document` makes one of what was
read, and is all that loading is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import Field, PrivateAttr

from cortexwave.documents import Document, Source, changed_text, parse_document
from cortexwave.faults import check_document, nearest


class WholeDocument(Document):
    """Base of what fills a file of its own; `kind` is narrowed to one word."""

    cortexwave: Literal[1]
    kind: str
    title: str = Field(min_length=1, max_length=400)
    # "base": numbers are in s, mm, Hz, uV, rad, as `resolved` writes them
    units: Literal["text", "base"] = "text"

    called: ClassVar[str]  # what its JSON schema calls it
    serves: ClassVar[str]  # "can be ...", where another kind is given instead

    _source: Source | None = PrivateAttr(default=None)

    @property
    def source(self) -> Source:
        """The document it was read from, for lines and folder of its files."""
        if self._source is None:  # made in Python, or from `resolved`
            name = f"<{type(self).__name__.lower()}>"
            return Source(name, self.resolved(), {}, {})
        return self._source

    @property
    def text(self) -> str:
        """The YAML it was read from, verbatim."""
        return self.source.text

    @property
    def folder(self) -> Path:
        """Folder that relative paths in it start from."""
        return self.source.folder

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """A new document with values at dotted paths replaced, checked anew.

        `protocol.with_changes({"run.dt": "0.5 ms", "stimuli.0.amplitude": 2})`.
        Comments and layout of the text stay. Raises `ProtocolError`.
        """
        if not changes:
            return self
        file = self.source.file
        text = changed_text(self.text, changes, file=file)
        return whole_document(type(self), parse_document(text, file=file))

    def resolved(self) -> str:
        """Canonical JSON of everything that decides what comes out, in base units."""
        return json.dumps(self._resolved(), sort_keys=True, indent=1)

    def _resolved(self) -> dict[str, Any]:
        """All values, those that were not written too."""
        return {**self.model_dump(mode="json"), "units": "base"}


Whole = TypeVar("Whole", bound=WholeDocument)


def whole_document(model: type[Whole], source: Source) -> Whole:
    """The checked document in what was read; `ProtocolError` with every fault."""
    given = source.values.get("kind")
    kinds = get_args(model.model_fields["kind"].annotation)
    if "kind" in source.values and given not in list(kinds):
        near = nearest(str(given), kinds)
        message = f"{given!r} is not a kind of document that can be {model.serves}"
        raise source.refusal([(("kind",), message + near)])
    text = source.values.get("units") != "base"
    whole: Whole = check_document(model, source, document=text)
    whole._source = source
    return whole


def json_schema(model: type[WholeDocument]) -> dict[str, Any]:
    """JSON schema of a kind of document, for editors and for other programs."""
    schema = model.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"cortexwave {model.called}, version 1",
        **{key: value for key, value in schema.items() if key != "title"},
    }
