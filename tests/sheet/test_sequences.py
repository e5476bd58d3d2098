"""Sequences: the drive of each step is values times map, from files read by part."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

import cortexwave as cw
from cortexwave.errors import ProtocolError, RecordingError, RunError
from cortexwave.sheet import sequences
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.sequences import ArrayFile, VectorSequence
from cortexwave.sheet.trials import Trials

SHEET = Lattice((4, 5), 0.1, features=2)
RING = Lattice((1, 7), 0.1)
DT = 1e-3
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(3, 6, 4))  # (trial, time, input)
MAP = RNG.normal(size=(4, 2, 4, 5))  # (input, feature, y, x)


def stored(folder, kind, values=VALUES, weights=MAP):
    """The two arrays in files, and where a document says they are."""
    if kind == "h5":
        (folder / "a.h5").unlink(missing_ok=True)  # it may be open to read
        with h5py.File(folder / "a.h5", "w") as file:
            file.create_dataset("values", data=values, compression="gzip")
            file["V"] = weights
        return {"values": ArrayFile(path="a.h5", dataset="values"),
                "map": ArrayFile(path="a.h5", dataset="V")}  # fmt: skip
    order = np.asfortranarray if kind == "fortran" else np.ascontiguousarray
    np.save(folder / "x.npy", order(values))
    np.save(folder / "V.npy", weights)
    return {"values": ArrayFile(path="x.npy"), "map": ArrayFile(path="V.npy")}


def rendered(stimulus, folder, lattice=SHEET, steps=20, **trials):
    return render_drive(
        [stimulus], Trials(**trials), lattice=lattice, dt=DT, steps=steps,
        inputs={"drive": "1"}, seed=1, folder=folder,
    )  # fmt: skip


def first_fault(stimulus, folder, lattice=SHEET, **trials):
    _, faults = rendered(stimulus, folder, lattice, **trials)
    assert len(faults) == 1
    return faults[0].message


def shown(drive, trial, steps):
    """The drive of a trial, (step, feature, y, x); 0 where there is none."""
    course = drive.trial(trial)
    samples = [course.at("drive", step) for step in range(steps)]
    return np.stack([np.zeros(SHEET.field_shape) if s is None else s for s in samples])


@pytest.mark.parametrize("kind", ["npy", "fortran", "h5"])
@pytest.mark.parametrize("stretch", [2**20, 8])  # 8 values: 2 vectors at a time
def test_each_step_shows_its_vector_times_the_map(tmp_path, kind, stretch, monkeypatch):
    monkeypatch.setattr(sequences, "_STRETCH", stretch)
    sequence = VectorSequence(**stored(tmp_path, kind), step=2 * DT, onset=3 * DT,
                              amplitude=2, features=[1, -3])  # fmt: skip
    drive, faults = rendered(sequence, tmp_path, count=3)
    assert not faults
    weighted = 2 * np.array([1, -3])[:, None, None] * MAP
    for trial in range(3):
        expected = np.zeros((20, *SHEET.field_shape))
        # each of 6 vectors for 2 steps from step 3 on, by the formula
        patterns = np.einsum("ti,ifyx->tfyx", VALUES[trial], weighted)
        expected[3:15] = np.repeat(patterns, 2, axis=0)
        # the same products in another order of summation
        assert np.abs(shown(drive, trial, 20) - expected).max() < 1e-13


def test_a_vector_that_is_held_is_the_same_array(tmp_path):
    drive, _ = rendered(
        VectorSequence(**stored(tmp_path, "npy"), step=3 * DT), tmp_path
    )
    course = drive.trial(0)
    assert course.at("drive", 3) is course.at("drive", 5)
    assert course.at("drive", 5) is not course.at("drive", 6)


def test_one_sequence_is_shown_in_every_trial(tmp_path):
    given = stored(tmp_path, "npy", VALUES[0])
    drive, _ = rendered(VectorSequence(**given, step=DT), tmp_path, count=4)
    expected = np.einsum("ti,ifyx->tfyx", VALUES[0], MAP)
    assert np.abs(shown(drive, 3, 6) - expected).max() < 1e-13
    assert drive.events()["item"].values.tolist() == ["0"] * 4


def test_continuous_trials_follow_one_another(tmp_path):
    sequence = VectorSequence(**stored(tmp_path, "h5"), step=DT, onset=DT)
    drive, _ = rendered(sequence, tmp_path, steps=10, count=3, mode="continuous")
    patterns = np.einsum("rti,ifyx->rtfyx", VALUES, MAP)
    expected = np.zeros((3, 10, *SHEET.field_shape))
    expected[:, 1:7] = patterns
    expected = expected.reshape(30, *SHEET.field_shape)
    assert np.abs(shown(drive, 0, 30) - expected).max() < 1e-13


@pytest.mark.parametrize("jitter", [0.0, 5e-3])
def test_every_trial_has_its_row_of_events(tmp_path, jitter):
    sequence = VectorSequence(**stored(tmp_path, "npy"), step=2 * DT, onset=3 * DT,
                              name="digits")  # fmt: skip
    drive, _ = rendered(sequence, tmp_path, count=3, jitter=jitter)
    events = drive.events()
    assert events["kind"].values.tolist() == ["sequence"] * 3
    assert events["stimulus"].values.tolist() == ["digits"] * 3
    assert events["item"].values.tolist() == ["0", "1", "2"]
    assert events["trial"].values.tolist() == [0, 1, 2]
    assert events["duration"].values == pytest.approx([12 * DT] * 3)
    assert np.all((events["onset"] >= 3 * DT) & (events["onset"] <= 3 * DT + jitter))


def test_an_onset_between_two_steps_loses_no_vector(tmp_path):
    sequence = VectorSequence(**stored(tmp_path, "npy"), step=DT, onset=2.5 * DT)
    drive, _ = rendered(sequence, tmp_path)
    patterns = np.einsum("ti,ifyx->tfyx", VALUES[0], MAP)
    assert np.abs(shown(drive, 0, 20)[3:9] - patterns).max() < 1e-13


@pytest.mark.parametrize(
    "lattice, shape",
    [(SHEET, (4, 4, 5)), (RING, (4, 1, 7)), (RING, (4, 7)), (RING, (4, 1, 1, 7))],
)
def test_a_map_without_features_is_for_all_of_them(tmp_path, lattice, shape):
    weights = RNG.normal(size=shape)
    given = stored(tmp_path, "npy", weights=weights)
    drive, faults = rendered(VectorSequence(**given, step=DT), tmp_path, lattice)
    assert not faults
    pattern = np.tensordot(VALUES[0, 2], weights, axes=1).reshape(lattice.shape)
    sample = drive.trial(0).at("drive", 2)
    expected = np.broadcast_to(pattern, lattice.field_shape)
    assert sample.shape == lattice.field_shape
    assert np.abs(sample - expected).max() < 1e-13


def test_fewer_sequences_than_trials_is_a_fault(tmp_path):
    message = first_fault(
        VectorSequence(**stored(tmp_path, "npy"), step=DT), tmp_path, count=4
    )
    assert "x.npy: its shape is (3, 6, 4), 3 sequences; trial 3 has none" in message


@pytest.mark.parametrize("shape", [(6, 3), (3, 6, 5), (6,), (2, 3, 6, 4)])
def test_values_of_another_shape_name_file_given_and_due(tmp_path, shape):
    given = stored(tmp_path, "npy", values=np.ones(shape))
    message = first_fault(VectorSequence(**given, step=DT), tmp_path)
    assert f"x.npy: its shape is {shape}" in message
    assert "(time, input) or (trial, time, input) of 4 inputs" in message
    assert "map V.npy" in message


@pytest.mark.parametrize(
    "lattice, shape, due",
    [(SHEET, (4, 2, 5, 4), "(input, feature, y, x) with 2, 4, 5"),
     (SHEET, (4, 5), "(input, y, x) with 4, 5"), (RING, (4, 8), "(input, x) with 7"),
     (SHEET, (4,), "(input, y, x)")],
)  # fmt: skip
def test_a_map_of_another_shape_names_file_given_and_due(tmp_path, lattice, shape, due):
    given = stored(tmp_path, "npy", weights=np.ones(shape))
    message = first_fault(VectorSequence(**given, step=DT), tmp_path, lattice)
    assert f"V.npy: its shape is {shape}" in message
    assert due in message


@pytest.mark.parametrize("kind", ["npy", "h5"])
def test_a_value_that_is_not_finite_is_a_fault_before_the_run(
    tmp_path, kind, monkeypatch
):
    monkeypatch.setattr(sequences, "_STRETCH", 8)
    values = VALUES.copy()
    values[2, 5, 1] = np.nan
    given = stored(tmp_path, kind, values)
    sequence = VectorSequence(**given, step=DT)
    assert "the value at (2, 5, 1) is not finite" in first_fault(
        sequence, tmp_path, count=3
    )
    _, faults = rendered(sequence, tmp_path, count=2)  # it is never shown
    assert not faults
    given = stored(tmp_path, kind, values[2])
    assert "the value at (5, 1) is not finite" in first_fault(
        VectorSequence(**given, step=DT), tmp_path
    )


def test_a_map_that_is_not_finite_names_its_file(tmp_path):
    weights = MAP.copy()
    weights[1, 0, 2, 3] = np.inf
    given = stored(tmp_path, "npy", weights=weights)
    message = first_fault(VectorSequence(**given, step=DT), tmp_path)
    assert "V.npy: 1 values are not finite, the first at (1, 0, 2, 3)" in message


def test_a_drive_that_overflows_stops_the_run(tmp_path):
    given = stored(tmp_path, "npy", 1e200 * np.ones((6, 4)), 1e200 * np.ones_like(MAP))
    drive, faults = rendered(VectorSequence(**given, step=DT), tmp_path)
    assert not faults
    with pytest.raises(RunError, match="values that are not finite"):
        drive.trial(0).at("drive", 0)


def test_a_file_that_shrinks_during_the_run_stops_it(tmp_path):
    given = stored(tmp_path, "npy")
    drive, _ = rendered(VectorSequence(**given, step=DT), tmp_path, count=3)
    np.save(tmp_path / "x.npy", VALUES[:1])
    with pytest.raises(RunError, match=r"x\.npy: it cannot be read"):
        drive.trial(1).at("drive", 0)


def test_a_truncated_file_is_a_fault_before_the_run(tmp_path):
    given = stored(tmp_path, "npy")
    raw = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(raw[: len(raw) // 2])
    message = first_fault(VectorSequence(**given, step=DT), tmp_path)
    assert "x.npy: its header claims" in message


@pytest.mark.parametrize("step", [1.5 * DT, 0.2 * DT])
def test_a_step_between_steps_of_the_run_names_the_nearest(tmp_path, step):
    sequence = VectorSequence(**stored(tmp_path, "npy"), step=step, name="words")
    message = first_fault(sequence, tmp_path)
    assert f"step of 'words' is {1e3 * step:g} ms, no multiple of dt = 1 ms" in message


def test_a_sequence_longer_than_the_trial_is_warned_of_once(tmp_path):
    sequence = VectorSequence(**stored(tmp_path, "npy"), step=DT, onset=16 * DT)
    with pytest.warns(UserWarning, match="the rest is not shown") as caught:
        drive, faults = rendered(sequence, tmp_path, count=3)
    assert len(caught) == 1 and not faults
    assert drive.events()["duration"].values == pytest.approx([4 * DT] * 3)


def test_a_sequence_as_long_as_the_trial_is_not_warned_of(tmp_path):
    # 6 vectors of 0.7 ms: a sum that binary fractions do not hold exactly
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, faults = render_drive(
            [VectorSequence(**stored(tmp_path, "npy"), step=0.7e-3)], Trials(),
            lattice=SHEET, dt=0.1e-3, steps=42, inputs={"drive": "1"}, seed=0,
            folder=tmp_path,
        )  # fmt: skip
    assert not faults


TEXT = """
cortexwave: 1
kind: simulation
title: "Vectors on a sheet"
sheet: {shape: [4, 5], spacing: 0.1 mm, features: 2}
model:
  name: leaky_rate
  parameters: {tau: 4 ms}
  couplings: {lateral: {kernel: {kind: shift, velocity: 0.5}}}
stimuli:
  - kind: sequence
    values: {path: a.h5, dataset: values}
    map: {path: a.h5, dataset: V}
    step: 20 ms
    onset: 2 ms
    amplitude: 0.5
trials: {count: 3, mode: MODE}
run: {duration: 140 ms, dt: 2 ms}
record: {variables: [h, drive], dtype: float64}
"""


def written(folder, mode="independent"):
    stored(folder, "h5")
    path = folder / "p.yaml"
    path.write_text(TEXT.replace("MODE", mode))
    return path


@pytest.mark.parametrize("mode", ["independent", "continuous"])
def test_every_engine_shows_the_same(tmp_path, engine, mode):
    recording = cw.simulate(cw.load_protocol(written(tmp_path, mode)), backend=engine)
    patterns = np.einsum("rti,ifyx->rtfyx", 0.5 * VALUES, MAP)
    trials = np.zeros((3, 70, 2, 4, 5))
    trials[:, 1:61] = np.repeat(patterns, 10, axis=1)
    drive = recording["rendered_drive"].values
    given = drive[:, :-1] if mode == "independent" else drive[:-1]
    assert np.abs(given.reshape(trials.shape) - trials).max() < 1e-13


def test_a_run_that_was_cut_goes_on_identically(tmp_path, engine, monkeypatch):
    from cortexwave import simulation

    monkeypatch.setattr(simulation, "CHECKPOINT_EVERY", 0.0)
    protocol = cw.load_protocol(written(tmp_path))
    whole = cw.run(protocol, tmp_path / "whole.h5", backend=engine)
    running = simulation.running(protocol, tmp_path / "cut.h5", backend=engine)
    next(running), next(running)  # the first trial is longer than a block
    running.close()
    cut = cw.resume(tmp_path / "cut.h5.part")
    with cw.open_recording(whole) as a, cw.open_recording(cut) as b:
        assert np.array_equal(a.h, b.h)


def test_values_that_changed_since_are_not_gone_on_with(tmp_path, monkeypatch):
    from cortexwave import simulation

    monkeypatch.setattr(simulation, "CHECKPOINT_EVERY", 0.0)
    protocol = cw.load_protocol(written(tmp_path))
    running = simulation.running(protocol, tmp_path / "cut.h5", backend="reference")
    next(running)
    running.close()
    stored(tmp_path, "h5", 2 * VALUES)
    with pytest.raises(RecordingError, match=r"a\.h5 has changed since"):
        cw.resume(tmp_path / "cut.h5.part")


def test_a_fault_stands_with_its_line(tmp_path):
    path = written(tmp_path)
    stored(tmp_path, "h5", VALUES[:2])
    with pytest.raises(ProtocolError, match=r"p\.yaml:11: stimuli\.0: .*a\.h5: its"):
        cw.prepare(cw.load_protocol(path))


MEMORY = """
import resource, sys
from pathlib import Path
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.sequences import ArrayFile, VectorSequence
from cortexwave.sheet.trials import Trials
folder, shape = Path(sys.argv[1]), tuple(map(int, sys.argv[2].split(",")))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
sequence = VectorSequence(values=ArrayFile(path="x.npy"), map=ArrayFile(path="V.npy"),
                          step=1e-3)
drive, faults = render_drive(
    [sequence], Trials(count=shape[0]), lattice=Lattice((1, 8), 0.1), dt=1e-3,
    steps=shape[1], inputs={"drive": "1"}, seed=0, folder=folder)
assert not faults, faults
for trial in range(shape[0]):
    course = drive.trial(trial)
    for step in range(0, shape[1], 4000):
        assert not course.at("drive", step).any()
print(peak() - before)
"""


@pytest.mark.parametrize("shape", [(2, 32_000, 1024), (1000, 64, 1024)])
def test_a_file_of_half_a_gigabyte_is_read_in_little_memory(tmp_path, shape):
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "f8", shape)
    del file  # sparse: its zeros take no disk
    np.save(tmp_path / "V.npy", np.ones((1024, 8)))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path), ",".join(map(str, shape))],
        text=True, capture_output=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # KiB; the file is 512,000 KiB, a stretch 8,000, and a few of its size are made
    # on the way (read, checked)
    assert int(done.stdout) < 60 * 1024
