"""Stimuli from files: images shown for a while, and movies streamed by frame."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator
from scipy.ndimage import map_coordinates

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.sheet.arrays import located, open_array, read_array, read_part
from cortexwave.sheet.drive import Source, Streamed
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.stimuli import Setting, _Base, _Flashed, warn_if_off
from cortexwave.units import Duration, Frequency, Length, Position


class Picture(Document):
    """An image: a file (with `dataset` and `index` where it holds several), or one
    of scikit-learn's bundled handwritten digits (`digit`, `example`).

    Arrays are (y, x) with row 0 lowest; image files are turned so.
    """

    path: str | None = None
    dataset: str | None = None
    index: int | None = Field(default=None, ge=0)
    digit: int | None = Field(default=None, ge=0, le=9)
    example: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_of(self) -> Picture:
        if (self.path is None) == (self.digit is None):
            raise ValueError("an image is either a 'path' or a 'digit'")
        return self

    @property
    def label(self) -> str:
        """Its name in the events table."""
        if self.path is None:
            return str(self.digit)
        number = "" if self.index is None else f"[{self.index}]"
        return Path(self.path).name + number

    def values(self, folder: Path | None) -> np.ndarray:
        """Values (y, x), row 0 lowest."""
        if self.digit is not None:
            return _digit(self.digit, self.example)
        file = located(str(self.path), folder)
        if self.index is None:
            values = read_array(file, self.dataset)
        else:
            opened = open_array(file, self.dataset)
            if opened.ndim != 3 or self.index >= opened.shape[0]:
                raise InputError(
                    f"{file}: no image {self.index} in an array of shape {opened.shape}"
                )
            values = read_part(opened, self.index, file)
            if not np.isfinite(values).all():
                raise InputError(f"{file}: image {self.index} has values not finite")
        if values.ndim != 2 or min(values.shape) < 1:
            raise InputError(f"{file}: its shape is {values.shape}; an image is (y, x)")
        return values


class Images(_Flashed):
    """Images shown one after the other, scaled to `width` (mm) around (y, x).

    The centre is the sheet's where it is not given. `shuffled` draws a new order in
    each trial.
    """

    kind: Literal["images"] = "images"
    items: list[Picture] = Field(min_length=1)
    interval: Duration
    width: Length
    y: Position | None = None
    x: Position | None = None
    order: Literal["as_listed", "shuffled"] = "as_listed"

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        order = np.arange(len(self.items))
        if self.order == "shuffled":
            draw.shuffle(order)
        return [self._one(setting, self.items[item], self.onset + rank * self.interval)
                for rank, item in enumerate(order)]  # fmt: skip

    def _one(self, setting: Setting, picture: Picture, onset: float) -> Source:
        lattice = setting.lattice
        y = lattice.y.mean() if self.y is None else self.y
        x = lattice.x.mean() if self.x is None else self.x
        pattern = setting.pattern(
            (picture, float(y), float(x)),
            lambda: (
                self.strength(setting)
                * placed(
                    picture.values(setting.folder),
                    lattice,
                    y,
                    x,
                    self.width,
                    name=setting.name,
                )
            ),
        )
        row = setting.event(self.kind, onset, self.duration,
                            item=picture.label, x=x, y=y)  # fmt: skip
        return self.shown(setting, pattern, onset, row)


class Movie(_Base):
    """A movie of the sheet's shape, (time, y, x) or (time, feature, y, x), by frame.

    It is read as it is shown, never whole. Frames change every 1/`rate`; after the
    last nothing is shown.
    """

    kind: Literal["movie"] = "movie"
    path: str
    dataset: str | None = None
    rate: Frequency

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        file = located(self.path, setting.folder)
        # opened once for all trials: a process may hold only so many open files
        frames = setting.pattern("movie", lambda: open_array(file, self.dataset))
        lattice = setting.lattice
        if frames.shape[1:] not in (lattice.shape, lattice.field_shape):
            raise InputError(
                f"{file}: its shape is {frames.shape}; a movie for this sheet is "
                f"(time, {lattice.shape[0]}, {lattice.shape[1]}) or (time, feature, "
                "y, x)"
            )
        strength, count = self.strength(setting), len(frames)
        duration = count / self.rate
        first, last = setting.span(self.onset, duration)
        # 1e-9: a frame that starts exactly on a step is shown at that step
        per_step = self.rate * setting.dt

        def place(step: int) -> int:
            return min(int(step * per_step + 1e-9), count - 1)

        row = setting.event(self.kind, self.onset, duration, item=file.name)
        return [Streamed(
            setting.into, first, last, place,
            lambda number: strength * read_part(frames, number, file),
            row,
        )]  # fmt: skip


def placed(
    image: np.ndarray, lattice: Lattice, y: float, x: float, width: float, *, name: str
) -> np.ndarray:
    """An image of `width` mm centred at (y, x) on the sheet, (y, x); 0 around it.

    Pixels are square and meet at their edges; sites between pixel centres are
    interpolated linearly. Warns if it lies on no site.
    """
    if width < lattice.spacing:
        raise InputError(
            f"the images of '{name}' are {width:g} mm wide, less than one site "
            f"({lattice.spacing:g} mm)"
        )
    pixel = width / image.shape[1]
    dy, dx = lattice.displacements(y, x)
    row = dy / pixel + (image.shape[0] - 1) / 2
    column = dx / pixel + (image.shape[1] - 1) / 2
    values = map_coordinates(image, [row, column], order=1, mode="nearest")
    # an image as wide as n sites covers n, and rounding does not decide which
    ny, nx = image.shape
    edge = -0.5 - 1e-6
    inside = (row >= edge) & (row < ny + edge) & (column >= edge) & (column < nx + edge)
    warn_if_off(name, lattice, y, x, nothing=not inside.any())
    return np.where(inside, values, 0.0)


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bundled = load_digits()
    return bundled.images, bundled.target


def _digit(digit: int, example: int) -> np.ndarray:
    """A handwritten digit, 8 x 8 in [0, 1], row 0 lowest (Alpaydin & Kaynak 1998)."""
    images, labels = _digits()
    of_digit = images[labels == digit]
    if example >= len(of_digit):
        raise InputError(
            f"there are {len(of_digit)} examples of digit {digit}, no number {example}"
        )
    return of_digit[example][::-1] / 16.0
