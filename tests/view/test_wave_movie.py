"""Movies of waves carry phase as hue, amplitude as brightness, and say what is on."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from cortexwave.errors import InputError
from cortexwave.view.wave_movie import (
    caption_at,
    event_text,
    phase_colours,
    write_wave_movie,
)

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="no ffmpeg on the PATH"
)


@pytest.fixture
def field():
    """A wave of 20 Hz towards +x over 4 x 6 sites, whose last frame is weak."""
    time, x, y = np.arange(40) * 1e-3, np.arange(6) * 0.4, np.arange(4) * 0.4
    whole = np.ones((40, 4, 6))
    lag = 0.8 * x * whole
    phase = np.mod(2 * np.pi * 20 * time[:, None, None] - lag + np.pi, 2 * np.pi)
    amplitude = 5 * whole
    amplitude[-1] = 0.5
    fields = {"phase": (phase - np.pi, "rad"), "amplitude": (amplitude, "uV"),
              "frequency": (20 * whole, "Hz"), "gradient_y": (0 * whole, "rad/mm"),
              "gradient_x": (-0.8 * whole, "rad/mm")}  # fmt: skip
    return xr.Dataset(
        {n: (("time", "y", "x"), v, {"units": u}) for n, (v, u) in fields.items()}
        | {"valid": ("time", time > 0.004, {"units": "1"})},
        {"time": ("time", time, {"units": "s"}), "y": ("y", y, {"units": "mm"}),
         "x": ("x", x, {"units": "mm"})},
        {"variable": "lfp", "band": [5.0, 40.0], "phase_method": "hilbert",
         "sampling_rate": 1000.0, "edge": 0.005},
    )  # fmt: skip


@pytest.fixture
def events():
    columns = {"start": ([0.005, 0.02], "s"), "end": ([0.03, 0.035], "s"),
               "speed": ([310.0, np.nan], "mm/s"),
               "direction": ([-30.0, np.nan], "deg"),
               "z": ([4.21, np.nan], "1"), "is_wave": ([True, False], "1")}  # fmt: skip
    table = {n: ("event", np.asarray(v), {"units": u})
             for n, (v, u) in columns.items()}  # fmt: skip
    kinds = np.array(["plane", "standing"], object)
    return xr.Dataset(table | {"kind": ("event", kinds)})


def pictures(path):
    with Image.open(path) as movie:
        found = []
        for k in range(movie.n_frames):
            movie.seek(k)
            found.append(np.asarray(movie.convert("RGB")))
        return found, movie.info["duration"]


def test_a_gif_has_the_frames_it_should_and_their_pace(field, events, tmp_path):
    path = write_wave_movie(field, tmp_path / "wave.gif", events=events, seconds=0.5,
                            frames_per_second=20, size=80)  # fmt: skip
    found, duration = pictures(path)
    # 40 frames, of which at most 10 play in 0.5 s
    assert (len(found), duration) == (10, 50)
    assert not np.array_equal(found[0], found[5])


def test_what_stands_still_is_the_same_in_all_frames(field, tmp_path):
    found, _ = pictures(write_wave_movie(field, tmp_path / "wave.gif", seconds=0.2,
                                         size=80, arrows=0))  # fmt: skip
    changed = np.any([frame != found[0] for frame in found[1:]], axis=(0, -1))
    # the stamp and the sheet move, which ends 3.5 inches from the left at 80 pixels
    # for 3.4 inches; the key at its right does not
    assert np.nonzero(changed)[1].max() <= 3.5 / 3.4 * 80


def test_a_weak_frame_is_dark(field, tmp_path):
    found, _ = pictures(
        write_wave_movie(field, tmp_path / "wave.gif", size=80, arrows=0)
    )
    middle = [frame[30:50, 20:60].mean() for frame in found]
    assert len(found) == 40
    # a tenth of the amplitude is 0.37 of full brightness in OKLab, whose lightness is
    # about the cube root of luminance; screens' gamma leaves 0.37 ** (3 / 2.2) = 0.26
    assert middle[-1] < 0.35 * np.min(middle[:-1])


@needs_ffmpeg
def test_an_mp4_plays(field, tmp_path):
    path = write_wave_movie(field, tmp_path / "wave.mp4", size=64, seconds=0.3)
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr == ""


def test_electrodes_have_movies_too(field, tmp_path):
    flat = field.isel(y=0, drop=True).rename(x="channel")
    flat = flat.assign_coords(
        x=("channel", flat.channel.values, {"units": "mm"}),
        y=("channel", np.arange(6) * 0.3, {"units": "mm"}),
    ).drop_vars("channel")
    found, _ = pictures(
        write_wave_movie(flat, tmp_path / "wave.gif", seconds=0.08, size=80)
    )
    assert len(found) == 2


def test_hues_are_of_one_lightness_and_brightness_darkens_them():
    phase = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    weights = (0.2126, 0.7152, 0.0722)  # luminance of linear sRGB
    linear = phase_colours(phase, np.ones(48)) ** 2.2
    light = linear @ weights
    # OKLab's lightness is not exactly luminance: within a few per cent of the middle
    assert light.std() / light.mean() < 0.1
    dark = phase_colours(phase, np.full(48, 0.4)) ** 2.2 @ weights
    assert (dark < 0.2 * light).all()


def test_phases_a_turn_apart_have_one_colour_and_dead_sites_are_grey():
    found = phase_colours(np.array([0.3, 0.3 + 2 * np.pi, np.nan]), np.ones(3))
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)
    assert found[2, 0] == found[2, 1] == found[2, 2] == pytest.approx(138 / 255)


def test_the_strongest_event_is_the_caption(events):
    assert caption_at(events, 0.001)[0] == ""
    assert caption_at(events, 0.01)[0] == "plane: 0.31 m/s, −30°, z 4.2"
    assert caption_at(events, 0.025)[0] == "plane: 0.31 m/s, −30°, z 4.2; and 1 more"


def test_an_event_that_is_no_wave_is_said_so(events):
    assert event_text(events, 1) == "standing: no wave claimed"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("wave.html", {}, r"'.html' is not one of .gif, .mp4"),
        ("wave.gif", {"size": 10}, "size is 10 pixels"),
        ("wave.gif", {"frames_per_second": 0}, "frames_per_second is 0"),
        ("wave.gif", {"seconds": -1}, "seconds of play is -1"),
        ("nowhere/wave.gif", {}, "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_refused(field, tmp_path, name, options, message):
    with pytest.raises(InputError, match=message):
        write_wave_movie(field, tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_a_recording_is_no_wave_field(sheet, tmp_path):
    with pytest.raises(InputError, match="as wave_field gives, is needed"):
        write_wave_movie(sheet, tmp_path / "wave.gif")
