"""A recording analysed from end to end: in blocks as in one, to a file that opens."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import cortexwave
from cortexwave import synthetic
from cortexwave.analysis.analyses import Analysis, open_waves
from cortexwave.analysis.analysing import analyse, analysing
from cortexwave.analysis.event_table import Found
from cortexwave.analysis.sites import sites_of
from cortexwave.analysis.wave_blocks import ARRAYS, Wanted, block_size
from cortexwave.errors import InputError, RecordingError
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording
from cortexwave.recording.writer import RecordingWriter

BAND = (5.0, 40.0)
SITES = synthetic.lattice_sites((6, 6), spacing=0.4)
TIME = {"duration": 16.0, "rate": 250.0}
FEW = {"seed": 0, "count": 19, "measures": ["speed", "direction", "synchrony"]}


def _recording() -> xr.Dataset:
    noise = synthetic.smooth_noise(SITES, length=0.0, seed=0, **TIME)
    waves = [
        synthetic.plane_wave(SITES, direction=30, frequency=12.0, wavelength=5.0,
                             amplitude=3.0, window=(at, at + 0.6), **TIME)
        for at in (2.0, 6.0, 10.0, 13.0)
    ]  # fmt: skip
    return synthetic.mixture(noise, *waves)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return save_recording(_recording(), tmp_path_factory.mktemp("made") / "run.h5")


@pytest.fixture(scope="module")
def whole(saved, tmp_path_factory) -> Analysis:
    return analyse(saved, tmp_path_factory.mktemp("whole") / "w.h5", band=BAND, **FEW)


def test_the_waves_that_were_made_are_found_with_a_verdict(whole):
    waves = whole.events.isel(event=whole.events["is_wave"].values)
    assert list(waves["kind"].values) == ["plane"] * 4
    np.testing.assert_allclose(waves["start"], (2, 6, 10, 13), atol=0.15)
    # 0 dB and more: 5 degrees are asked
    np.testing.assert_allclose(waves["direction"], 30, atol=5)
    assert whole.word == "travelling waves"
    assert "net lags (p = " in whole.verdict and "towards 3" in whole.verdict
    # with so few surrogates no event alone is enough
    assert "39 surrogates are needed" in whole.verdict


def test_measures_stand_at_every_frame_of_the_recording(whole):
    assert whole.measures.sizes["time"] == 4000
    assert whole.measures["speed"].attrs["units"] == "mm/s"
    assert whole.measures["time"].attrs["units"] == "s"
    assert np.isnan(whole.measures["synchrony"].values[0])  # spoilt by the filter


def test_maps_are_a_wave_field_of_the_strongest_events(whole):
    middles = (whole.events["start"] + whole.events["end"]).values / 2
    for time in whole.maps["time"].values:
        assert np.abs(middles - time).min() <= 0.5 / 250 + 1e-9


def test_means_over_time_stand_at_every_site(whole):
    towards = np.hypot(whole.sites["towards_x"], whole.sites["towards_y"])
    assert towards.shape == (6, 6)
    assert float(towards.max()) <= 1
    assert float(whole.sites["towards_x"].mean()) > 0  # the waves go to 30 degrees


def test_the_file_opens_with_plain_tools(whole):
    with h5py.File(whole.path) as file:
        assert file.attrs["complete"] == 1
        assert {"events", "lags", "maps", "sites", "spectrum"} <= set(file)
    with xr.open_dataset(whole.path, group="events", engine="netcdf4") as events:
        assert events.sizes["event"] == whole.events.sizes["event"]


def test_events_stand_beside_it_as_text(whole):
    with whole.path.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == whole.events.sizes["event"]
    assert float(rows[0]["speed_mm_per_s"]) == pytest.approx(
        float(whole.events["speed"][0]), rel=1e-6
    )
    assert {row["kind"] for row in rows} <= set(whole.events["kind"].values)


def test_blocks_give_what_one_piece_gives(saved, whole, tmp_path):
    """6 MiB make several blocks of this recording. Hilbert's transform of the whole is
    itself spoilt by its two ends, by some 1e-3 of the amplitude far from them; where
    the amplitude is small that is more of a phase, so most frames are compared."""
    parts = analyse(saved, tmp_path / "w.h5", band=BAND, memory=6 * 2**20, **FEW)
    apart = np.abs(parts.measures["synchrony"] - whole.measures["synchrony"])
    assert float(apart.quantile(0.95)) < 5e-3
    found = parts.events.isel(event=parts.events["is_wave"].values)
    np.testing.assert_allclose(found["start"], (2, 6, 10, 13), atol=0.15)
    np.testing.assert_allclose(parts.sites["amplitude"], whole.sites["amplitude"],
                               rtol=2e-3)  # fmt: skip


def test_what_is_read_unfiltered_does_not_depend_on_the_memory(
    saved, whole, tmp_path, monkeypatch
):
    """Sums over pieces instead of the whole differ by rounding, 1e-13 of the greatest;
    of 1500 values a segment of lags (400 ms of 36 sites) is read at a time."""
    monkeypatch.setattr("cortexwave.analysis.wave_blocks.values_within",
                        lambda memory: 1500)  # fmt: skip
    pieces = analyse(saved, tmp_path / "w.h5", band=BAND, **FEW)
    for table in ("lags", "spectrum", "ridge"):
        one, other = getattr(whole, table), getattr(pieces, table)
        assert set(one) == set(other)
        for name in one:
            if one[name].dtype.kind != "f":
                np.testing.assert_array_equal(other[name], one[name])
                continue
            greatest = float(np.abs(one[name]).max())
            np.testing.assert_allclose(other[name], one[name], rtol=1e-9,
                                       atol=1e-9 * greatest)  # fmt: skip


@pytest.mark.parametrize("method", ["generalized", "hilbert", "morlet"])
@pytest.mark.parametrize("side", [3, 10])
def test_a_block_takes_no_more_arrays_than_are_counted(
    side, method, whole, tmp_path, monkeypatch
):
    """`whole` comes first, for what is loaded and made once."""
    sites = synthetic.lattice_sites((side, side), spacing=0.4)
    recording = synthetic.smooth_noise(sites, length=0.0, seed=0, duration=120 / side,
                                       rate=250.0)  # fmt: skip
    monkeypatch.setattr("cortexwave.analysis.analysing.segment_events",
                        lambda segment, **given: Found.nothing(19))  # fmt: skip
    steps = analysing(
        recording, tmp_path / "w.h5", band=(20.0, 40.0), seed=0, variable=None,
        method=method, order=4, measures=None, count=19, alpha=0.05, wavelength=None,
        memory=2**30, overwrite=False,
    )  # fmt: skip
    next(steps)
    tracemalloc.start()
    for now in steps:
        if now.stage == "net lags":
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 4 MiB: pieces of 2^15 values, 25 arrays of them, do not grow with the block
    assert peak < 8 * ARRAYS * recording["signal"].size + 4 * 2**20


PEAK = """
import sys, warnings
from pathlib import Path
import numpy as np
from cortexwave.analysis.analysing import analyse

def status(name):
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024

def analysed(path, memory):
    # few surrogates: each takes the memory of the last
    analyse(path, "w.h5", band=(5.0, 10.0), memory=memory, count=3, alpha=0.25,
            measures=["synchrony"], overwrite=True)

warnings.simplefilter("ignore")
short, path, memory, allocated = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
analysed(short, memory)  # imports, and what is made once
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
if allocated:
    np.ones(allocated // 8)
else:
    analysed(path, memory)
print(status("VmHWM") - before)
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The peak (bytes) of a process of its own above what it has once all is loaded."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux")
    folder = tmp_path_factory.mktemp("peak")
    _write_noise(folder / "short.h5", 1250)
    at = dict(os.environ, PYTHONPATH=str(Path(cortexwave.__file__).parents[1]))

    def peak(path: Path, memory: int, allocated: int = 0) -> int:
        given = [str(folder / "short.h5"), str(path), str(memory), str(allocated)]
        done = subprocess.run([sys.executable, "-c", PEAK, *given], cwd=folder, env=at,
                              check=True, capture_output=True, text=True)  # fmt: skip
        return int(done.stdout)

    return peak


def test_the_measured_peak_sees_an_array_that_is_made_and_left(measured):
    peak = measured(Path("none"), 8 * 2**20, 200_000_000)
    assert peak == pytest.approx(200e6, rel=0.02)  # pages of the interpreter


@pytest.mark.slow
def test_a_recording_ten_times_its_memory_goes_through_within_it(measured, tmp_path):
    """40 minutes of 6 x 6 sites at 125 Hz, 80 MiB, in 8 MiB.

    Beside it there may be the clock, and the minute of surrogates as the docstring of
    `analyse` has it: 130 bytes for each site and frame, of which every third is kept.
    """
    memory, rate = 8 * 2**20, 125
    frames = 10 * memory // (8 * 36) + 1
    path = tmp_path / "long.h5"
    _write_noise(path, frames)
    assert path.stat().st_size > 10 * memory
    beside = 8 * frames + 16 * 2**20 + 130 * 36 * 60 * rate // 3
    peak = measured(path, memory)
    print(f"{peak / 2**20:.1f} MiB, of {(memory + beside) / 2**20:.1f}")
    assert peak < memory + beside


def _write_noise(path: Path, frames: int) -> None:
    """White noise of 6 x 6 sites at 125 Hz, written block by block."""
    axis = 0.4 * np.arange(6)
    layout = RecordingLayout(
        fields={"signal": FieldLayout("uV")}, y=axis, x=axis, features=1, trials=None,
        frames=frames, interval=1 / 125, dtype="float64", compression="none",
    )  # fmt: skip
    writer = RecordingWriter(
        path, layout, attributes={}, protocol="# made\n", protocol_resolved="{}",
        events=None, drive=None,
    )  # fmt: skip
    draw = np.random.default_rng(0)
    with writer:
        for begin in range(0, frames, layout.block_frames):
            size = min(layout.block_frames, frames - begin)
            writer.append(0, begin, {"signal": draw.standard_normal((size, 1, 6, 6))})
        writer.finish()


def test_an_existing_file_is_kept_unless_it_may_be_replaced(whole, saved):
    with pytest.raises(RecordingError, match="--overwrite"):
        analyse(saved, whole.path, band=BAND, **FEW)
    with pytest.raises(RecordingError, match="not a wave analysis"):
        analyse(saved, saved, band=BAND, overwrite=True, **FEW)
    with open_recording(saved) as recording:
        assert recording.sizes["time"] == 4000


def test_what_fails_leaves_nothing_behind(saved, tmp_path):
    with pytest.raises(InputError, match="200 Hz"):
        analyse(saved, tmp_path / "w.h5", band=(5.0, 200.0), **FEW)
    assert not list(tmp_path.iterdir())


def test_what_is_no_recording_is_named(saved, tmp_path):
    with open_recording(saved) as recording, pytest.raises(InputError, match="a Data"):
        analyse(recording["signal"], tmp_path / "w.h5", band=BAND, **FEW)


def test_too_little_memory_says_how_much_is_due(saved, tmp_path):
    with pytest.raises(InputError, match="a block of this recording needs"):
        analyse(saved, tmp_path / "w.h5", band=BAND, memory=2**20, **FEW)


def test_what_is_no_analysis_is_not_opened_as_one(saved):
    with pytest.raises(RecordingError, match="not a wave analysis"):
        open_waves(saved)


def test_a_second_of_ecog_is_undetermined_and_says_why(lab, tmp_path):
    with h5py.File(lab("mne_ecog/ecog_grid_16x16.h5")) as file:
        volts = np.moveaxis(file["x_volts"][:], -1, 0)
    at = 4.0 * np.arange(16)
    ecog = xr.Dataset(
        {"ecog": (("time", "y", "x"), 1e6 * volts, {"units": "uV"})},
        {"time": ("time", np.arange(113) / 160, {"units": "s"}),
         "y": ("y", at[::-1], {"units": "mm"}), "x": ("x", at, {"units": "mm"})},
    )  # fmt: skip
    found = analyse(ecog, tmp_path / "w.h5", band=BAND, seed=0, count=19)
    assert found.word == "undetermined"
    assert "cycles of 5 Hz" in found.verdict
    assert "net lags" in found.verdict
    assert found.maps.sizes["time"] > 0
    assert np.isfinite(found.maps["phase"].values).any()
    tables = ("lags", "spectrum", "ridge")
    absent = {name for name in tables if getattr(found, name) is None}
    assert absent and set(found.missing) == absent  # what is not there says why
    assert all(found.missing.values())


def test_what_is_left_for_a_last_block_is_shared_by_all(tmp_path):
    """Blocks of 407 frames, and 302 on either side of each for the filter, would leave
    44 of 3300, and the filter's end spoils 71."""
    memory = 8 * ARRAYS * 36 * (407 + 2 * 302)
    recording = _recording().isel(time=slice(3300))
    found = analyse(recording, tmp_path / "w.h5", band=BAND, memory=memory, **FEW)
    assert found.measures.sizes["time"] == 3300


def test_the_memory_that_a_refusal_names_is_enough():
    values = _recording()["signal"]

    def cut(memory: int) -> tuple[int, int]:
        return block_size(values, sites_of(values), 250.0, Wanted(
            band=BAND, seed=0, variable=None, method="hilbert", order=4, measures=None,
            count=19, alpha=0.05, wavelength=None, memory=memory))  # fmt: skip

    with pytest.raises(InputError, match=r"memory is 1 KiB; a block .* needs") as said:
        cut(1024)
    needed = int(str(said.value).split("needs ")[1].split(" MiB")[0])
    assert cut(needed * 2**20)[0] > 0
