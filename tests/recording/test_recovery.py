"""Whatever stops a run, every promised frame is in the file, and `recover` cuts it."""

import math
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from cortexwave.errors import RecordingError
from cortexwave.recording.checkpoint import checkpoint_path, save_checkpoint
from cortexwave.recording.reader import open_recording
from cortexwave.recording.recovery import recover
from cortexwave.recording.writer import RecordingWriter

HERE = Path(__file__).parent
RUN = HERE / "a_run.py"
known_frames, known_layout = (
    runpy.run_path(str(RUN))[name] for name in ("known_frames", "known_layout")
)


def promised_frames(file, trials, frames):
    """Number of promised frames, and those frames of h and -g, (frame, ...)."""
    n_valid = int(file.attrs["n_valid"])
    found = []
    for name, sign in (("h", 1), ("g", -1)):
        if trials:
            pieces = [file[name][trial, : min(frames, n_valid - trial * frames)]
                      for trial in range(math.ceil(n_valid / frames))]  # fmt: skip
        else:
            pieces = [file[name][:n_valid]]
        sites = file[name].shape[2 if trials else 1 :]
        found.append(sign * np.concatenate([np.empty((0, *sites)), *pieces]))
    return n_valid, found


def assert_holds_what_it_promises(path, trials, frames, channels=0):
    with h5py.File(path) as file:
        n_valid, found = promised_frames(file, trials, frames)
    known = known_frames(0, n_valid, channels)
    for field in found:
        np.testing.assert_array_equal(field, known if channels else known[:, 0])
    return n_valid


def assert_recovers(part, trials, frames, channels=0):
    n_valid = assert_holds_what_it_promises(part, trials, frames, channels)
    path = recover(part)
    assert assert_holds_what_it_promises(path, trials, frames, channels) == n_valid
    with h5py.File(path) as file:
        assert (file.attrs["recovered"], file.attrs["complete"]) == (1, 0)
        kept = (math.ceil(n_valid / frames), frames) if trials else (n_valid,)
        sites = (channels,) if channels else (36, 36)
        assert file["h"].shape == (*kept, *sites)
        assert np.isnan(file["h"][:].reshape(-1, *sites)[n_valid:]).all()
        if channels:
            assert file["channel"].asstr()[-1] == f"e{channels - 1}"
    assert not part.exists()
    return n_valid


def assert_resumes(part, trials, frames, channels=0):
    """Going on from what is promised gives the file of the uninterrupted run."""
    with h5py.File(part) as file:
        n_valid = int(file.attrs["n_valid"])
    with RecordingWriter.resume(part, n_valid=n_valid) as writer:
        while writer.n_valid < (trials or 1) * frames:
            trial, first = divmod(writer.n_valid, frames)
            count = min(writer.layout.block_frames, frames - first)
            block = known_frames(writer.n_valid, count, channels)
            writer.append(trial, first, {"h": block, "g": -block})
        path = writer.finish()
    held = assert_holds_what_it_promises(path, trials, frames, channels)
    assert held == (trials or 1) * frames


@pytest.mark.parametrize(
    ("trials", "frames", "channels", "stride"),
    [
        (0, 900, 0, 29),
        (3, 300, 0, 29),
        (0, 3500, 70, 11),  # 512 frames of 2 x 35 channels
        pytest.param(0, 900, 0, 1, marks=pytest.mark.slow),
        pytest.param(3, 300, 0, 1, marks=pytest.mark.slow),
        pytest.param(0, 3500, 70, 1, marks=pytest.mark.slow),
        pytest.param(3, 1200, 70, 1, marks=pytest.mark.slow),
    ],
)
def test_every_write_may_be_the_last_one(tmp_path, trials, frames, channels, stride):
    """The run's writes are logged, and replayed up to each and to each page."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    spy, log = tmp_path / "pwrites.so", tmp_path / "log"
    build = [compiler, "-shared", "-fPIC", "-o", spy, HERE / "pwrites.c", "-ldl"]
    subprocess.run(build, check=True)
    subprocess.run(
        [sys.executable, RUN, tmp_path / "run.h5",
         *map(str, (trials, frames, channels))],
        env=os.environ | {"LD_PRELOAD": str(spy), "WRITE_LOG": str(log)}, check=True,
        capture_output=True,
    )  # fmt: skip
    # the file is whole in all but frames when it gets its name, and logged from then
    start = unwritten(tmp_path / "empty.h5", trials, frames, channels)
    part, seen = tmp_path / "killed.h5.part", []
    for number, content in enumerate(replayed(start, parsed(log.read_bytes()))):
        if number % stride:
            continue
        part.write_bytes(content)
        seen.append(assert_holds_what_it_promises(part, trials, frames, channels))
        again = shutil.copy(part, tmp_path / "again.h5.part")
        assert_resumes(again, trials, frames, channels)
        assert_recovers(part, trials, frames, channels)
        part.with_suffix("").unlink()
    assert seen == sorted(seen)
    assert len(set(seen)) >= 7
    part.write_bytes(content)
    held = assert_holds_what_it_promises(part, trials, frames, channels)
    assert held == (trials or 1) * frames


def replayed(content, writes):
    """The file after each write, and after each page of those that stay inside it."""
    inside = len(content)
    for kind, at, data in writes:
        if kind == 2:
            yield (content := content[:at].ljust(at, b"\0"))
            continue
        ends = range((at // 4096 + 1) * 4096, at + len(data), 4096)
        for end in (*(ends if at < inside else ()), at + len(data)):
            content = content.ljust(at, b"\0")
            yield (content := content[:at] + data[: end - at] + content[end:])


def parsed(log):
    """Writes of a log: kind (1 write, 2 truncate), place, bytes."""
    writes, place = [], 0
    while place < len(log):
        kind, at, size = np.frombuffer(log, np.int64, 3, place).tolist()
        place += 24
        writes.append((kind, at, log[place : place + size]))
        place += size
    return writes


def unwritten(path, trials, frames, channels):
    RecordingWriter(
        path, known_layout(trials, frames, channels), attributes={"title": "A run"},
        protocol="", protocol_resolved="", events=None, drive=None,
    )  # fmt: skip
    return Path(f"{path}.part").read_bytes()


@pytest.mark.parametrize(("trials", "channels"), [(0, 0), (4, 0), (0, 70), (4, 70)])
@pytest.mark.parametrize("delay", [0.0, 0.03])
def test_killed_run_holds_what_it_promised(tmp_path, trials, channels, delay):
    path = tmp_path / "run.h5"
    frames = 400_000 if channels else 40_000
    with subprocess.Popen(
        [sys.executable, RUN, path, *map(str, (trials, frames, channels))],
        stdout=subprocess.PIPE,
    ) as run:
        heard = run.stdout.readline()  # the file is there
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        heard += run.stdout.read()
    assert run.returncode == -signal.SIGKILL
    said = int(heard.decode().splitlines()[-1])
    assert os.listdir(tmp_path) == ["run.h5.part"]
    with open_recording(f"{path}.part") as recording:
        assert recording.attrs["n_valid"] >= said
    assert assert_recovers(Path(f"{path}.part"), trials, frames, channels) >= said


def run_on_a_small_disk(path, frames, room):
    """A run whose file may not grow beyond `room` bytes; what it said was promised."""
    run = subprocess.run(
        [sys.executable, RUN, path, "0", str(frames), "0"], text=True,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    assert "DiskFullError" in run.stderr
    return int(run.stdout.splitlines()[-1])


# room for the index, and for some of the 2.5 MB of frames
@pytest.mark.parametrize("room", [400_000, 700_000, 1_234_567])
def test_run_on_a_full_disk_stops_and_is_recovered(tmp_path, room):
    part = tmp_path / "run.h5.part"
    said = run_on_a_small_disk(tmp_path / "run.h5", 4000, room)
    assert part.stat().st_size <= room
    recovered = recover(part)
    assert assert_holds_what_it_promises(recovered, 0, 4000) >= said > 0
    with open_recording(recovered) as recording:
        assert recording.sizes["time"] == recording.attrs["n_valid"] < 4000


def test_run_stopped_by_a_full_disk_is_resumed(tmp_path):
    said = run_on_a_small_disk(tmp_path / "run.h5", 4000, 700_000)
    with RecordingWriter.resume(tmp_path / "run.h5.part", n_valid=said) as writer:
        for first in range(said, 4000, 128):
            block = known_frames(first, min(128, 4000 - first))
            writer.append(0, first, {"h": block, "g": -block})
        writer.finish()
    assert assert_holds_what_it_promises(tmp_path / "run.h5", 0, 4000) == 4000


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_copy_cut_short_keeps_its_whole_blocks(place, layout, write, share):
    values = write(place, layout(frames=1280))
    part = Path(f"{place}.part")
    place.rename(part)
    os.truncate(part, int(share * part.stat().st_size))
    with pytest.raises(RecordingError, match="cut short; `cortexwave recover"):
        open_recording(part)
    recover(part)
    with open_recording(place) as found:
        frames = found.sizes["time"]
        # blocks have much the same size; the index stands before them
        assert frames == pytest.approx(share * 1280, abs=129)
        np.testing.assert_array_equal(found["h"].values, values["h"][0, :frames, 0])


def test_no_frame_at_all_is_recovered_as_none(place, layout, write):
    write(place, layout(frames=300), blocks=0)
    with open_recording(f"{place}.part") as found:
        assert found.sizes["time"] == 0
    recover(f"{place}.part")
    with open_recording(place) as found:
        assert found["h"].shape == (0, 20, 18)


def test_trials_begun_are_kept_and_others_go(place, layout, write):
    values = write(place, layout(frames=300, trials=4, features=2), blocks=4)
    recover(f"{place}.part")
    with open_recording(place) as found:
        assert found["h"].dims == ("trial", "time", "feature", "y", "x")
        assert found.sizes["trial"] == 2
        assert found.attrs["n_valid"] == 300 + 128
        np.testing.assert_array_equal(found["h"][0], values["h"][0])
        np.testing.assert_array_equal(found["h"][1, :128], values["h"][1, :128])
        assert np.isnan(found["h"][1, 128:]).all()


def test_checkpoint_goes_with_the_part(place, layout, write):
    write(place, layout(frames=300), blocks=1)
    save_checkpoint(f"{place}.part", {"h": np.zeros(2)}, {})
    recover(f"{place}.part")
    assert os.listdir(place.parent) == ["run.h5"]
    assert not checkpoint_path(f"{place}.part").exists()


def test_recover_never_overwrites_unasked(place, layout, write):
    write(place, layout(frames=3))
    before = place.read_bytes()
    shutil.copy(place, f"{place}.part")
    with pytest.raises(RecordingError, match=r"run\.h5: exists already"):
        recover(f"{place}.part")
    assert place.read_bytes() == before
    assert recover(f"{place}.part", overwrite=True) == place


def test_part_that_is_being_written_is_left_alone(place, layout, open_writer):
    with (
        open_writer(place, layout()),
        pytest.raises(RecordingError, match="has it open"),
    ):
        recover(f"{place}.part")
    assert Path(f"{place}.part").exists()


def foreign_hdf5(path):
    with h5py.File(path, "w") as file:
        file["voltage"] = np.zeros(5)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("run.h5", foreign_hdf5, "not a .part file; rename it to run.h5.part"),
        ("run.h5.part", foreign_hdf5, "not a cortexwave recording"),
        ("a.part", lambda p: p.write_text("half a download"), "not an HDF5 file"),
        ("a.part", lambda p: p.write_bytes(b""), "empty"),
        ("a.part", lambda p: p.mkdir(), "a folder"),
        ("a.part", lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n"), "first 64 bytes"),
        (
            "a.part",
            # version 0, 8-byte addresses, an end of file beyond any disk
            lambda p: p.write_bytes(
                b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08" + b"\xff" * 90
            ),
            "states a size of 18446744073709551615 bytes",
        ),
        ("absent.part", lambda p: None, "no such file"),
    ],
)
def test_what_is_no_part_of_ours_is_named_and_left_as_it_is(
    tmp_path, name, make, message
):
    path = tmp_path / name
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(RecordingError, match=message):
        recover(path)
    assert (path.read_bytes() if path.is_file() else None) == before
