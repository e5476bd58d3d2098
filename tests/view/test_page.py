"""The page tells what ran, shows it, and says how two recordings agree."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.view import write_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def pair(sheet):
    """The same field by two engines, 2e-14 apart at one site and time."""
    attrs = {"dtype": "float64", "seed": 7, "git_commit": "abcdef0123456789",
             "versions": json.dumps({"numpy": "2.3.5"})}  # fmt: skip
    first = sheet.assign_attrs(attrs)
    second = first.copy(deep=True).assign_attrs(backend="torch")
    second.rate.values[20, 5, 13] -= 2e-14
    return [first, second]


def text_of(path):
    """What a reader sees, without tags, scripts and pictures."""
    page = path.read_text(encoding="utf-8")
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_two_recordings_stand_side_by_side_with_their_difference(pair, tmp_path):
    path = write_page(pair, tmp_path / "page.html", notes=[("See.", "A bump <moves>.")])
    seen = text_of(path)
    assert "Difference between reference and torch" in seen
    # 1 - 2e-14 is rounded to a multiple of 1.1e-16, which two digits do not show
    assert "differ by at most 2 × 10⁻¹⁴" in seen
    assert "A bump &lt;moves&gt;." in seen
    assert "numpy 2.3.5" in seen and "abcdef012345" in seen and "float64" in seen
    page = path.read_text()
    assert page.count("data:image/svg+xml;base64,") == 5
    film = json.loads(re.search(r'json">(.*?)</script>', page, re.S)[1])
    assert len(film["panels"]) == 2


def test_the_page_needs_nothing_from_outside(pair, tmp_path):
    page = write_page(pair, tmp_path / "page.html").read_text()
    assert re.findall(r"https?://", page) == []
    assert set(re.findall(r'(?:src|href)="([^"]{11})', page)) == {"data:image/"}


def test_events_are_listed_in_ms_and_the_rest_counted(recorded, tmp_path):
    rows = [{"onset": k * 1e-3, "duration": 5e-4, "stimulus": "flash", "x": k * 0.1}
            for k in range(70)]  # fmt: skip
    path = write_page([recorded(np.ones((80, 3, 4)), rows=rows)], tmp_path / "p.html")
    seen = text_of(path)
    assert "onset (ms)" in seen and "20 more are in the file" in seen
    assert "49 0.5 flash" in seen and "50 0.5 flash" not in seen


def test_recordings_that_cannot_be_compared_are_shown_and_the_reason_given(
    sheet, ring, tmp_path
):
    seen = text_of(write_page([sheet, ring], tmp_path / "page.html"))
    assert "Not compared: the recordings have no field in common" in seen


def test_names_default_to_the_engines_and_are_told_apart(sheet, tmp_path):
    seen = text_of(write_page([sheet, sheet], tmp_path / "page.html"))
    assert "by reference (1) and reference (2)" in seen
    assert "0, equal to the last bit" in seen


def test_the_first_of_several_trials_is_shown_and_said_to_be(recorded, tmp_path):
    dims = ("trial", "time", "feature", "y", "x")
    rng = np.random.default_rng(0)
    many = recorded(rng.random((3, 5, 2, 4, 4)), dims)
    seen = text_of(write_page([many], tmp_path / "page.html"))
    assert "Shown is trial 0 of 3 and feature 0 of 2." in seen


def test_a_page_without_events_has_no_table_of_them(recorded, tmp_path):
    path = write_page([recorded(np.ones((3, 4, 4)))], tmp_path / "page.html")
    assert "<h2>Events</h2>" not in path.read_text()
    assert schema.field_names(recorded(np.ones((3, 4, 4)))) == ["h"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
def test_a_browser_opens_the_page_without_an_error(pair, tmp_path):
    path = write_page(pair, tmp_path / "page.html")
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
         "--virtual-time-budget=3000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert 'data-frames="40"' in done.stdout
    assert "data-errors" not in done.stdout


def test_wrong_lists_are_named(sheet, tmp_path):
    with pytest.raises(InputError, match="at least one recording"):
        write_page([], tmp_path / "page.html")
    with pytest.raises(InputError, match="2 names given for 1 recordings"):
        write_page([sheet], tmp_path / "page.html", names=["a", "b"])
    with pytest.raises(InputError, match="no folder"):
        write_page([sheet], tmp_path / "missing" / "page.html")
    assert not list(tmp_path.iterdir())


def test_the_view_is_loaded_only_when_asked_for():
    code = (
        "import sys, cortexwave.view; "
        "assert 'matplotlib' not in sys.modules; "
        "cortexwave.view.write_page; assert 'matplotlib' in sys.modules; "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
