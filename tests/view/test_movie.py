"""Movies carry the field itself, play without a network, and open elsewhere."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cortexwave.errors import InputError
from cortexwave.view import write_movie

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="no ffmpeg on the PATH"
)


def film(path: Path) -> dict:
    """What the page's player is given."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json">(.*?)</script>', text, re.S)
    return json.loads(found[1])


def frames(content: dict) -> np.ndarray:
    """Levels (frame, y, x) of the first panel."""
    levels = np.frombuffer(base64.b64decode(content["panels"][0]), dtype=np.uint8)
    return levels.reshape(content["count"], content["ny"], content["nx"])


def played(path: Path) -> str:
    """The page after its scripts ran, as the browser holds it."""
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
         "--virtual-time-budget=3000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def outside_links(text: str) -> list[str]:
    """Addresses in a page other than names of XML spaces."""
    return re.findall(r'(?<!xmlns=")(?<!xlink=")https?://[^\s"\'<]+', text)


def test_the_frames_of_a_page_decode_to_the_field(sheet, tmp_path):
    content = film(write_movie(sheet, tmp_path / "movie.html"))
    low, high = content["low"], content["high"]
    found = low + frames(content) / 254 * (high - low)
    # 255 levels: at most half a step, 1/508 of the range
    assert np.abs(found - sheet.rate.values).max() <= (high - low) / 500
    assert (content["times"][0], content["times"][39]) == ("0 ms", "39 ms")
    assert [m["label"] for m in content["marks"]] == ["digits 3", "digits 1"]
    assert [m["end"] for m in content["marks"]] == pytest.approx([15.0, 30.0])


def test_missing_values_have_a_level_and_a_grey_of_their_own(sheet, tmp_path):
    values = sheet.rate.values.copy()
    values[3, 2, :] = np.nan
    broken = sheet.assign(rate=(sheet.rate.dims, values, {"units": "Hz"}))
    content = film(write_movie(broken, tmp_path / "movie.html"))
    assert (frames(content) == 255).sum() == 32
    table = np.frombuffer(base64.b64decode(content["colours"]), np.uint8).reshape(-1, 3)
    assert len(set(table[255])) == 1  # grey: red, green and blue are equal
    assert "no finite value" in (tmp_path / "movie.html").read_text()


def test_the_page_needs_nothing_from_outside(sheet, tmp_path):
    text = write_movie(sheet, tmp_path / "movie.html").read_text()
    assert outside_links(text) == []
    assert not re.search(r"<(?:link|img|script)[^>]+(?:src|href)=", text)


def test_names_cannot_break_out_of_the_page(recorded, tmp_path):
    evil = "</script><script>document.title='x'</script><b>"
    nasty = recorded(np.random.default_rng(0).random((3, 4, 5)), name=evil, title=evil,
                     rows=[{"onset": 0.0, "stimulus": evil}])  # fmt: skip
    text = write_movie(nasty, tmp_path / "movie.html").read_text()
    assert "<script>document.title" not in text
    assert film(tmp_path / "movie.html")["marks"][0]["label"] == evil.strip()[:60]


def test_a_long_recording_is_thinned_evenly_and_the_page_says_so(recorded, tmp_path):
    values = np.random.default_rng(0).random((1999, 2, 3))
    path = write_movie(recorded(values), tmp_path / "movie.html")
    content = film(path)
    assert content["count"] == 400
    assert content["ms"] == pytest.approx(np.arange(0, 1999, 5))
    assert "Every 5 frames" in path.read_text() and "400 of 1999" in path.read_text()


def test_seconds_of_play_choose_the_number_of_frames(sheet, tmp_path):
    path = write_movie(sheet, tmp_path / "movie.html", seconds=0.8)
    assert film(path)["count"] == 20  # 0.8 s at 25 a second


def test_a_sheet_beyond_a_screen_stays_a_page_that_can_be_sent(recorded, tmp_path):
    values = np.zeros((3, 700, 1100), dtype=np.float32)
    path = write_movie(recorded(values), tmp_path / "movie.html")
    content = film(path)
    assert (content["ny"], content["nx"]) == (234, 367)
    assert "Every 3 sites" in path.read_text()


@needs_browser
@pytest.mark.parametrize("name", ["sheet", "ring"])
def test_a_browser_plays_the_page_without_an_error(name, request, tmp_path):
    recording = request.getfixturevalue(name)
    page = played(write_movie(recording, tmp_path / "movie.html"))
    assert f'data-frames="{recording.time.size}"' in page
    assert "data-errors" not in page
    assert re.search(r'class="stamp">\d+ ms<', page)


@needs_browser
def test_a_browser_reports_a_page_cut_short(sheet, tmp_path):
    path = write_movie(sheet, tmp_path / "movie.html")
    text = path.read_text()
    first = film(path)["panels"][0]
    path.write_text(text.replace(first, first[: len(first) // 8 * 4]))
    assert 'data-errors="panel 0 holds' in played(path)


@needs_browser
def test_the_browser_paints_the_field_upright(recorded, tmp_path):
    values = np.zeros((1, 2, 2))
    values[0, 0, 1] = 1.0  # bottom right
    path = write_movie(recorded(values), tmp_path / "movie.html", size=200)
    probe = """<script>const c = document.querySelector(".sheet canvas");
    document.documentElement.dataset.pixels =
      Array.from(c.getContext("2d").getImageData(0, 0, 2, 2).data).join();</script>"""
    path.write_text(path.read_text().replace("</body>", probe + "</body>"))
    pixels = re.search(r'data-pixels="([\d,]+)"', played(path))[1]
    found = np.array(pixels.split(","), dtype=int).reshape(2, 2, 4)
    # viridis: purple where 0, yellow where 1; 1 for the rounding to 8 bits
    np.testing.assert_allclose(found[1, 1], (253, 231, 37, 255), atol=1)
    np.testing.assert_allclose(found[0], [(68, 1, 84, 255)] * 2, atol=1)


@pytest.mark.parametrize("name", ["sheet", "ring"])
def test_a_gif_has_every_frame_and_the_right_speed(name, request, tmp_path):
    recording = request.getfixturevalue(name)
    path = write_movie(recording, tmp_path / "m.gif", size=160, frames_per_second=20)
    with Image.open(path) as movie:
        assert movie.n_frames == recording.time.size
        assert movie.info["duration"] == 50


def test_the_bump_moves_in_the_gif_as_in_the_field(sheet, tmp_path):
    path = write_movie(sheet, tmp_path / "m.gif", size=320)

    def column(frame: int) -> float:
        with Image.open(path) as movie:
            movie.seek(frame)
            picture = np.asarray(movie.convert("RGB")).astype(int)[:, :320]
        yellow = (picture[..., 0] > 180) & (picture[..., 2] < 90)
        return float(np.nonzero(yellow)[1].mean())

    # 30 frames at half a site each, of 32 sites over 320 pixels; a pixel of rounding
    assert column(35) - column(5) == pytest.approx(150, abs=2)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["sheet", "ring"])
def test_an_mp4_has_every_frame_and_plays_anywhere(name, request, tmp_path):
    recording = request.getfixturevalue(name)
    path = write_movie(recording, tmp_path / "movie.mp4", size=160)
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
         "stream=codec_name,pix_fmt,nb_read_frames", "-of", "csv=p=0", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert probe.stdout.strip() == f"h264,yuv420p,{recording.time.size}"


def test_without_ffmpeg_the_other_formats_are_named(sheet, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"ffmpeg.*\.html or a \.gif"):
        write_movie(sheet, tmp_path / "movie.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["html", "gif"])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.ones((4, 1, 1)), id="one site"),
        pytest.param(np.ones((1, 3, 4)), id="one frame"),
        pytest.param(np.full((4, 3, 4), np.nan), id="nothing finite"),
        pytest.param(np.full((4, 1, 9), np.nan), id="nothing finite on a ring"),
        pytest.param(1e-9 * np.arange(45.0).reshape(5, 9, 1), id="tiny column"),
        pytest.param(np.arange(360.0).reshape(2, 90, 2), id="tall"),
    ],
)
def test_odd_recordings_make_movies(recorded, tmp_path, suffix, values):
    path = write_movie(recorded(values), tmp_path / f"movie.{suffix}", size=64)
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"seconds": 0.0}, "seconds of play is 0.0"),
        ({"frames_per_second": float("nan")}, "frames_per_second is nan"),
        ({"size": 3}, "size is 3 pixels"),
        ({"field": "x"}, "no field 'x'"),
    ],
)
def test_what_cannot_be_played_is_named(sheet, tmp_path, arguments, culprit):
    with pytest.raises(InputError, match=culprit):
        write_movie(sheet, tmp_path / "movie.html", **arguments)
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_is_refused_naming_those_allowed(sheet, tmp_path):
    with pytest.raises(InputError, match=r"'\.avi' is not one of \.html, \.gif, \.mp4"):
        write_movie(sheet, tmp_path / "movie.avi")
