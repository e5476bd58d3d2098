"""From a protocol to a recording: in memory, or streamed to a file that survives.

`simulate` returns the recording, `run` writes it, `resume` goes on after a kill.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.backends import backend as backend_module
from cortexwave.backends.problem import Block, Problem, State
from cortexwave.errors import InputError, Interrupted, NotFiniteError, RecordingError
from cortexwave.lab.importing import REQUEST, resuming_import
from cortexwave.labels import attributes, files_of, labelled
from cortexwave.preparation import layout_of, prepare
from cortexwave.protocol.document import Protocol, parse_protocol
from cortexwave.provenance import sha256_of
from cortexwave.recording.checkpoint import load_checkpoint, save_checkpoint
from cortexwave.recording.progress import Progress
from cortexwave.recording.reader import open_recording, read_protocol
from cortexwave.recording.writer import RecordingWriter
from cortexwave.stopping import stop_on_interrupt

CHECKPOINT_EVERY = 2.0  # s between checkpoints, at least
LARGEST_IN_MEMORY = 8 * 2**30  # bytes that `simulate` may return


def simulate(
    protocol: Protocol, *, backend: str | None = None, device: str | None = None
) -> xr.Dataset:
    """The recording of a protocol, in memory.

    Fields have dims (trial, time, feature, y, x), trial and feature only where
    there are several. `backend` and `device` override the protocol's.
    """
    problem = prepare(protocol)
    layout = layout_of(problem, protocol)
    names = _stored(problem, {name: name for name in problem.record})
    shape = (problem.trials, problem.frames, *problem.lattice.field_shape)
    size = (
        len(names) * int(np.prod(shape, dtype=object)) * np.dtype(layout.dtype).itemsize
    )
    if size > LARGEST_IN_MEMORY:
        raise InputError(
            f"the recording has {size / 2**30:.1f} GiB; stream it to a file with "
            "cortexwave.run, or record fewer frames"
        )
    values = {name: np.empty(shape, dtype=layout.dtype) for name in names}
    engine, place = _engine(protocol, backend, device)
    largest = float(np.finfo(layout.dtype).max)
    for block in _finite(problem, engine(problem, None, place), largest):
        for name, frames in _stored(problem, block.frames).items():
            last = block.first + len(frames)
            values[name][block.trial, block.first : last] = frames
    return labelled(values, layout, attributes(protocol, problem, backend, device),
                     problem)  # fmt: skip


def run(
    protocol: Protocol, path: str | Path, *, backend: str | None = None,
    device: str | None = None, overwrite: bool = False,
) -> Path:  # fmt: skip
    """Simulate and stream the recording to `path`; returns it.

    While it runs the file is `path.part`, from which `resume` goes on after a kill.
    Raises `NotFiniteError`, `DiskFullError`, `Interrupted` with the valid part kept.
    """
    for _ in running(protocol, path, backend=backend, device=device,
                     overwrite=overwrite):  # fmt: skip
        pass
    return Path(path)


def running(
    protocol: Protocol, path: str | Path, *, backend: str | None = None,
    device: str | None = None, overwrite: bool = False,
) -> Iterator[Progress]:  # fmt: skip
    """`run`, told block by block."""
    problem = prepare(protocol)
    engine, place = _engine(protocol, backend, device)
    blocks = engine(problem, None, place)  # may refuse: before there is a file
    writer = RecordingWriter(
        path, layout_of(problem, protocol),
        attributes=attributes(protocol, problem, backend, device),
        protocol=protocol.text, protocol_resolved=protocol.resolved(),
        events=problem.drive.events(), drive=problem.drive.drawn, overwrite=overwrite,
    )  # fmt: skip
    return _streamed(problem, blocks, writer, Path(path))


def resume(part: str | Path) -> Path:
    """Go on with a run or an import that was killed or interrupted; its finished file.

    The data are identical to those of the uninterrupted run.
    """
    for _ in resuming(part):
        pass
    return Path(str(part).removesuffix(".part"))


def resuming(part: str | Path) -> Iterator[Progress]:
    """`resume`, told block by block."""
    part = Path(part)
    if part.suffix != ".part":
        given = Path(f"{part}.part")
        if not given.exists():
            raise RecordingError(
                f"{part}: only an unfinished run (.part) can be resumed"
                + ("; this one is finished" if part.exists() else ", and there is none")
            )
        part = given
    with open_recording(part) as recording:
        attrs = dict(recording.attrs)
    if REQUEST in attrs:
        return resuming_import(part)
    text = read_protocol(part)
    protocol = parse_protocol(text, file=str(attrs.get("protocol_file", "<text>")))
    protocol = _with_run(protocol, dtype=str(attrs["dtype"]))
    _check_files(protocol, part, str(attrs.get("files", "{}")))
    problem = prepare(protocol)
    start = _load_state(part, problem, sha256_of(text))
    valid = 0
    if start is not None:
        valid = start.trial * problem.frames + start.step // problem.every + 1
    engine, place = _engine(protocol, str(attrs["backend"]), str(attrs["device"]))
    blocks = engine(problem, start, place)
    writer = RecordingWriter.resume(part, n_valid=valid)
    return _streamed(problem, blocks, writer, Path(str(part).removesuffix(".part")))


def _check_files(protocol: Protocol, part: Path, recorded: str) -> None:
    """Raise `RecordingError` if a file that the run was fed from is another now."""
    now = files_of(protocol)
    for path, digest in json.loads(recorded).items():
        if now.get(path) != digest:
            raise RecordingError(
                f"{part}: {path} has changed since the run began; put the old file "
                "back, or `cortexwave recover` what is there"
            )


def _with_run(protocol: Protocol, *, dtype: str) -> Protocol:
    if protocol.run.dtype == dtype:
        return protocol
    return protocol.with_changes({"run.dtype": dtype})


def _engine(protocol: Protocol, backend: str | None, device: str | None) -> Any:
    """The engine's `blocks` with the device it takes, and that device."""
    name = backend or protocol.run.backend
    place = device or protocol.run.device
    module = backend_module(name)
    if name == "torch":
        return (
            lambda problem, start, where: module.blocks(problem, start, device=where)
        ), place
    if place != "cpu":
        raise InputError(f"the engine '{name}' runs on the CPU, not on '{place}'")
    if protocol.run.dtype != "float64":
        raise InputError(
            f"the engine '{name}' computes in float64 only, not in "
            f"{protocol.run.dtype}; take run.dtype: float64, or the engine 'torch'"
        )
    if protocol.run.noise != "shared":
        raise InputError(
            f"the engine '{name}' has no noise of its own (run.noise: engine); take "
            "run.noise: shared, or the engine 'torch'"
        )
    return (lambda problem, start, where: module.blocks(problem, start)), place


def _streamed(
    problem: Problem, blocks: Iterator[Block], writer: RecordingWriter, path: Path
) -> Iterator[Progress]:
    """Write blocks as they come, with a checkpoint now and then; finish the file."""
    part = Path(f"{path}.part")
    total = problem.frames * problem.trials
    digest = sha256_of(read_protocol(part))
    saved, begun = time.monotonic(), writer.n_valid
    largest = float(np.finfo(writer.layout.dtype).max)
    with writer, stop_on_interrupt() as stopped:
        for block in _refused(part, begun, _finite(problem, blocks, largest, writer)):
            writer.append(block.trial, block.first, _stored(problem, block.frames))
            done = writer.n_valid == total
            due = time.monotonic() - saved > CHECKPOINT_EVERY
            if (due or stopped.is_set()) and not done:
                _save_state(part, block.end, digest)
                saved = time.monotonic()
            if stopped.is_set() and not done:
                raise Interrupted(
                    f"stopped after {writer.n_valid} of {total} frames; {part} is "
                    f"valid: `cortexwave resume {part}` goes on, "
                    f"`cortexwave recover {part}` keeps what is there",
                    str(part),
                )
            yield Progress(writer.n_valid, total)
        writer.finish()


def _refused(part: Path, begun: int, blocks: Iterator[Block]) -> Iterator[Block]:
    """The blocks; if the engine refuses the problem at once, no file is left."""
    try:
        first = next(blocks, None)
    except InputError:
        if begun == 0:
            part.unlink(missing_ok=True)
        raise
    if first is not None:
        yield first
    yield from blocks


def _stored(problem: Problem, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names that they have in a recording."""
    return {problem.spec.stored_name(name): value for name, value in values.items()}


def _finite(
    problem: Problem,
    blocks: Iterator[Block],
    largest: float,
    writer: RecordingWriter | None = None,
) -> Iterator[Block]:
    """The blocks, as long as every number in them is finite and can be stored.

    At the first that is not, the frames before it are kept and the run ends.
    """
    while True:
        with np.errstate(over="ignore", invalid="ignore"):  # answered below, once
            block = next(blocks, None)
        if block is None:
            return
        bad = _first_not_finite(problem, block, largest)
        if bad is not None:
            kept, message = bad
            if writer is not None and kept:
                frames = {name: values[:kept] for name, values in block.frames.items()}
                writer.append(block.trial, block.first, _stored(problem, frames))
            left = f"; the {writer.n_valid} frames before are kept" if writer else ""
            hint = "a smaller dt or weaker coupling may be needed"
            raise NotFiniteError(f"{message}{left}; {hint}")
        yield block


def _first_not_finite(
    problem: Problem, block: Block, largest: float
) -> tuple[int, str] | None:
    """How many frames are finite throughout, and what is wrong with the next."""
    count = min(len(values) for values in block.frames.values())
    first, name = count, ""
    place: tuple[int, ...] = ()
    for field, values in block.frames.items():
        # extremes first: they need no copy of the block; NaN makes both NaN
        if not (float(values.min()) >= -largest and float(values.max()) <= largest):
            where = np.argwhere(~(np.abs(values[:first]) <= largest))
            if len(where):
                first, name = int(where[0][0]), field
                place = tuple(int(i) for i in where[0][1:])
    if name:
        time = (block.first + first) * problem.every * problem.dt
        value = float(block.frames[name][(first, *place)])
        fault = "is not a finite number"
        if np.isfinite(value):
            fault = (f"is {value:.3g}, too large to be stored "
                     "(record.dtype: float64 can),")  # fmt: skip
        return first, _at(problem, name, fault, time, place, block.trial)
    for state, values in block.end.states.items():
        if not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            time, fault = block.end.step * problem.dt, "is not a finite number"
            return 0, _at(problem, state, fault, time, place, block.trial)
    return None


def _at(
    problem: Problem, name: str, fault: str, time: float, place: tuple[int, ...],
    trial: int,
) -> str:  # fmt: skip
    feature, y, x = place
    extra = f", feature {feature}" if problem.lattice.features > 1 else ""
    extra += f", trial {trial}" if problem.trials > 1 else ""
    return f"'{name}' {fault} at {1e3 * time:g} ms, site (y {y}, x {x}){extra}"


def _save_state(part: Path, state: State, digest: str) -> None:
    arrays = {f"states/{name}": values for name, values in state.states.items()}
    arrays |= {f"past/{name}": values for name, values in state.past.items()}
    save_checkpoint(part, arrays, {"trial": state.trial, "step": state.step,
                                   "protocol_sha256": digest})  # fmt: skip


def _load_state(part: Path, problem: Problem, digest: str) -> State | None:
    """The state of the last checkpoint; None where there is none: begin anew."""
    if not Path(f"{part}.ckpt").exists():
        return None
    arrays, attrs = load_checkpoint(part)
    if attrs.get("protocol_sha256") != digest:
        raise RecordingError(f"{part}.ckpt belongs to a run of another protocol")
    groups: dict[str, dict[str, np.ndarray]] = {"states": {}, "past": {}}
    for key, values in arrays.items():
        group, _, name = key.partition("/")
        groups[group][name] = values
    expected = set(problem.spec.states), {lateral.name for lateral in problem.couplings}
    if (set(groups["states"]), set(groups["past"])) != expected:
        raise RecordingError(f"{part}.ckpt does not hold the states of this model")
    return State(
        int(attrs["trial"]), int(attrs["step"]), groups["states"], groups["past"]
    )
