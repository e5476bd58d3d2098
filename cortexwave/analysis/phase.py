"""Phase of a course in time: Hilbert, generalized phase, Morlet, and its frequency.

Kernels on bare arrays (..., time). An oscillation cos(2 pi f t) has the phase
2 pi f t: phase grows with time. Courses that are all NaN stay NaN.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal
import scipy.special
from numpy.typing import DTypeLike

from cortexwave.analysis.courses import known_courses
from cortexwave.analysis.sections import EDGE_SHARE
from cortexwave.errors import InputError

_BLOCK = 2**17  # samples worked on at a time: they stay in the processor's cache
_MORLET_REACH = 5.0  # standard deviations of its envelope: 4e-6 of the height is cut


def analytic_signal(
    values: np.ndarray,
    *,
    taper: tuple[int, int] = (0, 0),
    dtype: DTypeLike = np.complex128,
) -> np.ndarray:
    """Complex x + i H(x) of courses (..., time): its modulus is the envelope.

    By one transform of the whole course, without padding (Marple 1999), so as if
    the course repeated itself: what the jump from end to start stirs up falls only
    with the distance d from the end, about as 1/(pi w d) of an oscillation of w rad/s
    there. To hush it where an end is a cut and no end of the recording, `taper` frames
    at the start and at the end are raised from 0 to 1 as the running sum of a Hann
    window; what is returned there is tapered too and is to be dropped.
    """
    rows = np.asarray(values)
    if rows.dtype.kind != "f":
        raise InputError(
            "an analytic signal is made of real numbers as floats; these values are "
            f"{rows.dtype}"
        )
    frames = rows.shape[-1]
    start, end = taper
    if not (start >= 0 and end >= 0 and start + end <= frames):
        raise InputError(
            f"taper is {start} and {end} frames; both are at least 0, together at most "
            f"the {frames} frames there are"
        )
    flat = rows.reshape(-1, frames)
    made = np.empty(flat.shape, dtype)
    for some in _row_blocks(*flat.shape):
        block = flat[some].astype(made.real.dtype)
        block[:, :start] *= _ramp(start)
        block[:, frames - end :] *= _ramp(end)[::-1]
        # H(x) alone, through transforms of real values, is half the work of x + i H(x)
        spectrum = scipy.fft.rfft(block, axis=-1)
        spectrum *= -1j
        spectrum[:, 0] = 0
        if frames % 2 == 0:
            spectrum[:, -1] = 0
        made.real[some] = block
        made.imag[some] = scipy.fft.irfft(spectrum, frames, axis=-1)
    return made.reshape(rows.shape)


def _ramp(length: int) -> np.ndarray:
    t = (np.arange(length) + 0.5) / max(length, 1)
    return t - np.sin(2 * np.pi * t) / (2 * np.pi)


def instantaneous_frequency(analytic: np.ndarray, rate: float) -> np.ndarray:
    """Signed frequency in Hz of a complex signal (..., time); NaN at the last frame.

    arg(X[n+1] conj X[n]) rate / 2 pi: the mean frequency from a frame to the next,
    in (-rate/2, rate/2] (Feldman 2011, algorithm 3).
    """
    signal = _complex_courses(analytic)
    frequency = np.full(signal.shape, np.nan, dtype=signal.real.dtype)
    rows, found = (a.reshape(-1, signal.shape[-1]) for a in (signal, frequency))
    for some in _row_blocks(*rows.shape):
        turn = rows[some, 1:] * rows[some, :-1].conj()
        found[some, :-1] = np.arctan2(turn.imag, turn.real) * (rate / (2 * np.pi))
    return frequency


def generalized_phase(
    analytic: np.ndarray, *, rate: float, lowest: float = 0.0, extension: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Phase in [-pi, pi), repaired where frequency is below `lowest` Hz; and where.

    Takes the analytic signal (..., time), gives phase (float64) and a mask, both
    (..., time), after Davis, Muller et al. 2020 (Nature 587:432). Frames with an
    instantaneous frequency below `lowest` are flagged, never the first; a run of L
    frames from frame i is taken to reach to i + `extension` (L - 1), found on the
    flags as they were. There phase is replaced by a shape-preserving cubic (pchip) of
    the unwrapped phase of all other frames, which goes on beyond the last of them. The
    modulus is not changed by the repair, nor is the instantaneous frequency. The last
    frame has no frequency and counts as 0 Hz. NaN from the flagged frames on where
    one frame alone is left.

    Only the neighbourhoods of the gaps are worked on: a slope of pchip is made of the
    two steps beside it, and unwrapping needs no more than increments.
    """
    signal = _complex_courses(analytic)
    if not 0 <= lowest < rate / 2:
        raise InputError(
            f"the lowest frequency is {lowest:g} Hz; it can be from 0 to below half "
            f"the sampling rate, {rate / 2:g} Hz"
        )
    if extension != int(extension) or extension < 1:
        raise InputError(f"extension is {extension!r}; it is a whole number from 1")
    frames = signal.shape[-1]
    phase = np.empty(signal.shape)
    repaired = np.zeros(signal.shape, dtype=bool)
    rows, angles, masks = (a.reshape(-1, frames) for a in (signal, phase, repaired))
    for some in _row_blocks(*rows.shape):
        x = rows[some].astype(np.complex128, copy=False)
        angle = angles[some]
        np.arctan2(x.imag, x.real, out=angle)
        if np.fmax.reduce(angle, axis=None) >= np.pi:  # NaN aside
            angle[angle >= np.pi] = -np.pi
        gaps = _gaps(_flagged(x, rate, lowest), int(extension))
        if gaps[0].size:
            inside = _bridge(angle.reshape(-1), *gaps, frames)
            masks[some].reshape(-1)[inside] = True
    return phase, repaired


def _flagged(x: np.ndarray, rate: float, lowest: float) -> np.ndarray:
    """Frames (row, time) whose frequency is below `lowest` Hz, never the first."""
    flags = np.empty(x.shape, dtype=bool)
    re, im = x.real, x.imag
    across = im[:, 1:] * re[:, :-1]
    across -= re[:, 1:] * im[:, :-1]
    if lowest == 0:  # the sign of the angle is that of its sine
        np.less(across, 0, out=flags[:, :-1])
    else:
        along = re[:, 1:] * re[:, :-1] + im[:, 1:] * im[:, :-1]
        frequency = np.arctan2(across, along) * (rate / (2 * np.pi))
        np.less(frequency, lowest, out=flags[:, :-1])
    flags[:, -1] = lowest > 0
    flags[:, 0] = False
    return flags


def _gaps(flags: np.ndarray, extension: int) -> tuple[np.ndarray, np.ndarray]:
    """First frame of each gap and the frame after it, on the rows laid end to end.

    No run reaches from row to row, as the first frame of a row is never flagged.
    """
    frames = flags.shape[-1]
    flat = flags.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if edges.size % 2:
        edges = np.append(edges, flat.size)
    start, stop = edges[::2], edges[1::2]
    end_of_row = (start // frames + 1) * frames
    stop = np.minimum(start + extension * (stop - start - 1) + 1, end_of_row)
    # extended runs may run into one another
    reach = np.maximum.accumulate(stop)
    first = np.flatnonzero(np.append(True, start[1:] > reach[:-1])[: start.size])
    last = np.append(first[1:], start.size)[: first.size] - 1
    return start[first], reach[last]


def _bridge(
    phase: np.ndarray, start: np.ndarray, stop: np.ndarray, frames: int
) -> np.ndarray:
    """Write phase (rows laid end to end) in the gaps; returns the frames of gaps."""
    lengths = stop - start
    skipped = np.append(0, np.cumsum(lengths))
    before = start - skipped[:-1]  # how many frames are known before each gap
    count = phase.size - int(skipped[-1])
    row = start // frames

    def known(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The frame of the known frame of this number, and whether it is in the row."""
        some = np.clip(number, 0, count - 1)
        at = some + skipped[np.searchsorted(before, some, side="right")]
        return at, (at // frames == row) & (some == number)

    # a gap that ends the row goes on with the cubic between the last two known frames
    left = before - 1 - ~known(before)[1]
    (p0, has0), (p1, has1), (p2, _), (p3, has3) = (
        known(left + k) for k in range(-1, 3)
    )
    h0, h1, h2 = (b - a for a, b in ((p0, p1), (p1, p2), (p2, p3)))
    with np.errstate(invalid="ignore", divide="ignore"):
        s0, s1, s2 = (
            _wrapped(phase[b] - phase[a]) / (b - a)
            for a, b in ((p0, p1), (p1, p2), (p2, p3))
        )
        at_left = np.where(
            has0, _inner_slope(h0, h1, s0, s1), _end_slope(h1, h2, s1, s2, has3)
        )
        at_right = np.where(
            has3, _inner_slope(h1, h2, s1, s2), _end_slope(h1, h0, s1, s0, has0)
        )
        square = (3 * s1 - 2 * at_left - at_right) / h1
        cube = (at_left + at_right - 2 * s1) / h1**2
    base = np.where(has1, phase[p1], np.nan)
    inside = np.arange(skipped[-1]) + np.repeat(start - skipped[:-1], lengths)
    t = (inside - np.repeat(p1, lengths)).astype(float)
    value = np.repeat(cube, lengths)
    for coefficient in (square, at_left, base):
        value *= t
        value += np.repeat(coefficient, lengths)
    phase[inside] = _wrapped(value)
    return inside


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """The angle in [-pi, pi)."""
    angle = angle - 2 * np.pi * np.floor((angle + np.pi) / (2 * np.pi))
    return np.where(angle >= np.pi, -np.pi, angle)  # rounding just below -pi


def _inner_slope(
    h0: np.ndarray, h1: np.ndarray, s0: np.ndarray, s1: np.ndarray
) -> np.ndarray:
    """Slope at a knot, steps h0, h1 and slopes s0, s1 (Fritsch & Butland 1984)."""
    w0, w1 = 2 * h1 + h0, h1 + 2 * h0
    return np.where(s0 * s1 > 0, (w0 + w1) / (w0 / s0 + w1 / s1), 0.0)


def _end_slope(
    h0: np.ndarray, h1: np.ndarray, s0: np.ndarray, s1: np.ndarray, has1: np.ndarray
) -> np.ndarray:
    """Slope at the first or last knot: three points, kept from changing the shape."""
    slope = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    slope = np.where(np.sign(slope) != np.sign(s0), 0.0, slope)
    steep = (np.sign(s0) != np.sign(s1)) & (np.abs(slope) > 3 * np.abs(s0))
    slope = np.where(steep, 3 * s0, slope)
    return np.where(has1, slope, s0)  # two knots: a straight line


def morlet(
    values: np.ndarray, *, rate: float, frequency: float, cycles: float
) -> np.ndarray:
    """Complex amplitude of courses (..., time) about `frequency` Hz, by a wavelet.

    exp(2 pi i f t) under a Gaussian of standard deviation `cycles` / (2 pi f) s, less
    what makes it blind to a constant. cos(2 pi f t) of amplitude 1 gives a modulus of
    1 and the phase 2 pi f t, to exp(-cycles^2) that its negative frequency adds. The
    ends are continued by point reflection; `morlet_edge_seconds` of them are spoilt.
    """
    kernel = _wavelet(rate, frequency, cycles)
    rows, live = known_courses(values)
    reach, frames = kernel.size // 2, rows.shape[-1]
    if frames <= reach:
        raise InputError(
            f"a course of {frames} frames ({frames / rate:g} s) is too short for "
            f"{cycles:g} cycles of {frequency:g} Hz: it takes more than "
            f"{reach / rate:.3g} s"
        )
    made = np.full(rows.shape, np.nan, dtype=complex)
    around = [(0, 0), (reach, reach)]
    longer = np.pad(rows[live], around, mode="reflect", reflect_type="odd")
    made[live] = scipy.signal.oaconvolve(longer, kernel[None], mode="valid", axes=-1)
    return made.reshape(np.shape(values))


def morlet_edge_seconds(*, frequency: float, cycles: float) -> float:
    """Seconds at each end where a Morlet wavelet is spoilt.

    Beyond it lies less than a share of 1e-4 of the wavelet's energy, as for
    `filters.edge_seconds`.
    """
    _check_wavelet(np.inf, frequency, cycles)
    width = cycles / (2 * np.pi * frequency)
    return float(width * scipy.special.erfcinv(EDGE_SHARE))


def _wavelet(rate: float, frequency: float, cycles: float) -> np.ndarray:
    _check_wavelet(rate, frequency, cycles)
    width = cycles / (2 * np.pi * frequency)
    reach = int(np.ceil(_MORLET_REACH * width * rate))
    t = np.arange(-reach, reach + 1) / rate
    envelope = np.exp(-((t / width) ** 2) / 2)
    turning = np.exp(2j * np.pi * frequency * t)
    kernel = envelope * turning
    kernel -= envelope * (kernel.sum() / envelope.sum())
    # half of a cosine turns the wavelet's way
    return kernel * (2 / np.sum(kernel * turning.conj()).real)


def _check_wavelet(rate: float, frequency: float, cycles: float) -> None:
    if not 0 < frequency < rate / 2:
        raise InputError(
            f"the wavelet's frequency is {frequency:g} Hz; it can be above 0 and below "
            f"half the sampling rate, {rate / 2:g} Hz"
        )
    if not cycles >= 2:
        raise InputError(
            f"a wavelet of {cycles:g} cycles; it needs at least 2, as fewer do not "
            "tell a frequency from its negative"
        )


def _complex_courses(analytic: np.ndarray) -> np.ndarray:
    signal = np.ascontiguousarray(analytic)
    if not np.iscomplexobj(signal):
        raise InputError(
            "phase is taken of a complex (analytic) signal; these values are "
            f"{signal.dtype}: call analytic_signal first"
        )
    return signal


def _row_blocks(rows: int, frames: int) -> list[slice]:
    some = max(1, _BLOCK // max(1, frames))
    return [slice(k, min(k + some, rows)) for k in range(0, rows, some)]
