"""Made fields put together: sums, noise at a signal-to-noise ratio, dead sites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import check_band
from cortexwave.synthetic.noise import drawn, generator_of, power_law
from cortexwave.synthetic.places import places_of
from cortexwave.synthetic.truths import VARIABLE, Truth, episodes, truth, written

Kind = Literal["white", "pink", "smooth"]
Dead = tuple[int, int] | str | int

_SITES_AT_ONCE = 64


def mixture(*recordings: xr.Dataset) -> xr.Dataset:
    """The sum of made recordings of the same sites and times, in uV.

    Its truth has the parts of all of them as `episodes`, and all their `noise`.
    """
    if not recordings:
        raise InputError("mixture: no recordings were given")
    first = recordings[0]
    total = _signal(first).copy(deep=True)
    for n, other in enumerate(recordings[1:], start=2):
        values = _signal(other)
        for name in total.coords:
            if name not in values.coords or not total[name].equals(values[name]):
                raise InputError(
                    f"mixture: recording {n} has another '{name}' than the first; all "
                    "parts need the same sites, duration and rate"
                )
        total.values = total.values + values.values
    parts = [part for each in recordings for part in episodes(each)]
    joined: Truth = parts[0] if len(parts) == 1 else {
        "kind": "mixture", "travels": any(part["travels"] for part in parts),
        "episodes": sorted(parts, key=lambda part: (part["start"], part["end"])),
    }  # fmt: skip
    joined = {name: value for name, value in joined.items()
              if name not in ("noise", "dead")}  # fmt: skip
    for name in ("noise", "dead"):
        found = [item for each in recordings for item in truth(each).get(name, [])]
        if found:
            joined[name] = found
    return _with(first, total, joined)


def with_noise(
    recording: xr.Dataset,
    *,
    snr_db: float,
    seed: int,
    kind: Kind = "white",
    length: float | None = None,
    band: tuple[float, float] | None = None,
) -> xr.Dataset:
    """The recording with Gaussian noise added, in uV.

    `snr_db` is 10 log10 of the mean square of the recording (over all times and live
    sites, silence between episodes included) to the variance of the noise (over all
    frequencies). Kinds: "white", independent in time and between sites; "pink", power
    as 1/f; "smooth", white in time. `length` (mm) smooths "pink" and "smooth" noise
    in space as in `smooth_noise`; only "smooth" must have it. With `band` (Hz) the
    ratio in that band is measured and stated too: attribute and truth `band_snr_db`.
    """
    if kind not in get_args(Kind):
        raise InputError(f"kind of noise is {kind!r}; it is one of {get_args(Kind)}")
    if (kind == "smooth") > (length is not None) or (kind == "white" and length):
        raise InputError(
            f"noise of kind '{kind}' was given length {length} mm; 'smooth' needs a "
            "length, 'white' has none"
        )
    if not np.isfinite(snr_db):
        raise InputError(f"snr_db is {snr_db} dB, not finite")
    signal = _signal(recording)
    time = recording["time"].values
    rate = float((time.size - 1) / (time[-1] - time[0]))
    places = places_of(recording)
    values = signal.values.reshape(signal.sizes["time"], -1)
    power = float(np.nanmean(np.square(values), dtype=float))
    if not power > 0:
        raise InputError("with_noise: the recording is 0 everywhere, so it has no SNR")
    made = drawn(
        generator_of(seed), places, frames=len(values), rate=rate,
        length=length or 0.0,
        gain=power_law(1.0 if kind == "pink" else 0.0, None, rate),
        dtype="float32" if values.dtype == np.float32 else "float64",
    )  # fmt: skip
    made *= np.sqrt(power / 10 ** (snr_db / 10))
    added: Truth = {"kind": kind, "snr_db": float(snr_db), "seed": seed}
    if length is not None:
        added["length"] = float(length)
    attributes = {"snr_db": float(snr_db)}
    if band is not None:
        check_band(band, rate)
        live = np.isfinite(values).all(axis=0)
        ratio = _band_power(values[:, live], rate, band) / _band_power(
            made[:, live], rate, band
        )
        attributes["band_snr_db"] = float(10 * np.log10(ratio))
        added |= {"band": list(band), "band_snr_db": attributes["band_snr_db"]}
    known = truth(recording)
    known["noise"] = [*known.get("noise", []), added]
    noisy = signal.copy(data=(values + made).reshape(signal.shape))
    return _with(recording, noisy, known).assign_attrs(attributes)


def with_dead_sites(recording: xr.Dataset, sites: Iterable[Dead]) -> xr.Dataset:
    """The recording with NaN at some sites, at all times.

    On a lattice a site is its index (y, x), negative ones counted from the end; of
    electrodes it is the name or the index.
    """
    signal = _signal(recording).copy(deep=True)
    on_lattice = "channel" not in signal.dims
    dead: list[object] = []
    for site in sites:
        if on_lattice:
            index = _lattice_index(site, signal.sizes["y"], signal.sizes["x"])
            signal[{"y": index[0], "x": index[1]}] = np.nan
            dead.append(list(index))
        else:
            name = _channel_name(site, [str(each) for each in signal["channel"].values])
            signal.loc[{"channel": name}] = np.nan
            dead.append(name)
    known = truth(recording)
    known["dead"] = [*known.get("dead", []), *dead]
    return _with(recording, signal, known)


def _signal(recording: xr.Dataset) -> xr.DataArray:
    truth(recording)  # of a recording that was not made here nothing is known
    return recording[VARIABLE]


def _with(recording: xr.Dataset, signal: xr.DataArray, known: Truth) -> xr.Dataset:
    return recording.assign({VARIABLE: signal}).assign_attrs(truth=written(known))


def _band_power(values: np.ndarray, rate: float, band: tuple[float, float]) -> float:
    """Power of (time, site) between the frequencies of a band, by the periodogram."""
    frequency = scipy.fft.rfftfreq(len(values), 1 / rate)
    inside = (frequency >= band[0]) & (frequency <= band[1])
    if not inside.any():
        raise InputError(
            f"no frequency of a recording of {len(values)} frames at {rate} Hz lies in "
            f"the band {band!r} Hz"
        )
    total = 0.0
    for first in range(0, values.shape[1], _SITES_AT_ONCE):
        part = scipy.fft.rfft(values[:, first : first + _SITES_AT_ONCE], axis=0)
        total += float(np.sum(np.abs(part[inside]) ** 2, dtype=float))
    return total


def _lattice_index(site: Dead, ny: int, nx: int) -> tuple[int, int]:
    if (
        isinstance(site, tuple | list)
        and len(site) == 2
        and all(isinstance(each, int | np.integer) for each in site)
        and -ny <= site[0] < ny
        and -nx <= site[1] < nx
    ):
        return int(site[0]) % ny, int(site[1]) % nx
    raise InputError(
        f"dead site {site!r}: it is (y, x), two whole numbers, the indices in a "
        f"{ny} x {nx} lattice"
    )


def _channel_name(site: Dead, names: list[str]) -> str:
    if isinstance(site, str) and site in names:
        return site
    if isinstance(site, int | np.integer) and -len(names) <= site < len(names):
        return names[site]
    raise InputError(
        f"dead site {site!r}: it is the name of a channel, such as '{names[0]}', or an "
        f"index below {len(names)}"
    )
