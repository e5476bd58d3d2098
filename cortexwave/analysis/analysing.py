"""A recording analysed from end to end: block by block, in bounded memory, to a file.

Each block is read with what the filter needs on either side, so that where it is cut
does not show. Of each block come the measures of its frames, its events with those of
its surrogates, and its sums for each site; net lags and the spectrum are read piece by
piece from the recording as it is, unfiltered.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.analysis.aliasing import check_sampling
from cortexwave.analysis.analyses import Analysis, open_waves, write_csv
from cortexwave.analysis.dispersion import dispersion
from cortexwave.analysis.event_table import Found, events_table
from cortexwave.analysis.events import check_count, seed_of, segment_events
from cortexwave.analysis.filters import blocks, margin_seconds
from cortexwave.analysis.frame_sums import FrameSums
from cortexwave.analysis.measures import MEASURES, measure
from cortexwave.analysis.net_lags import net_lags
from cortexwave.analysis.reduced import reduced
from cortexwave.analysis.shown_frames import shown_frames
from cortexwave.analysis.sites import (
    Sites,
    on_lattice,
    picked,
    sampling_rate,
    sites_of,
)
from cortexwave.analysis.verdict import Material, Verdict, verdict
from cortexwave.analysis.wave_fields import PhaseMethod, wave_field
from cortexwave.analysis.wave_file import WaveFileWriter
from cortexwave.analysis.wavenumber_spectrum import wavenumber_frequency
from cortexwave.errors import InputError
from cortexwave.recording.reader import open_recording

MEMORY = 4 * 2**30  # bytes
# Measured: arrays of a block's size that stand side by side at the worst moment.
_ARRAYS = 18
_SEGMENT = 60.0  # s that surrogates are made of, whatever the memory: p depends on it
_CYCLES = 8  # of the lowest frequency, in a stretch of the spectrum
_MOST_RIDGE_VALUES = 2**25  # of stretches, sites and frequencies; else no ridge
_RIDGE_BYTES = (
    32  # of each of them: its power and that of a surrogate, and sums of both
)
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
    coarse for it are refused. `memory` in bytes bounds what stands in memory at a time,
    however long the recording is. Beside it, events take some 16 MiB and 130 bytes for
    each site (256 at most) and frame (4 per cycle of the band's upper end) of the
    minute that is tested at a time, 140 MiB of 10 x 10 sites up to 40 Hz at the most:
    with less, what is found would depend on the memory. Net lags and the spectrum read
    pieces of 2^22 values, for which 140 MiB stand in memory, too.
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
        return (yield from _steps(recording, output, _Wanted(
            band, seed, variable, method, order, measures, count, alpha, wavelength,
            memory), overwrite))  # fmt: skip
    with open_recording(recording) as opened:
        named = opened.assign_attrs(source=Path(recording).name)
        return (yield from _steps(named, output, _Wanted(
            band, seed, variable, method, order, measures, count, alpha, wavelength,
            memory), overwrite))  # fmt: skip


@dataclass(frozen=True)
class _Wanted:
    band: tuple[float, float]
    seed: int
    variable: str | None
    method: PhaseMethod
    order: int
    measures: Sequence[str] | None
    count: int
    alpha: float
    wavelength: float | None
    memory: int

    def field(self, recording: xr.Dataset, read: slice, keep: slice) -> xr.Dataset:
        """The wave field of the frames to keep, of those to read."""
        frames = recording.sizes["time"]
        part = recording.isel(time=read)
        size = part.sizes["time"]
        margins = (keep.start if read.start > 0 else 0,
                   size - keep.stop if read.stop < frames else 0)  # fmt: skip
        with warnings.catch_warnings():  # the verdict says it, once
            warnings.filterwarnings("ignore", message=".* the very signal of another")
            made = self._made(part, margins)
        return made.isel(time=keep).load()

    def _made(self, part: xr.Dataset, margins: tuple[int, int]) -> xr.Dataset:
        return wave_field(
            part, band=self.band, variable=self.variable, method=self.method,
            order=self.order, margins=margins,
        )  # fmt: skip


def _steps(
    recording: xr.Dataset, output: str | Path, wanted: _Wanted, overwrite: bool
) -> Generator[Progress, None, Path]:
    recording, laid = _laid(recording, wanted.variable)
    values = picked(recording, wanted.variable)
    rate, sites = sampling_rate(values), sites_of(values)
    frames = values.sizes["time"]
    names = _measures(wanted.measures, sites)
    size, margin = _block_size(values, sites, rate, wanted)
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
        part = None
        for number, (read, keep) in enumerate(blocks(frames, size=size, margin=margin)):
            yield Progress(read.start + keep.start, frames, "waves")
            part = wanted.field(recording, read, keep)
            sums.copies = max(sums.copies, int(part.attrs["copies"]))
            if number == 0:
                sums.aliasing = _aliasing(part, wanted)
            table = measure(part, names)
            file.append(table)
            if "wavelength" in table:
                known = np.asarray(table["wavelength"].values).ravel()[::8]
                sums.wavelengths.append(known[np.isfinite(known)])
            good = part.isel(time=np.asarray(part["valid"].values, dtype=bool))
            sums.seconds += good.sizes["time"] / rate
            sums.add(good)
            sums.keep(reduced(part, first=read.start + keep.start))
            for segment in sums.segments(
                _SEGMENT, last=read.start + keep.stop == frames
            ):
                key = seed_of(wanted.seed, sums.tested)
                sums.add_events(segment_events(
                    segment, seed=key, count=wanted.count, shortest=None
                ))  # fmt: skip
                yield Progress(read.start + keep.stop, frames, "waves")
        assert part is not None  # there is one block at least
        events = events_table(
            sums.found, alpha=wanted.alpha, field=part, seed=wanted.seed
        )
        file.write("events", events)
        file.write("sites", sums.means(part))
        yield Progress(frames, frames, "net lags")
        tables = {"lags": _lags(recording, wanted)}
        yield Progress(frames, frames, "spectrum")
        tables |= _spectra(recording, values, sites, rate, wanted)
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


def _block_size(
    values: xr.DataArray, sites: Sites, rate: float, wanted: _Wanted
) -> tuple[int, int]:
    """Frames to keep of a block, and to read on either side of them."""
    margin = int(np.ceil(rate * margin_seconds(rate=rate, band=wanted.band,
                                               order=wanted.order)))  # fmt: skip
    several = values.sizes.get("trial", 1) * values.sizes.get("feature", 1)
    frame = 8 * _ARRAYS * sites.count * several
    total = values.sizes["time"]
    if total * frame <= wanted.memory:
        return total, margin
    size = int(wanted.memory // frame) - 2 * margin
    if size < margin:
        raise InputError(
            f"memory is {wanted.memory / 2**20:.0f} MiB; a block of this recording "
            f"needs {3 * margin * frame / 2**20:.0f} MiB: {sites.count} sites at "
            f"{rate:g} Hz, {several} trial(s) and feature(s), and "
            f"{margin / rate:.3g} s on either side for the filter"
        )
    # equal ones: of a short last block the filter's end might spoil every frame
    return -(-total // -(-total // size)), margin


def _aliasing(part: xr.Dataset, wanted: _Wanted) -> str:
    """What a check of the sampling in space says; a caution, or nothing."""
    checked = check_sampling(part, wavelength=wanted.wavelength)
    return "" if checked.verdict == "sampled" else checked.report


@dataclass(frozen=True)
class _Made:
    """A table, or why there is none."""

    table: xr.Dataset | None
    why: str = ""


def _made(
    function: Callable[..., xr.Dataset], recording: xr.Dataset, **given: Any
) -> _Made:
    try:
        return _Made(function(recording, **given))
    except InputError as error:
        return _Made(None, str(error))


def _lags(recording: xr.Dataset, wanted: _Wanted) -> _Made:
    return _made(net_lags, recording, band=wanted.band, seed=wanted.seed,
                 variable=wanted.variable, alpha=wanted.alpha)  # fmt: skip


def _spectra(
    recording: xr.Dataset, values: xr.DataArray, sites: Sites, rate: float,
    wanted: _Wanted,
) -> dict[str, _Made]:  # fmt: skip
    """Spectrum and ridge, or why so short or so large a recording gives none.

    The ridge holds the power of every stretch, which of a large recording is too much.
    """
    total = values.sizes["time"]
    low, high = wanted.band
    frames = min(total, round(_CYCLES / low * rate))
    given = {"segment": frames / rate, "variable": wanted.variable}
    shown = (0.0, min(rate / 2, 1.5 * high))
    spectrum = _made(wavenumber_frequency, recording, band=shown, **given)
    stretches = total // frames * values.sizes.get("trial", 1)
    powers = stretches * sites.count * 16 * max(1.0, (high - low) * frames / rate)
    if "feature" in values.dims:
        ridge = _Made(None, "a ridge is of a field with one feature; select one")
    elif powers > min(_MOST_RIDGE_VALUES, wanted.memory / _RIDGE_BYTES):
        ridge = _Made(None, (
            f"a ridge of {stretches} stretches of {sites.count} sites would not fit "
            "into memory; cortexwave.dispersion of a part of the recording gives one"
        ))  # fmt: skip
    else:
        ridge = _made(dispersion, recording, band=wanted.band, seed=wanted.seed,
                      alpha=wanted.alpha, **given)  # fmt: skip
    return {"spectrum": spectrum, "ridge": ridge}


def _judged(
    sums: FrameSums, sites: Sites, values: xr.DataArray, rate: float, wanted: _Wanted,
    events: xr.Dataset, lags: _Made,
) -> Verdict:  # fmt: skip
    lengths = np.concatenate(sums.wavelengths) if sums.wavelengths else np.zeros(0)
    counted = sums.totals["frames"]
    over = [dim for dim in ("trial", "feature") if dim in counted.dims]
    live = int((counted.max(over) > 0).sum())
    material = Material(
        sites=live, extent=float(np.ptp(sites.positions, axis=0).max() + sites.pitch),
        seconds=sums.seconds * values.sizes.get("trial", 1), rate=rate,
        band=wanted.band, copies=sums.copies,
        wavelength=float(np.median(lengths)) if lengths.size else float("nan"),
    )  # fmt: skip
    untested = f"net lags could not be tested ({lags.why})" if lags.why else ""
    return verdict(material, events, lags.table, lags_missing=untested,
                   aliasing=sums.aliasing)  # fmt: skip
