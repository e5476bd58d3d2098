"""A recording analysed from end to end: block by block, in bounded memory, to a file.

Each block is read with what the filter needs on either side, so that where it is cut
does not show. Of each block come the measures of its frames, its events with those of
its surrogates, and its sums for each site; net lags and the spectrum are read piece by
piece from the recording as it is, unfiltered.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.analysis.aliasing import check_sampling
from cortexwave.analysis.analyses import Analysis, open_waves, write_csv
from cortexwave.analysis.electrode_lattice import on_lattice
from cortexwave.analysis.event_table import Found, events_table
from cortexwave.analysis.events import SEGMENT, check_count, seed_of, segment_events
from cortexwave.analysis.filters import blocks
from cortexwave.analysis.frame_sums import FrameSums
from cortexwave.analysis.measures import MEASURES, measure
from cortexwave.analysis.reduced import reduced
from cortexwave.analysis.shown_frames import shown_frames
from cortexwave.analysis.sites import Sites, picked, sampling_rate, sites_of
from cortexwave.analysis.unfiltered_tables import Made, lags_table, spectra_tables
from cortexwave.analysis.verdict import Material, Verdict, verdict
from cortexwave.analysis.wave_blocks import Wanted, block_size
from cortexwave.analysis.wave_fields import PhaseMethod
from cortexwave.analysis.wave_file import WaveFileWriter
from cortexwave.errors import InputError
from cortexwave.recording.reader import open_recording

MEMORY = 4 * 2**30  # bytes
_UNUSED = ("rotation_correlation",)  # degenerate on a full turn: on request only


@dataclass(frozen=True)
class Progress:
    """Frames that are analysed, of how many, and what is being done."""

    done: int
    total: int
    stage: str


def analyse(
    recording: xr.Dataset | str | Path,
    output: str | Path,
    *,
    band: tuple[float, float],
    seed: int = 0,
    variable: str | None = None,
    method: PhaseMethod = "generalized",
    order: int = 4,
    measures: Sequence[str] | None = None,
    count: int = 99,
    alpha: float = 0.05,
    wavelength: float | None = None,
    memory: int = MEMORY,
    overwrite: bool = False,
) -> Analysis:
    """A recording's waves in a band (Hz): measures, events and verdict, in a file.

    `recording`: one in memory, opened, or the path of one. Electrodes that stand on a
    lattice are laid on it. `measures`: names of `MEASURES` per frame, None for all that
    the sites allow. `count` surrogates for events and `alpha` as in `find_waves`.
    `wavelength` (mm): the shortest of waves that are known, as of a model; sites too
    coarse for it are refused.

    `memory` in bytes bounds what stands in memory at a time, however long the recording
    is. Beside it stand the clock (8 bytes a frame) and the minute that surrogates are
    made of, as p would else depend on the memory: 16 MiB, and 130 bytes for each site
    (256 at most) and frame (4 to 8 per cycle of the band's upper end). Net lags, the
    spectrum and its ridge are the same for any `memory`, phases where they are cut as
    near as `filters.margin_seconds` says.
    """
    steps = analysing(
        recording, output, band=band, seed=seed, variable=variable, method=method,
        order=order, measures=measures, count=count, alpha=alpha,
        wavelength=wavelength, memory=memory, overwrite=overwrite,
    )  # fmt: skip
    for _ in steps:
        pass
    return open_waves(output)


def analysing(
    recording: xr.Dataset | str | Path,
    output: str | Path,
    *,
    band: tuple[float, float],
    seed: int,
    variable: str | None,
    method: PhaseMethod,
    order: int,
    measures: Sequence[str] | None,
    count: int,
    alpha: float,
    wavelength: float | None,
    memory: int,
    overwrite: bool,
) -> Generator[Progress, None, Path]:
    """The steps of `analyse`; returns the path of the file."""
    check_count(count, alpha, seed)
    if not isinstance(recording, xr.Dataset | str | Path):
        raise InputError(
            f"the recording is a {type(recording).__name__}; give a Dataset (of a "
            "DataArray: .to_dataset(name=...)) or the path of a recording"
        )
    if isinstance(recording, xr.Dataset):
        return (yield from _steps(recording, output, Wanted(
            band, seed, variable, method, order, measures, count, alpha, wavelength,
            memory), overwrite))  # fmt: skip
    with open_recording(recording) as opened:
        named = opened.assign_attrs(source=Path(recording).name)
        return (yield from _steps(named, output, Wanted(
            band, seed, variable, method, order, measures, count, alpha, wavelength,
            memory), overwrite))  # fmt: skip


def _steps(
    recording: xr.Dataset, output: str | Path, wanted: Wanted, overwrite: bool
) -> Generator[Progress, None, Path]:
    recording, laid = _laid(recording, wanted.variable)
    values = picked(recording, wanted.variable)
    rate, sites = sampling_rate(values), sites_of(values)
    frames = values.sizes["time"]
    names = _measures(wanted.measures, sites)
    size, margin = block_size(values, sites, rate, wanted)
    origin = {
        name: recording.attrs[name]
        for name in ("source", "origin", "title", "run_id", "reference")
        if isinstance(recording.attrs.get(name), str)
    }
    told = {
        "analysed": str(values.name), "band": [float(f) for f in wanted.band],
        "phase_method": wanted.method, "order": wanted.order, "seed": wanted.seed,
        "count": wanted.count, "alpha": wanted.alpha, "laid_on_lattice": int(laid),
        "sampling_rate": rate,
    }  # fmt: skip
    of_recording = {f"recording_{name}": text for name, text in origin.items()}
    with WaveFileWriter(
        output, attributes={**told, **of_recording}, overwrite=overwrite
    ) as file:
        sums = FrameSums(Found.nothing(wanted.count))
        for read, keep in blocks(frames, size=size, margin=margin):
            first, stop = read.start + keep.start, read.start + keep.stop
            yield Progress(first, frames, "waves")
            # the block is gone before surrogates are made: they need the memory
            like = _measured(
                wanted.field(recording, read, keep), file, sums, wanted, names, first
            )
            # of one length whatever the memory: p depends on it
            for segment in sums.segments(SEGMENT, last=stop == frames):
                key = seed_of(wanted.seed, sums.tested)
                sums.add_events(segment_events(
                    segment, seed=key, count=wanted.count, shortest=None
                ))  # fmt: skip
                yield Progress(stop, frames, "waves")
        events = events_table(
            sums.found, alpha=wanted.alpha, field=like, seed=wanted.seed
        )
        file.write("events", events)
        file.write("sites", sums.means(like))
        yield Progress(frames, frames, "net lags")
        tables = {"lags": lags_table(recording, wanted)}
        yield Progress(frames, frames, "spectrum")
        tables |= spectra_tables(recording, values, sites, rate, wanted)
        for name, made in tables.items():
            if made.table is not None:
                file.write(name, made.table)
        maps = shown_frames(recording, events, wanted.field, margin=margin)
        file.write("maps", maps)
        judged = _judged(sums, sites, values, rate, wanted, events, tables["lags"])
        path = file.finish(
            word=judged.word, verdict=str(judged), sentence=judged.sentence,
            reasons=json.dumps(judged.reasons), cautions=json.dumps(judged.cautions),
            missing=json.dumps({k: each.why for k, each in tables.items() if each.why}),
        )  # fmt: skip
    write_csv(events, path.with_suffix(".csv"))
    yield Progress(frames, frames, "done")
    return path


def _measured(
    part: xr.Dataset, file: WaveFileWriter, sums: FrameSums, wanted: Wanted,
    names: list[str], first: int,
) -> xr.Dataset:  # fmt: skip
    """A frame of a block, whose frames go to the file and to the sums."""
    sums.copies = max(sums.copies, int(part.attrs["copies"]))
    if first == 0:
        sums.aliasing = _aliasing(part, wanted)
    table = measure(part, names)
    file.append(table)
    if "wavelength" in table:
        known = np.asarray(table["wavelength"].values).ravel()[::8]
        sums.wavelengths.append(known[np.isfinite(known)])
    valid = np.asarray(part["valid"].values, dtype=bool)
    good = part if valid.all() else part.isel(time=valid)
    sums.seconds += good.sizes["time"] / float(part.attrs["sampling_rate"])
    sums.add(good)
    sums.keep(reduced(part, first=first))
    return part.isel(time=slice(0, 1)).copy(deep=True)


def _laid(recording: xr.Dataset, variable: str | None) -> tuple[xr.Dataset, bool]:
    """Electrodes on their lattice where they stand on one, and whether they did."""
    if "channel" not in picked(recording, variable).dims:
        return recording, False
    sites_of(picked(recording, variable))  # faults of positions are told first
    try:
        return on_lattice(recording, variable), True
    except InputError:
        return recording, False  # scattered, and measured as they are


def _measures(names: Sequence[str] | None, sites: Sites) -> list[str]:
    if names is not None:
        of_trials = [n for n in names if n in MEASURES and MEASURES[n].per == "trial"]
        if of_trials:
            raise InputError(
                f"{', '.join(of_trials)}: taken of whole trials, not frame by frame; "
                "`measure` gives them of a wave field"
            )
        return list(names)
    return [
        name for name, each in MEASURES.items()
        if each.per == "frame" and name not in _UNUSED
        and not (each.needs_lattice and sites.shape is None)
    ]  # fmt: skip


def _aliasing(part: xr.Dataset, wanted: Wanted) -> str:
    """What a check of the sampling in space says; a caution, or nothing."""
    checked = check_sampling(part, wavelength=wanted.wavelength)
    return "" if checked.verdict == "sampled" else checked.report


def _judged(
    sums: FrameSums, sites: Sites, values: xr.DataArray, rate: float, wanted: Wanted,
    events: xr.Dataset, lags: Made,
) -> Verdict:  # fmt: skip
    lengths = np.concatenate(sums.wavelengths) if sums.wavelengths else np.zeros(0)
    material = Material(
        sites=sums.live_sites(),
        extent=float(np.ptp(sites.positions, axis=0).max() + sites.pitch),
        seconds=sums.seconds * values.sizes.get("trial", 1), rate=rate,
        band=wanted.band, copies=sums.copies,
        wavelength=float(np.median(lengths)) if lengths.size else float("nan"),
    )  # fmt: skip
    untested = f"net lags could not be tested ({lags.why})" if lags.why else ""
    return verdict(material, events, lags.table, lags_missing=untested,
                   aliasing=sums.aliasing)  # fmt: skip
