"""Where a file comes from: versions, commit, platform, time, and a name of its own."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "numpy", "scipy", "xarray", "h5py", "torch", "brian2", "pydantic", "isal"
)  # fmt: skip


def package_version() -> str:
    """Version of cortexwave itself."""
    try:
        return metadata.version("cortexwave")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "unknown"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def git_state() -> tuple[str, int]:
    """Commit of the source tree and whether it is dirty; ("", 0) when installed."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return "", 0
    try:
        commit = _git(here, "rev-parse", "HEAD")
        dirty = int(bool(_git(here, "status", "--porcelain", "--untracked-files=no")))
    except (OSError, subprocess.SubprocessError):
        return "", 0
    return commit, dirty


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def attributes() -> dict[str, str | int]:
    """Root attributes of any file that cortexwave writes."""
    commit, dirty = git_state()
    return {
        "cortexwave_version": package_version(),
        "run_id": str(uuid.uuid4()),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": commit,
        "git_dirty": dirty,
        "platform": platform.platform(),
        "versions": json.dumps(versions()),
    }


def sha256_of(data: bytes | str) -> str:
    """Hex SHA-256 of bytes or of a text in UTF-8."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
