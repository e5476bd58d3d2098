"""Real recordings beside the checkout, for the tests of lab files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "lab"


@pytest.fixture(scope="session")
def lab() -> Callable[[str], Path]:
    """The path of a real recording; skips where it is absent."""

    def beside(name: str) -> Path:
        if not (_SHARED / name).exists():
            pytest.skip(f"lab/{name} is not beside this checkout")
        return _SHARED / name

    return beside
