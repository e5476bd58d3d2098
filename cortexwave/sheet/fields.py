"""Maps over the sheet: a parameter, a gain or an initial state that varies by site.

A field has shape (feature, y, x). Its numbers are text with the unit of what it is a
field of, or plain numbers where that has none; `render` turns them into base units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.sheet.arrays import located, read_array
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import Length, Position, Value, quantity


class Gradient(Document):
    """A linear change along one axis, from the first site to the last."""

    kind: Literal["gradient"] = "gradient"
    axis: Literal["x", "y"]
    first: Value
    last: Value

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units."""
        n = lattice.shape[1 if self.axis == "x" else 0]
        line = np.linspace(quantity(self.first, unit), quantity(self.last, unit), n)
        line = line[None, :] if self.axis == "x" else line[:, None]
        return np.broadcast_to(line, lattice.field_shape).copy()


class Patch(Document):
    """One value inside a disc or a rectangle, another outside.

    A disc has `radius`; a rectangle has `width` (x) and `height` (y). A line of
    sites, such as a cut, is a rectangle one spacing wide.
    """

    kind: Literal["patch"] = "patch"
    inside: Value
    outside: Value
    y: Position
    x: Position
    radius: Length | None = None
    width: Length | None = None
    height: Length | None = None

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units."""
        dy, dx = lattice.displacements(self.y, self.x)
        # Half a thousandth of a site: sites on the rim are inside despite rounding.
        slack = 5e-4 * lattice.spacing
        if self.radius is not None and self.width is None and self.height is None:
            inside = np.hypot(dy, dx) <= self.radius + slack
        elif self.radius is None and self.width is not None and self.height is not None:
            inside = (np.abs(dx) <= self.width / 2 + slack) & (
                np.abs(dy) <= self.height / 2 + slack
            )
        else:
            raise InputError("a patch has either a radius, or a width and a height")
        if not inside.any():
            raise InputError(f"the patch at y {self.y:g}, x {self.x:g} mm has no site")
        values = np.where(inside, quantity(self.inside, unit), 0.0)
        values = values + np.where(inside, 0.0, quantity(self.outside, unit))
        return np.broadcast_to(values, lattice.field_shape).copy()


class Random(Document):
    """Independent values per site and feature, drawn from a seed."""

    kind: Literal["random"] = "random"
    distribution: Literal["normal", "uniform", "lognormal"] = "normal"
    mean: Value
    sd: Value
    seed: int = Field(ge=0)

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units; mean and sd as stated."""
        mean, sd = quantity(self.mean, unit), quantity(self.sd, unit)
        if sd < 0:
            raise InputError(f"the standard deviation is {self.sd!r}, not positive")
        draw = np.random.default_rng(self.seed)
        if self.distribution == "normal":
            return draw.normal(mean, sd, lattice.field_shape)
        if self.distribution == "uniform":
            half = np.sqrt(3.0) * sd
            return draw.uniform(mean - half, mean + half, lattice.field_shape)
        if mean <= 0:
            raise InputError(f"the mean of a lognormal is {self.mean!r}, not positive")
        sigma = np.sqrt(np.log1p((sd / mean) ** 2))
        return draw.lognormal(np.log(mean) - sigma**2 / 2, sigma, lattice.field_shape)


class FromFile(Document):
    """Values from an array file of shape (y, x) or (feature, y, x), in `unit`."""

    kind: Literal["file"] = "file"
    path: str
    dataset: str | None = None
    unit: str = "1"

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units."""
        file = located(self.path, folder)
        values = read_array(file, self.dataset)
        if values.shape not in (lattice.shape, lattice.field_shape):
            raise InputError(
                f"{file}: its shape is {values.shape}, the sheet's is {lattice.shape} "
                f"or with features {lattice.field_shape}"
            )
        one = quantity(f"1 {self.unit}" if self.unit != "1" else 1.0, unit)
        return np.broadcast_to(values * one, lattice.field_shape).copy()


class Bump(Document):
    """A Gaussian of `sigma` with its top at (y, x)."""

    kind: Literal["bump"] = "bump"
    top: Value
    y: Position = 0.0
    x: Position
    sigma: Length

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units."""
        dy, dx = lattice.displacements(self.y, self.x)
        with np.errstate(over="ignore"):  # far away is 0 all the same
            shape = np.exp(-((dy / self.sigma) ** 2 + (dx / self.sigma) ** 2) / 2)
        values = quantity(self.top, unit) * shape
        return np.broadcast_to(values, lattice.field_shape).copy()


class Twist(Document):
    """An angle that turns `turns` times over the length of an axis (rad).

    On a periodic axis whole turns close without a seam.
    """

    kind: Literal["twist"] = "twist"
    axis: Literal["x", "y"]
    turns: float

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units."""
        quantity("1 rad", unit)
        n = lattice.shape[1 if self.axis == "x" else 0]
        line = 2 * np.pi * self.turns * np.arange(n) / n
        line = line[None, :] if self.axis == "x" else line[:, None]
        return np.broadcast_to(line, lattice.field_shape).copy()


class Sum(Document):
    """Several fields, added."""

    kind: Literal["sum"] = "sum"
    terms: list[Annotated[
        Gradient | Patch | Random | FromFile | Bump | Twist,
        Field(discriminator="kind"),
    ]] = Field(min_length=1)  # fmt: skip

    def render(self, lattice: Lattice, unit: str, folder: Path | None) -> np.ndarray:
        """The field, shape (feature, y, x), in base units."""
        parts = [term.render(lattice, unit, folder) for term in self.terms]
        return np.sum(parts, axis=0)


FieldDocument = Annotated[
    Gradient | Patch | Random | FromFile | Bump | Twist | Sum,
    Field(discriminator="kind"),
]


def _kind(value: Any) -> str | None:
    """What stands where a value or a field may stand: "value", or the field's kind."""
    if isinstance(value, Document):
        return str(getattr(value, "kind", None))
    return value.get("kind") if isinstance(value, dict) else "value"


# A plain value, or a map of values over the sheet.
ValueOrField = Annotated[
    Annotated[Value, Tag("value")]
    | Annotated[Gradient, Tag("gradient")]
    | Annotated[Patch, Tag("patch")]
    | Annotated[Random, Tag("random")]
    | Annotated[FromFile, Tag("file")]
    | Annotated[Bump, Tag("bump")]
    | Annotated[Twist, Tag("twist")]
    | Annotated[Sum, Tag("sum")],
    Discriminator(_kind),
]


def render(
    value: Value | Document, lattice: Lattice, unit: str, folder: Path | None
) -> float | np.ndarray:
    """A float for a plain value, an array (feature, y, x) for a field; base units."""
    if isinstance(value, Document):
        return value.render(lattice, unit, folder)  # type: ignore[attr-defined]
    return quantity(value, unit)
