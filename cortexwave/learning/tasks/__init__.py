"""One file per task: the sequences, the scores, the paper. A new file is a new task.

Each module names its document's class `TASK`, whose `kind` is the task's name and
whose `open(folder, seed)` gives a `Source`. Modules that begin with an underscore
are no tasks.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Union

from pydantic import Field

from cortexwave.documents import Document
from cortexwave.learning.tasks._source import Batch, Shape, Source

__all__ = ["TASKS", "Batch", "Shape", "Source", "TaskDocument"]


def _found(names: Iterable[str]) -> dict[str, type[Document]]:
    """The tasks' documents by their kind, in the order of the alphabet."""
    tasks: dict[str, type[Document]] = {}
    for name in names:
        if not name.startswith("_"):
            document: Any = importlib.import_module(f"{__name__}.{name}").TASK
            tasks[document.model_fields["kind"].default] = document
    return dict(sorted(tasks.items()))


TASKS = _found(module.name for module in pkgutil.iter_modules(__path__))

if TYPE_CHECKING:

    class TaskDocument(Protocol):
        """A task in a document: what it is, and how it is opened."""

        @property
        def kind(self) -> str:
            """The task's name."""

        def open(self, folder: Path | None, seed: int) -> Source:
            """Its sequences; relative paths in it start at `folder`."""

else:
    TaskDocument = Annotated[
        Union[tuple(TASKS.values())],  # noqa: UP007
        Field(discriminator="kind"),
    ]
