"""The folder of a report: whose it is, and whether work in it may go on.

`study.json` says which study it belongs to. A folder of the same study is gone on with;
one of another study is replaced only if asked; one that is no report never.
"""

from __future__ import annotations

import json
from pathlib import Path

from cortexwave.comparison.study_document import Study
from cortexwave.errors import InputError
from cortexwave.provenance import sha256_of

PAGE, SUMMARY, EVENTS = "report.html", "report.json", "events.csv"
_OWNER = "study.json"


def study_hash(study: Study) -> str:
    """SHA-256 of all that decides a comparison."""
    return sha256_of(study.resolved())


def claim_folder(folder: Path, study: Study, *, overwrite: bool) -> Path:
    """The folder, made or taken for this study; `InputError` where it is another's.

    What an earlier report left in it is kept as far as it is of the same recordings
    and settings: every file in it says what it is of.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file; a report is a folder")
    if not folder.parent.is_dir():
        raise InputError(f"{folder.parent}: there is no such folder")
    owner = folder / _OWNER
    if folder.is_dir() and any(folder.iterdir()):
        if not owner.is_file():
            raise InputError(
                f"{folder}: the folder holds other things than a report; name a new one"
            )
        other = _owner(owner) != study_hash(study) and _work_in(folder)
        if other and not overwrite:
            raise InputError(
                f"{folder}: holds the report of another study, or of this one before "
                "it was changed; name another folder, or --overwrite (overwrite=True)"
            )
    folder.mkdir(exist_ok=True)
    told = {"sha256": study_hash(study), "declared": study.declared,
            "title": study.title}  # fmt: skip
    owner.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return folder


def _work_in(folder: Path) -> bool:
    """Whether there is more than a refused study leaves: a page, or work for one."""
    work = (folder / name for name in ("sessions", "waves", "model", "thorough"))
    return (folder / PAGE).exists() or any(
        each.is_dir() and any(each.iterdir()) for each in work
    )


def _owner(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("sha256", ""))
    except (OSError, ValueError, AttributeError):
        return ""
