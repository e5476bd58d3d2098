"""What of a snapshot a decoder is shown: values, phasors, amplitude, phase or waves.

Each kind of feature is trials again, so that every readout takes every kind. Phasors
come from a causal filter: a zero-phase one, and the Hilbert transform, would carry what
follows a stimulus to before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.demodulation import demodulated, demodulated_windows, words
from cortexwave.memory.trials import Trials, cut_around, trials_of_cut

Features = Literal["raw", "analytic", "amplitude", "phase", "modes"]

_MODES = 3


def features(
    trials: Trials, kind: Features, *, band: tuple[float, float] | None = None
) -> Trials:
    """The trials with other values, (trial, time, feature), and without positions.

    "raw" is the values themselves. The others are made of phasors z: those of `trials`
    with complex values (`phasor_trials`, `wave_trials`), or, of real ones, `phasors` of
    each trial in `band` (Hz). "analytic" is (Re z, Im z), "amplitude" |z|, "phase"
    (cos, sin) of the angle of z, "modes" the wave coordinates of `wave_modes`.
    """
    if kind not in get_args(Features):
        raise InputError(f"features are {kind!r}; they can be {get_args(Features)}")
    if kind == "raw":
        if np.iscomplexobj(trials.values):
            raise InputError("raw features are real values, and these trials hold "
                             "phasors; ask for 'analytic'")  # fmt: skip
        return trials
    z = phasors(trials, band=band).values
    if kind == "modes":
        made = wave_modes(z, _places(trials))
    elif kind == "analytic":
        made = np.concatenate([z.real, z.imag], axis=2)
    elif kind == "amplitude":
        made = np.abs(z)
    else:
        unit = z / np.maximum(np.abs(z), np.finfo(float).tiny)
        made = np.concatenate([unit.real, unit.imag], axis=2)
    described = {**trials.attributes, "features": kind}
    if band is not None:
        described["band"] = list(band)
    return replace(trials, values=made, positions=None, attributes=described)


def phasors(trials: Trials, *, band: tuple[float, float] | None) -> Trials:
    """The trials as phasors, complex (trial, time, site), by a causal filter.

    Complex demodulation: the values are turned by exp(-2 pi i f0 t) at the centre f0 of
    the `band` (low, high in Hz), low-passed by a causal Butterworth of order 4 at half
    its width, and turned back; cos(2 pi f0 t) of amplitude 1 gives exp(2 pi i f0 t). A
    trial begins as if its first value had always been there. Complex trials are
    returned as they are.
    """
    if np.iscomplexobj(trials.values):
        return trials
    if band is None:
        raise InputError("these features are made of phasors: give the band in Hz, or "
                         "trials of phasors (phasor_trials)")  # fmt: skip
    rate = 1 / trials.step
    made = demodulated(trials.values, trials.clock, rate, band)
    described = {**trials.attributes, "band": list(band), "filter": words(band)}
    return replace(trials, values=made, attributes=described)


def phasor_trials(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    window: tuple[float, float],
    label: str = "stimulus",
    variable: str | None = None,
    kinds: Sequence[str] | None = None,
) -> Trials:
    """Trials of phasors, filtered before they are cut, so that no trial begins anew.

    As `phasors` and as `trials_of`; `band` in Hz, `window` in s.
    """
    names = schema.field_names(recording)
    name = names[0] if variable is None and len(names) == 1 else variable
    if name not in names:
        raise InputError(f"no field {variable!r}; the recording has {names}")
    field = recording[name].transpose("trial", "time", ..., missing_dims="ignore")
    others = [other for other in names if other != name]
    cut = cut_around(recording.drop_vars(others), window=window, label=label,
                     kinds=kinds)  # fmt: skip
    made = _complex_trials(
        cut, name, demodulated_windows(field, cut, band=band, window=window),
        apart="trial" in recording.dims, window=window, label=label,
    )  # fmt: skip
    described = {**made.attributes, "variable": name, "band": list(band),
                 "filter": words(band)}  # fmt: skip
    return replace(made, attributes=described)


def wave_trials(
    field: xr.Dataset,
    *,
    window: tuple[float, float],
    label: str = "stimulus",
    kinds: Sequence[str] | None = None,
) -> Trials:
    """Trials of the phasors amplitude * exp(i phase) of a wave field.

    `wave_field` filters forwards and backwards, so that the past of what is seen here
    holds some of its future: good for waves, not for a claim of memory. The attribute
    `causal` is 0.
    """
    schema.validate_wave_field(field)
    parts = ("amplitude", "phase")
    kept = field.drop_vars([n for n in schema.field_names(field) if n not in parts])
    cut = cut_around(kept, window=window, label=label, kinds=kinds)
    size, angle = (cut[each].transpose("trial", "time", ...).values for each in parts)
    made = _complex_trials(cut, "amplitude", size * np.exp(1j * angle),
                           apart="trial" in field.dims, window=window,
                           label=label)  # fmt: skip
    described = {**made.attributes, "band": list(field.attrs["band"]), "causal": 0}
    return replace(made, attributes=described)


def wave_modes(z: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Wave coordinates (..., coordinate) of phasors (..., site) at positions in mm.

    The phase gradient is fitted to the phase differences of neighbours, weighted by
    both amplitudes, as k + G r, r from the middle of the array: k (rad/mm), trace of G
    (divergence) and G_yx - G_xy (curl; it is not 0 about a singularity), in rad/mm^2;
    then the amplitude |mean z exp(-i k r)| of the plane wave; then the sums of z under
    cosine and sine of the three longest wavelengths, twice the array's extent along x,
    along y, along both (2/1, 2/2 and 2/3 of it on a line), real and imaginary parts.
    """
    places = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    extent = np.ptp(places, axis=0)
    axes = np.flatnonzero(extent > 1e-9 * max(float(extent.max()), 1e-30))
    if len(places) < 4 or not axes.size:
        raise InputError(f"{len(places)} sites; wave modes need 4 or more with "
                         "different positions")  # fmt: skip
    places, extent = places[:, axes], extent[axes]
    shape = z.shape[:-1]
    flat = z.reshape(-1, z.shape[-1])
    gradient, slope = _gradient(flat, places)
    phase = np.exp(-1j * gradient @ places.T)
    amplitude = np.abs(np.mean(flat * phase, axis=1))
    columns = [*gradient.T, *slope, amplitude]
    for wave in _longest(extent):
        turn = places @ wave
        for pattern in (np.cos(turn), np.sin(turn)):
            projected = flat @ pattern / len(places)
            columns += [projected.real, projected.imag]
    return np.stack(columns, axis=1).reshape(*shape, len(columns))


def wave_residuals(z: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Phasors (..., site) without what `wave_modes` says of them.

    The plane wave that was fitted is taken away, then what the mean over sites and the
    cosines and sines of the longest wavelengths explain.
    """
    centred = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    axes = np.flatnonzero(
        np.ptp(centred, axis=0) > 1e-9 * np.ptp(centred, axis=0).max()
    )
    places = centred[:, axes]
    gradient = wave_modes(z, positions)[..., : axes.size]
    plane = np.exp(1j * gradient @ places.T)
    left = z - plane * np.mean(z * plane.conj(), axis=-1, keepdims=True)
    turns = [places @ wave for wave in _longest(np.ptp(places, axis=0))]
    patterns = [np.ones(len(places))]
    patterns += [f(turn) for turn in turns for f in (np.cos, np.sin)]
    basis = np.linalg.svd(np.array(patterns).T, full_matrices=False)
    known = basis[0][:, basis[1] > 1e-9 * basis[1][0]]
    return left - (left @ known) @ known.T


def _longest(extent: np.ndarray) -> list[np.ndarray]:
    """Wave vectors (axis,) in rad/mm of the three longest wavelengths."""
    if extent.size == 1:
        return [np.array([(n + 1) * np.pi / extent[0]]) for n in range(_MODES)]
    return [np.array(n) * np.pi / extent for n in ((1, 0), (0, 1), (1, 1))]


def _gradient(z: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Gradient at the middle (snapshot, axis), and its divergence (and curl)."""
    one, other = _neighbours(places)
    apart = places[other] - places[one]  # (pair, axis)
    middle = (places[other] + places[one]) / 2
    axes = apart.shape[1]
    # d = (k + G m) . apart: linear in k and G
    columns = [apart, *(apart * middle[:, [b]] for b in range(axes))]
    design = np.concatenate(columns, axis=1)  # k, then G_ab for b = 0, 1
    product = z[:, other] * z[:, one].conj()
    weight, turn = np.abs(product), np.angle(product)
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    normal = (weight @ squares).reshape(-1, design.shape[1], design.shape[1])
    # a coefficient that the pairs do not fix (a single row) is 0, not huge
    ridge = 1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-30
    normal = normal + ridge[:, None, None] * np.eye(design.shape[1])
    fitted = np.linalg.solve(normal, ((weight * turn) @ design)[:, :, None])[..., 0]
    k, G = fitted[:, :axes], fitted[:, axes:].reshape(-1, axes, axes)  # G[b, a]
    slopes = [np.trace(G, axis1=1, axis2=2)]
    if axes == 2:
        slopes.append(G[:, 0, 1] - G[:, 1, 0])
    return k, slopes


def _neighbours(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of sites at most 1.2 times as far apart as the least spacing of each."""
    far = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(far, np.inf)
    near = far.min(axis=1)
    reach = 1.2 * np.maximum(near[:, None], near[None])
    one, other = np.nonzero(np.triu(far <= reach))
    return one, other


def _places(trials: Trials) -> np.ndarray:
    if trials.positions is None:
        raise InputError("wave modes need the position of each site in mm; these "
                         "trials have none")  # fmt: skip
    return trials.positions


def _complex_trials(
    cut: xr.Dataset, name: str, z: np.ndarray, *, apart: bool,
    window: tuple[float, float], label: str,
) -> Trials:  # fmt: skip
    """Trials of phasors z (trial, time, ...) in the place of the field `name`."""
    field = cut[name].transpose("trial", "time", ...)
    parts = [
        trials_of_cut(cut.assign({name: field.copy(data=part)}), window=window,
                      label=label, variable=name, apart=apart)
        for part in (z.real, z.imag)
    ]  # fmt: skip
    return replace(parts[0], values=parts[0].values + 1j * parts[1].values)
