"""Lateral kernels: spatial profiles, and the tap tables that every engine gets.

A coupling at site r is the sum over taps of weight * source(r + offset, n - delay),
cross-correlation: a tap with offset +1 reads from the right, so what it carries
travels to the left. Tables are made once, in float64; engines never build kernels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.sheet.arrays import located, read_array
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.taps import Delay, Taps, with_delay, without_delay
from cortexwave.units import Angle, Length

Normalise = Literal["sum", "density", "peak"]


class _Profile(Document):
    """A kernel given by a profile over distance, cut to a square of +- `radius`.

    `normalise`: after truncation the weights add up to `strength` ("sum"); or they
    are the continuous density times the area of a site ("density"); or the centre
    is `strength` ("peak").
    """

    radius: Length
    normalise: Normalise
    strength: float = 1.0

    def table(self, lattice: Lattice, folder: Path | None) -> Taps:
        """Taps without delays; weights have no unit."""
        offsets = _square(_radius_in_sites(self.radius, lattice), lattice)
        y, x = offsets[:, 0] * lattice.spacing, offsets[:, 1] * lattice.spacing
        # a width far below a site underflows; the check below names it
        with np.errstate(all="ignore"):
            weights = self.strength * self.weights(y, x, lattice)
        if not np.isfinite(weights).all():
            raise InputError(
                f"the weights of this {self.kind} on sites {lattice.spacing:g} mm "  # type: ignore[attr-defined]
                "apart are not finite numbers; a width is far too small, or there is "
                "no site but the centre"
            )
        return without_delay(offsets, weights)

    def weights(self, y: np.ndarray, x: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Weights of strength 1 at offsets in mm."""
        raise NotImplementedError

    def _scaled(
        self, profile: np.ndarray, density: float, lattice: Lattice
    ) -> np.ndarray:
        if self.normalise == "sum":
            return profile / profile.sum()
        if self.normalise == "density":
            return profile * density * lattice.spacing**lattice.axes
        return profile


class Gaussian(_Profile):
    """exp(-r^2 / (2 sigma^2))."""

    kind: Literal["gaussian"] = "gaussian"
    sigma: Length

    def weights(self, y: np.ndarray, x: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Weights of strength 1 at offsets in mm."""
        return self._scaled(*_gaussian(y, x, self.sigma, lattice), lattice)


class DifferenceOfGaussians(_Profile):
    """A centre of sigma_centre minus a surround; each is normalised by itself."""

    kind: Literal["difference_of_gaussians"] = "difference_of_gaussians"
    sigma_centre: Length
    sigma_surround: Length
    surround: float = Field(default=1.0, ge=0)

    def weights(self, y: np.ndarray, x: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Weights of strength 1 at offsets in mm."""
        centre = self._scaled(*_gaussian(y, x, self.sigma_centre, lattice), lattice)
        around = self._scaled(*_gaussian(y, x, self.sigma_surround, lattice), lattice)
        return centre - self.surround * around


class Exponential(_Profile):
    """exp(-r / length)."""

    kind: Literal["exponential"] = "exponential"
    length: Length

    def weights(self, y: np.ndarray, x: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Weights of strength 1 at offsets in mm."""
        length = np.float64(self.length)
        area = 2 * length if lattice.axes < 2 else 2 * np.pi * length**2
        profile = np.exp(-np.hypot(y, x) / length)
        return self._scaled(profile, 1 / area, lattice)


class AnisotropicGaussian(_Profile):
    """A Gaussian longer along `angle` (degrees counter-clockwise from +x)."""

    kind: Literal["anisotropic_gaussian"] = "anisotropic_gaussian"
    sigma_along: Length
    sigma_across: Length
    angle: Angle

    def weights(self, y: np.ndarray, x: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Weights of strength 1 at offsets in mm."""
        if lattice.axes < 2:
            raise InputError(
                "an anisotropic Gaussian needs a sheet with two axes; "
                "on a ring or line use 'gaussian'"
            )
        along = x * np.cos(self.angle) + y * np.sin(self.angle)
        across = -x * np.sin(self.angle) + y * np.cos(self.angle)
        a, b = self.sigma_along, self.sigma_across
        profile = np.exp(-((along / a) ** 2 + (across / b) ** 2) / 2)
        return self._scaled(profile, 1 / (2 * np.pi * a * np.float64(b)), lattice)


class Box(_Profile):
    """The same weight for every site within the square; `centre` may be left out."""

    kind: Literal["box"] = "box"
    centre: bool = True

    def weights(self, y: np.ndarray, x: np.ndarray, lattice: Lattice) -> np.ndarray:
        """Weights of strength 1 at offsets in mm."""
        profile = np.ones_like(x)
        if not self.centre:
            profile[np.hypot(y, x) == 0] = 0.0
        area = (2 * self.radius) ** lattice.axes
        return self._scaled(profile, 1 / area, lattice)


class Shift(Document):
    """Carry a field along one axis by `velocity` sites per step (upwind).

    Weight 1 - v at the site, v at its upstream neighbour: a pulse moves towards
    `direction`; v = 1 is the exact shift (Keller et al. 2024, section 2). A list of
    velocities is one for each feature.
    """

    kind: Literal["shift"] = "shift"
    velocity: float | list[float] = 1.0
    direction: Literal["+x", "-x", "+y", "-y"] = "+x"
    strength: float = 1.0

    @model_validator(mode="after")
    def _velocities(self) -> Shift:
        for velocity in np.atleast_1d(self.velocity):
            if not 0 <= velocity <= 1:
                raise ValueError(
                    f"velocity is {velocity:g} sites per step; it is stable in [0, 1] "
                    "(Courant, Friedrichs & Lewy 1928)"
                )
        return self

    def table(self, lattice: Lattice, folder: Path | None) -> Taps:
        """Taps without delays."""
        axis = 1 if self.direction[1] == "x" else 0
        if lattice.shape[axis] < 2:
            raise InputError(
                f"a shift along {self.direction[1]} needs more than one site there; "
                f"the sheet is {lattice.shape}"
            )
        upstream = np.zeros(2, dtype=np.int64)
        upstream[axis] = -1 if self.direction[0] == "+" else 1
        offsets = np.stack([np.zeros(2, dtype=np.int64), upstream])
        velocity = np.asarray(self.velocity, dtype=np.float64)
        if velocity.ndim == 0:
            weights = self.strength * np.array([1 - velocity, velocity])
            return without_delay(offsets, weights)
        if velocity.size != lattice.features:
            raise InputError(
                f"{velocity.size} velocities for {lattice.features} features; "
                "there is one for each feature, or a single one"
            )
        weights = np.stack([np.diag(1 - velocity), np.diag(velocity)])
        return without_delay(offsets, self.strength * weights)


class Laplacian(Document):
    """Sum of second differences along each axis, in 1/mm^2."""

    kind: Literal["laplacian"] = "laplacian"
    strength: float = 1.0

    def table(self, lattice: Lattice, folder: Path | None) -> Taps:
        """Taps without delays; weights in 1/mm^2."""
        offsets, weights = [(0, 0)], [-2.0 * lattice.axes]
        for axis in range(2):
            if lattice.shape[axis] > 1:
                for side in (-1, 1):
                    offsets.append((side, 0) if axis == 0 else (0, side))
                    weights.append(1.0)
        scale = self.strength / lattice.spacing**2
        return without_delay(np.array(offsets), scale * np.array(weights))


class Stored(Document):
    """Weights from a file, as cross-correlation.

    Shape (ky, kx): each feature is coupled to itself; (out, in, ky, kx): features
    mix, such as the `u` of a trained wave RNN. Both sides odd.
    """

    kind: Literal["stored"] = "stored"
    path: str
    dataset: str | None = None
    strength: float = 1.0

    def table(self, lattice: Lattice, folder: Path | None) -> Taps:
        """Taps without delays."""
        file = located(self.path, folder)
        values = read_array(file, self.dataset)
        if values.ndim == 3:  # a ring's u(out, in, k)
            values = values[:, :, None, :]
        if values.ndim not in (2, 4):
            raise InputError(
                f"{file}: its shape is {values.shape}; a kernel is (ky, kx), "
                "(out, in, k) or (out, in, ky, kx)"
            )
        ky, kx = values.shape[-2:]
        if ky % 2 == 0 or kx % 2 == 0:
            raise InputError(
                f"{file}: the kernel is {ky} x {kx}; both sides must be odd, "
                "so that it has a centre"
            )
        features = (lattice.features, lattice.features)
        if values.ndim == 4 and values.shape[:2] != features:
            raise InputError(
                f"{file}: the kernel mixes {values.shape[:2]} features (out, in), "
                f"the sheet has {lattice.features}"
            )
        y, x = np.mgrid[-(ky // 2) : ky // 2 + 1, -(kx // 2) : kx // 2 + 1]
        offsets = np.stack([y.ravel(), x.ravel()], axis=1)
        weights = np.moveaxis(values.reshape(*values.shape[:-2], -1), -1, 0)
        return without_delay(offsets, self.strength * weights)


Kernel = Annotated[
    Gaussian
    | DifferenceOfGaussians
    | Exponential
    | AnisotropicGaussian
    | Box
    | Shift
    | Laplacian
    | Stored,
    Field(discriminator="kind"),
]


def tap_table(
    kernel: Document,
    lattice: Lattice,
    *,
    dt: float,
    delay: Delay | None = None,
    folder: Path | None = None,
) -> Taps:
    """The taps of a kernel on a lattice, delays in steps of `dt` (s).

    A conduction delay is floor(distance / (speed dt) + 0.5). Raises `InputError`
    for what cannot be meant: a kernel larger than the sheet, a fixed delay that is
    no multiple of dt, a speed so high that every delay rounds to 0.
    """
    taps: Taps = kernel.table(lattice, folder)  # type: ignore[attr-defined]
    _check_size(taps.radius, lattice)
    used = np.any(taps.weights.reshape(len(taps.weights), -1) != 0, axis=1)
    if not used.any():
        used[:1] = True  # a kernel of zeros stays a kernel
    taps = without_delay(taps.offsets[used], taps.weights[used])
    if delay is not None:
        taps = with_delay(taps, delay, lattice, dt)
    return taps


def _check_size(radius: tuple[int, int], lattice: Lattice) -> None:
    for axis, name in ((0, "y"), (1, "x")):
        side = 2 * radius[axis] + 1
        if side > lattice.shape[axis]:
            raise InputError(
                f"the kernel is {side} sites wide along {name}, the sheet only "
                f"{lattice.shape[axis]}; make the radius smaller or the sheet larger"
            )


def _gaussian(
    y: np.ndarray, x: np.ndarray, sigma: float, lattice: Lattice
) -> tuple[np.ndarray, float]:
    density = 1 / (np.sqrt(2 * np.pi) * sigma) ** lattice.axes
    return np.exp(-((y / sigma) ** 2 + (x / sigma) ** 2) / 2), float(density)


def _radius_in_sites(radius: float, lattice: Lattice) -> int:
    sites = int(np.floor(radius / lattice.spacing + 1e-6))
    if sites < 1:
        raise InputError(
            f"the radius is {radius:g} mm, less than one site ({lattice.spacing:g} mm)"
        )
    return sites


def _square(radius: int, lattice: Lattice) -> np.ndarray:
    """All offsets within +- radius along the axes that have more than one site."""
    ry, rx = (radius if n > 1 else 0 for n in lattice.shape)
    _check_size((ry, rx), lattice)  # before memory is taken for it
    y, x = np.mgrid[-ry : ry + 1, -rx : rx + 1]
    return np.stack([y.ravel(), x.ravel()], axis=1)
