"""What may be said of a recording: that waves travel in it, or not, or that none knows.

Propagation is claimed from net lags, or from episodes above the same field without lags
(N3f), the best one or all together, and from nothing else: directionality and speed are
descriptions. Each of the two tests is held to half of alpha (Bonferroni), so that where
nothing travels one recording in 1 / alpha at most is said to have waves. "Undetermined"
is a normal outcome, with its reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.analysis.net_lags import FEWEST_SITES

Word = Literal["travelling waves", "no propagation found", "undetermined"]
# Fewer sites, cycles, or a smaller array leave a verdict to chance; the last three are
# those of the specification of the comparison with lab recordings.
_FEWEST_CYCLES = 10
_SITES = 16
_ARRAY = 0.25  # of a wavelength
_RATE = 10  # samples per cycle of the highest frequency
_MODULES = (
    "sources active one after another, and channels delayed by the instrument, look "
    "alike"
)


@dataclass(frozen=True)
class Verdict:
    """A sentence, what speaks against saying more, and what a reader must know."""

    word: Word
    sentence: str
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(
            [self.sentence, *(f"Caution: {each}." for each in self.cautions)]
        )


@dataclass(frozen=True)
class Material:
    """What there was to judge by: sites, extent in mm, valid seconds, the band."""

    sites: int
    extent: float
    seconds: float
    rate: float
    band: tuple[float, float]
    wavelength: float  # mm, the median over frames; NaN where it is not known
    copies: int = 0  # sites that carry the very signal of another


def verdict(
    material: Material,
    events: xr.Dataset,
    lags: xr.Dataset | None,
    *,
    lags_missing: str = "",
    aliasing: str = "",
) -> Verdict:
    """The verdict of `find_waves` and `net_lags` on one recording.

    `lags_missing`: why there are none. `aliasing`: what `check_sampling` says.
    """
    reasons = [*_too_little(material)]
    if not int(events.attrs["frames"]):
        reasons.append(
            "too few frames that the filter does not spoil to look for events"
        )
    tests = 1 + (lags is not None and bool(np.isfinite(lags["p"].values).any()))
    least = float(events.attrs["alpha"]) / tests + 1e-12
    tested, lag_words, lagging = _lag_words(lags, lags_missing, tests)
    count = int(events.attrs["count"])
    waves = int(np.sum(events["p"].values <= least))  # NaN: no wave
    event_words = (
        f"{waves} single event(s) above the same field without lags (p <= {least:.2g} "
        f"that there is any, {count} surrogates)"
        if waves else
        f"no single event above the same field without lags at {least:.2g} "
        f"({count} surrogates)"
    )  # fmt: skip
    together = float(events.attrs["p_together"])
    # of the best event and all together, with the choice between them paid for
    standing_out = float(events.attrs["p_any"]) <= least
    moving = lagging or standing_out
    if not tested and not moving:
        reasons.append(lag_words)
    cautions = [*_cautions(material, lags), *([aliasing] if aliasing else [])]
    if 1 / (1 + count) > least:
        cautions.append(
            f"{count} surrogates give no p below {1 / (1 + count):.2g}, and of {tests} "
            f"tests each is held to {least:.2g}: events alone could not be enough; "
            f"{int(np.ceil(1 / least - 1e-6)) - 1} surrogates are needed"
        )
    if reasons:
        said = f"Undetermined: {'; '.join(reasons)}."
        return Verdict("undetermined", said, tuple(reasons), tuple(cautions))
    if moving:
        found = [lag_words] if lagging else []
        found += [event_words] if standing_out and waves else []
        if standing_out and together <= least:
            found.append(f"all episodes together (p = {together:.2g})")
        cautions.insert(0, _MODULES)
        return Verdict("travelling waves", f"Travelling waves: {'; '.join(found)}.",
                       (), tuple(cautions))  # fmt: skip
    seen = int(np.sum(np.isfinite(events["mass"].values)))
    described = (
        f" {seen} episode(s) follow a wave, which chance does too." if seen else ""
    )
    said = (f"No propagation found: {lag_words}; {event_words}.{described} This does "
            "not show that nothing travels.")  # fmt: skip
    return Verdict("no propagation found", said, (), tuple(cautions))


def _too_little(material: Material) -> list[str]:
    low, _ = material.band
    found = []
    cycles = material.seconds * low
    if cycles < _FEWEST_CYCLES:
        found.append(
            f"{material.seconds:.3g} s that the filter does not spoil are {cycles:.2g} "
            f"cycles of {low:g} Hz, and {_FEWEST_CYCLES} are needed"
        )
    if material.sites < max(_SITES, FEWEST_SITES):
        found.append(f"{material.sites} live sites, and {_SITES} are needed")
    if material.extent < _ARRAY * material.wavelength:
        found.append(
            f"the array of {material.extent:.3g} mm is shorter than a quarter of the "
            f"wavelength ({material.wavelength:.3g} mm)"
        )
    return found


def _lag_words(
    lags: xr.Dataset | None, missing: str, tests: int
) -> tuple[bool, str, bool]:
    """Whether net lags could be tested, what is said of them, whether there are any."""
    if lags is None:
        return False, missing or "net lags were not tested", False
    said = np.atleast_1d(lags["verdict"].values)
    p = np.atleast_1d(lags["p"].values).astype(float)
    if not np.isfinite(p).any():
        return False, f"net lags: {str(said[0]).removeprefix('undetermined: ')}", False
    # of several features the least p, times their number
    least = min(1.0, float(np.nanmin(p)) * int(np.isfinite(p).sum()))
    limit = float(lags.attrs["alpha"]) / tests
    if least > limit:
        near = f", held to {limit:.2g}" if least <= tests * limit else ""
        return True, f"no net lags (p = {least:.2g}{near})", False
    k = int(np.nanargmin(p))
    if float(np.atleast_1d(lags["rests_on_one_site"].values)[k]) == 1:
        return True, f"lags that rest on one site alone (p = {least:.2g})", False
    directed = float(np.atleast_1d(lags["p_directed"].values)[k])
    words = f"net lags (p = {least:.2g})"
    angle = float(np.atleast_1d(lags["direction"].values)[k])
    if directed <= float(lags.attrs["alpha"]) and np.isfinite(angle):
        words += f" towards {angle:.0f} deg"
    else:
        words += " of a pattern without one direction"
    return True, words, True


def _cautions(material: Material, lags: xr.Dataset | None) -> list[str]:
    found = []
    if material.rate < _RATE * material.band[1]:
        found.append(
            f"{material.rate:g} Hz is below {_RATE} samples per cycle of "
            f"{material.band[1]:g} Hz"
        )
    if material.copies:
        found.append(
            f"{material.copies} of {material.sites} sites carry the very signal of "
            "another"
        )
    if lags is not None and lags.attrs.get("caution"):
        found.append(str(lags.attrs["caution"]))
    reference = str(lags.attrs.get("reference", "")) if lags is not None else ""
    if any(word in reference.lower() for word in ("average", "median", "car")):
        found.append(f"the reference ({reference}) adds and takes away phase gradients")
    return found
