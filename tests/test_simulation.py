"""Running protocols: in memory, streamed, killed and resumed, and what stops a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave.errors import (
    DiskFullError,
    InputError,
    Interrupted,
    NotFiniteError,
    ProtocolError,
    RecordingError,
)

ROOT = Path(__file__).parent.parent
PROTOCOLS = sorted((ROOT / "protocols").glob("*.yaml"))
TEXT = """
cortexwave: 1
kind: simulation
title: "A test sheet"
sheet: {shape: [12, 20], spacing: 0.1 mm, boundary: periodic}
model:
  name: leaky_rate
  parameters: {tau: 10 ms}
  couplings: {lateral: {kernel: {kind: gaussian, sigma: 0.1 mm, radius: 0.3 mm,
                                 normalise: sum, strength: 0.9},
                        delay: {speed: 50 mm/s}}}
  initial: {h: {kind: bump, top: 1, y: 0.5 mm, x: 1 mm, sigma: 0.2 mm}}
  noise: {h: 0.1 s**-0.5}
stimuli:
  - {kind: pulse, onset: 20 ms, duration: 10 ms, place: {y: 0.5 mm, x: 0.5 mm}}
run: {duration: 300 ms, dt: 1 ms, seed: 5}
record: {variables: [h], dtype: float64}
"""


@pytest.fixture
def protocol():
    return cw.parse_protocol(TEXT)


def _same(first, second):
    with cw.open_recording(first) as a, cw.open_recording(second) as b:
        assert set(a.variables) == set(b.variables)
        for name in a.variables:
            assert a[name].dims == b[name].dims
            assert a[name].attrs == b[name].attrs
            if a[name].dtype.kind == "f":
                assert np.array_equal(a[name], b[name], equal_nan=True), name
            else:
                assert (a[name].values == b[name].values).all(), name


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.stem)
def test_a_shipped_protocol_runs_a_few_steps_on_every_engine(path, engine):
    whole = cw.load_protocol(path)
    few = 4 * (whole.record.every or whole.run.dt)
    short = whole.with_changes(
        {
            "run.duration": f"{1e3 * few:.12g} ms",
            "trials.count": min(2, whole.trials.count),
        }
    )
    if any(s.kind == "white_noise" for s in short.stimuli):
        short = short.with_changes({"run.duration": "40 ms"})
    recording = cw.simulate(short, backend=engine)
    for name in recording.data_vars:
        if "time" in recording[name].dims:
            assert np.isfinite(recording[name]).all()
            assert recording[name].sizes["time"] >= 5


def test_the_recording_in_memory_is_the_recording_in_the_file(protocol, tmp_path):
    memory = cw.simulate(protocol, backend="reference")
    path = cw.run(protocol, tmp_path / "run.h5", backend="reference")
    with cw.open_recording(path) as file:
        assert set(memory.variables) == set(file.variables)
        for name in memory.variables:
            assert memory[name].dims == file[name].dims
            labels = {"units", "long_name"}
            for label in labels & set(memory[name].attrs):
                assert memory[name].attrs[label] == file[name].attrs[label], name
            assert (memory[name].values == file[name].values).all()
        assert file.attrs["n_valid"] == memory.attrs["n_valid"] == 301
        assert file.attrs["title"] == "A test sheet"
        assert file.h.attrs["units"] == "1"
        assert float(file.time[-1]) == pytest.approx(0.3)


def test_every_file_says_where_it_comes_from(protocol, tmp_path):
    path = cw.run(protocol, tmp_path / "run.h5", backend="torch")
    with h5py.File(path) as file:
        for name in ("cortexwave_version", "run_id", "created", "versions", "seed",
                     "backend", "device", "dtype", "protocol_sha256",
                     "complete"):  # fmt: skip
            assert name in file.attrs, name
        assert file["protocol"].asstr()[()] == TEXT
        assert '"tau": 0.01' in file["protocol_resolved"].asstr()[()]


def test_engines_agree_on_a_whole_protocol(protocol):
    fields = {name: cw.simulate(protocol, backend=name).h
              for name in ("reference", "brian2", "torch")}  # fmt: skip
    for name in ("brian2", "torch"):
        difference = np.abs(fields[name] - fields["reference"]).max()
        assert difference < 1e-12 * np.abs(fields["reference"]).max()


def test_resume_after_any_block_is_identical(protocol, tmp_path, engine, monkeypatch):
    from cortexwave import simulation

    monkeypatch.setattr(simulation, "CHECKPOINT_EVERY", 0.0)
    whole = cw.run(protocol, tmp_path / "whole.h5", backend=engine)
    running = simulation.running(protocol, tmp_path / "cut.h5", backend=engine)
    next(running)
    running.close()  # as if the process had gone
    part = tmp_path / "cut.h5.part"
    assert part.exists() and not (tmp_path / "cut.h5").exists()
    assert cw.resume(part) == tmp_path / "cut.h5"
    assert not part.exists() and not Path(f"{part}.ckpt").exists()
    _same(whole, tmp_path / "cut.h5")


def test_resume_without_a_checkpoint_begins_anew(protocol, tmp_path):
    from cortexwave import simulation

    whole = cw.run(protocol, tmp_path / "whole.h5", backend="reference")
    running = simulation.running(protocol, tmp_path / "cut.h5", backend="reference")
    next(running)
    running.close()
    Path(f"{tmp_path}/cut.h5.part.ckpt").unlink(missing_ok=True)
    cw.resume(tmp_path / "cut.h5")  # the final name will do
    _same(whole, tmp_path / "cut.h5")


def _cortexwave(*words, **named):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "cortexwave.cli", *map(str, words)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **named,
    )  # fmt: skip


def _wait_for_frames(part, process, count):
    """Until the file of a run under way promises `count` frames."""
    for _ in range(600):
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()
        try:
            with h5py.File(part, "r", locking=False) as file:
                if file.attrs["n_valid"] >= count:
                    return
        except (OSError, KeyError):
            continue
    raise AssertionError("the run wrote nothing in 30 s")


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """A protocol file of many blocks on the slow engine, and its finished recording."""
    folder = tmp_path_factory.mktemp("long")
    path = folder / "long.yaml"
    path.write_text(TEXT.replace("duration: 300 ms", "duration: 4 s"))
    whole = cw.run(cw.load_protocol(path), folder / "whole.h5", backend="reference")
    return path, whole


def test_a_killed_run_opens_with_every_promised_frame_and_resumes(long_run, tmp_path):
    path, whole = long_run
    part = tmp_path / "out.h5.part"
    process = _cortexwave(
        "run", path, "-o", tmp_path / "out.h5", "--backend", "reference"
    )
    _wait_for_frames(part, process, 256)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with cw.open_recording(part) as left, cw.open_recording(whole) as full:
        count = left.sizes["time"]
        assert count >= 256
        assert np.array_equal(left.h, full.h[:count])
    done = _cortexwave("resume", part)
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert out.strip() == str(tmp_path / "out.h5")
    _same(whole, tmp_path / "out.h5")


def test_ctrl_c_finishes_the_block_and_leaves_a_valid_file(long_run, tmp_path):
    path, whole = long_run
    part = tmp_path / "out.h5.part"
    process = _cortexwave(
        "run", path, "-o", tmp_path / "out.h5", "--backend", "reference"
    )
    _wait_for_frames(part, process, 128)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cortexwave resume" in err and "Traceback" not in err
    assert Path(f"{part}.ckpt").exists()
    cw.resume(part)
    _same(whole, tmp_path / "out.h5")


def test_an_interrupted_run_can_be_recovered_instead(long_run, tmp_path):
    path, whole = long_run
    part = tmp_path / "out.h5.part"
    process = _cortexwave(
        "run", path, "-o", tmp_path / "out.h5", "--backend", "reference"
    )
    _wait_for_frames(part, process, 128)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    recovered = cw.recover(part)
    with xr.open_dataset(recovered) as left, cw.open_recording(whole) as full:
        assert np.array_equal(left.h, full.h[: left.sizes["time"]])
        assert left.attrs["complete"] == 0


@pytest.mark.parametrize("engine_name", ["reference", "torch", "brian2"])
def test_a_field_that_stops_being_finite_stops_the_run(tmp_path, engine_name):
    # strength 40: the field grows tenfold in a few steps and passes 1e308
    text = TEXT.replace("strength: 0.9", "strength: 400").replace("300 ms", "2 s")
    protocol = cw.parse_protocol(text)
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            NotFiniteError,
            match=r"'h' is not a finite number at .* ms, site \(y \d+, x \d+\)",
        ),
    ):
        cw.run(protocol, tmp_path / "run.h5", backend=engine_name)
    with cw.open_recording(tmp_path / "run.h5.part") as left:
        assert left.sizes["time"] > 50
        assert np.isfinite(left.h).all()


def test_a_nearly_full_disk_stops_the_run_with_a_valid_file(
    protocol, tmp_path, monkeypatch
):
    import shutil

    real, calls = shutil.disk_usage, []

    def nearly_full(path):
        calls.append(path)
        usage = real(path)
        return usage if len(calls) < 2 else usage._replace(free=100_000)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    with pytest.raises(DiskFullError, match="free"):
        cw.run(protocol, tmp_path / "run.h5", backend="reference")
    with cw.open_recording(tmp_path / "run.h5.part") as left:
        assert left.sizes["time"] >= 1
        assert np.isfinite(left.h).all()


def test_output_that_exists_is_refused_and_left_alone(protocol, tmp_path):
    path = tmp_path / "run.h5"
    path.write_text("precious")
    for overwrite in (False, True):  # what is no recording is never overwritten
        with pytest.raises(RecordingError, match="overwrit"):
            cw.run(protocol, path, backend="reference", overwrite=overwrite)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]
    path.unlink()
    for overwrite in (False, True):
        cw.run(protocol, path, backend="reference", overwrite=overwrite)
    assert cw.open_recording(path).sizes["time"] == 301


def test_a_protocol_is_never_overwritten_by_its_recording(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(TEXT)
    with pytest.raises(RecordingError, match="no recording"):
        cw.run(cw.load_protocol(path), path, backend="reference", overwrite=True)
    assert path.read_text() == TEXT


def test_resume_refuses_a_file_that_has_changed(tmp_path):
    from cortexwave import simulation

    np.save(tmp_path / "gain.npy", np.ones((12, 20)))
    text = TEXT.replace(
        "delay: {speed: 50 mm/s}}}",
        "delay: {speed: 50 mm/s}, gain_after: {kind: file, path: gain.npy}}}",
    )
    (tmp_path / "run.yaml").write_text(text)
    protocol = cw.load_protocol(tmp_path / "run.yaml")
    running = simulation.running(protocol, tmp_path / "run.h5", backend="reference")
    next(running)
    running.close()
    np.save(tmp_path / "gain.npy", np.full((12, 20), 0.5))
    with pytest.raises(RecordingError, match=r"gain\.npy has changed"):
        cw.resume(tmp_path / "run.h5.part")
    np.save(tmp_path / "gain.npy", np.ones((12, 20)))
    assert cw.resume(tmp_path / "run.h5.part").exists()


def test_a_protocol_made_in_python_runs_resumes_and_changes(tmp_path):
    from cortexwave import simulation

    made = cw.Protocol(
        cortexwave=1, kind="simulation", title="Made in Python",
        sheet={"shape": (1, 16), "spacing": 0.1}, model={"name": "leaky_rate"},
        run={"duration": 0.3, "dt": 0.001},
    )  # fmt: skip
    whole = cw.run(made, tmp_path / "whole.h5", backend="reference")
    running = simulation.running(made, tmp_path / "cut.h5", backend="reference")
    next(running)
    running.close()
    cw.resume(tmp_path / "cut.h5.part")
    _same(whole, tmp_path / "cut.h5")
    assert made.with_changes({"run.dt": 0.002}).run.dt == 0.002


@pytest.mark.parametrize("change", [{"run.dtype": "float32"}, {"run.noise": "engine"}])
@pytest.mark.parametrize("name", ["reference", "brian2"])
def test_what_only_torch_can_do_is_refused_elsewhere(protocol, change, name):
    with pytest.raises(InputError, match="torch"):
        cw.simulate(protocol.with_changes(change), backend=name)


def test_a_value_too_large_for_float32_is_called_so(tmp_path):
    text = TEXT.replace("strength: 0.9", "strength: 400").replace("300 ms", "2 s")
    protocol = cw.parse_protocol(text.replace("dtype: float64", "dtype: float32"))
    with pytest.raises(NotFiniteError, match=r"too large to be stored .*float64"):
        cw.run(protocol, tmp_path / "run.h5", backend="reference")


def test_a_file_cut_short_is_recovered_whole_or_left_alone(protocol, tmp_path):
    whole = cw.run(protocol, tmp_path / "whole.h5", backend="reference").read_bytes()
    for size in range(600, len(whole), len(whole) // 25):
        part = tmp_path / f"cut{size}.h5.part"
        part.write_bytes(whole[:size])
        try:
            recovered = cw.recover(part)
        except RecordingError as error:
            assert str(part) in str(error) and part.exists()
        else:
            with cw.open_recording(recovered) as left:
                assert np.isfinite(left.h).all()


def test_a_folder_that_is_not_there_is_refused(protocol, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        cw.run(protocol, tmp_path / "nowhere" / "run.h5", backend="reference")


@pytest.mark.parametrize("change, culprit", [
    ({"run.dt": "30 ms"}, "stable only up to dt = 10 ms"),
    ({"run.backend": "brain2"}, "did you mean 'brian2'"),
    ({"run.device": "cuda:7"}, "cuda"),
])  # fmt: skip
def test_what_cannot_be_run_leaves_no_file(protocol, tmp_path, change, culprit):
    with pytest.raises(InputError, match=culprit):
        cw.run(protocol.with_changes(change), tmp_path / "run.h5")
    assert list(tmp_path.iterdir()) == []


def test_brian2_refuses_float32(protocol, tmp_path):
    with pytest.raises(InputError, match="float64"):
        cw.run(protocol.with_changes({"run.dtype": "float32"}), tmp_path / "run.h5",
               backend="brian2")  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_recording_too_large_for_memory_is_refused_by_simulate(protocol):
    long = protocol.with_changes({"run.duration": "1000000 s"})
    with pytest.raises(InputError, match=r"cortexwave\.run"):
        cw.simulate(long)


def test_trials_have_an_axis_when_independent(protocol):
    recording = cw.simulate(
        protocol.with_changes({"trials.count": 3, "run.duration": "40 ms"}),
        backend="reference",
    )
    assert recording.h.dims == ("trial", "time", "y", "x")
    assert recording.sizes["trial"] == 3
    assert list(cw.events(recording).trial) == [0, 1, 2]


def test_continuous_trials_are_cut_at_their_events(protocol):
    changes = {"trials.count": 3, "trials.mode": "continuous", "run.duration": "50 ms"}
    recording = cw.simulate(protocol.with_changes(changes), backend="reference")
    assert recording.h.dims == ("time", "y", "x")
    assert recording.sizes["time"] == 151
    events = cw.events(recording)
    assert np.allclose(events.onset, [0.02, 0.07, 0.12])
    cut = cw.epochs(recording, events, window=(-0.01, 0.02))
    assert cut.h.dims == ("trial", "time", "y", "x")
    assert cut.sizes["trial"] == 3
    assert np.array_equal(cut.h[1], recording.h[60:91])
    assert float(cut.time[10]) == pytest.approx(0.0, abs=1e-12)


def test_the_drive_and_what_was_drawn_are_recorded(engine):
    protocol = cw.parse_protocol("""
cortexwave: 1
kind: simulation
title: "White noise"
sheet: {shape: [1, 8], spacing: 0.1 mm}
model: {name: leaky_rate}
stimuli: [{kind: white_noise, clock: 5 ms, patches: [1, 4], amplitude: 0.5}]
run: {duration: 50 ms, dt: 1 ms, seed: 2}
record: {variables: [h, drive], dtype: float64}
""")
    recording = cw.simulate(protocol, backend=engine)
    drawn = cw.drive(recording)
    assert drawn["values"].dims == ("trial", "clock", "patch")
    assert set(np.unique(drawn["values"])) == {-1.0, 1.0}
    step = np.arange(50)
    expected = 0.5 * drawn["values"].values[0][step // 5][:, drawn["patch"].values]
    assert np.array_equal(recording.rendered_drive[:50], expected)


def test_interrupt_is_an_error_of_its_own():
    assert issubclass(Interrupted, KeyboardInterrupt)
    assert Interrupted("x").exit_code == 130


def test_faults_of_the_whole_come_all_at_once_with_their_lines(protocol):
    with pytest.raises(ProtocolError) as caught:
        cw.prepare(protocol.with_changes({
            "run.duration": "300.5 ms", "record.variables": ["h", "g"],
            "stimuli.0.into": "retina", "model.couplings.lateral.kernel.radius": "9 mm",
        }))  # fmt: skip
    places = [fault.place for fault in caught.value.faults]
    assert {"run.duration", "record.variables.1", "stimuli.0.into",
            "model.couplings.lateral"} <= set(places)  # fmt: skip
    assert all(fault.line for fault in caught.value.faults)


def test_white_noise_at_places_drives_them_and_nothing_else(engine):
    protocol = cw.load_protocol(ROOT / "protocols" / "white_noise.yaml")
    short = protocol.with_changes(
        {"run.duration": "200 ms", "record.variables": ["h", "drive"]}
    )
    recording = cw.simulate(short, backend=engine)
    drawn = cw.drive(recording)
    patch = drawn["patch"].values
    assert patch[0, 0] == 0 and (patch[0, 1:] == -1).all()
    assert (recording.rendered_drive[:, 0, 1:] == 0).all()
    expected = np.repeat(0.5 * drawn["values"].values[0, :, 0], 5)  # a frame per 4 ms
    assert np.allclose(recording.rendered_drive[:50, 0, 0], expected)


def test_the_recording_keeps_the_hash_of_every_file_it_was_fed_from(tmp_path):
    import hashlib
    import json

    recording = cw.simulate(cw.load_protocol(ROOT / "protocols" / "lesion.yaml"))
    file = "files/cut_with_a_gap.npy"
    digest = hashlib.sha256((ROOT / "protocols" / file).read_bytes()).hexdigest()
    assert json.loads(recording.attrs["files"]) == {file: digest}
