"""Phase of a wave field over the sites, and the way it travels, frame by frame.

Drawing only, of what `analysis.wave_fields.wave_field` found. Colours are phases on a
cyclic map; the key is a bar, as a wheel beside arrows would be read as directions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from matplotlib.transforms import ScaledTranslation

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import ColourScale
from cortexwave.view.selection import milliseconds, nearest_frames, site_size

PHASE = ColourScale("twilight", 0.0, 2 * np.pi, "neither", "phase (rad)", cyclic=True)
_NAMES = ("phase", "amplitude", "frequency", "gradient_y", "gradient_x", "valid")
_MOST_FRAMES = 64
_MAP = 2.4  # inches of the longer side of a single map
_ARROWS = "arrows: travel"
_DOT = 0.8  # share of the pitch that an electrode's dot, or an arrow, covers


@dataclass(frozen=True)
class PhaseFrames:
    """Frames of a wave field at their sites, rows and columns in rising order.

    `toward_x`, `toward_y` are unit vectors of propagation (y up), NaN where the
    gradient or the sign of the frequency is not known.
    """

    time: np.ndarray  # (frame,), s
    x: np.ndarray  # (site,), mm; lattices in (y, x) order
    y: np.ndarray  # (site,), mm
    shape: tuple[int, int] | None  # (y, x) of a lattice, None for electrodes
    pitch: float  # mm
    phase: np.ndarray  # (frame, site), rad
    amplitude: np.ndarray  # (frame, site)
    toward_x: np.ndarray  # (frame, site)
    toward_y: np.ndarray  # (frame, site)
    valid: np.ndarray  # (frame,), False where the filter's edges spoilt it

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in mm: half a pitch beyond the sites."""
        half = self.pitch / 2
        return (float(self.x.min()) - half, float(self.x.max()) + half,
                float(self.y.min()) - half, float(self.y.max()) + half)  # fmt: skip

    @property
    def ratio(self) -> float:
        """Width over height of what is drawn."""
        left, right, low, high = self.extent
        return (right - left) / (high - low)

    def arrow_sites(self, most: int) -> np.ndarray:
        """Indices of the sites that bear arrows: about `most` along an axis."""
        if self.shape is None:
            every = max(1, -(-self.x.size // most**2))
            return np.arange(0, self.x.size, every)
        every = self.arrow_step(most)
        rows, columns = (np.arange((n - 1) % every // 2, n, every) for n in self.shape)
        return (rows[:, None] * self.shape[1] + columns).ravel()

    def arrow_step(self, most: int) -> int:
        """Sites from one arrow to the next along an axis."""
        return 1 if self.shape is None else max(1, -(-max(self.shape) // most))


def expect(dataset: xr.Dataset, needed: Sequence[str], maker: str) -> None:
    """Refuse a dataset that lacks a variable, saying which function makes one."""
    if not isinstance(dataset, xr.Dataset):
        raise InputError(
            f"a Dataset, as {maker} gives, is needed, not {type(dataset).__name__}"
        )
    missing = [name for name in needed if name not in dataset]
    if missing:
        raise InputError(
            f"a dataset with {', '.join(repr(name) for name in missing)}, as {maker} "
            f"gives, is needed; this one has {list(dataset.data_vars)}"
        )


def phase_frames(
    field: xr.Dataset, index: Sequence[int] | slice, *, trial: int, feature: int
) -> PhaseFrames:
    """Some frames of one trial and feature of a wave field; only these are read."""
    schema.validate_wave_field(field)
    one = _one(field, trial, feature)
    x, y, shape, pitch = _sites(one)
    if shape is not None:
        one = one.sortby(["y", "x"])  # an image's rows rise, whatever the index does
    dims = ("channel",) if shape is None else ("y", "x")
    one = one.isel(time=index if isinstance(index, slice) else list(index))

    def read(name: str) -> np.ndarray:
        values = np.asarray(one[name].transpose("time", *dims).values, dtype=float)
        return values.reshape(values.shape[0], -1)

    gradient_x, gradient_y = read("gradient_x"), read("gradient_y")
    size = np.hypot(gradient_x, gradient_y)
    # phase grows in time, so a wave goes where phase falls, if its frequency is > 0
    with np.errstate(invalid="ignore"):
        along = -np.sign(read("frequency")) / np.where(size > 0, size, np.nan)
    return PhaseFrames(
        time=np.asarray(one["time"].values, dtype=float),
        x=x, y=y, shape=shape, pitch=pitch,
        phase=read("phase"), amplitude=read("amplitude"),
        toward_x=along * gradient_x, toward_y=along * gradient_y,
        valid=np.asarray(one["valid"].values, dtype=bool),
    )  # fmt: skip


def _one(field: xr.Dataset, trial: int, feature: int) -> xr.Dataset:
    """One trial and feature; a line becomes a lattice of one row or column."""
    phase = field["phase"]
    for dim, index in (("trial", trial), ("feature", feature)):
        count = phase.sizes.get(dim, 1)
        if not isinstance(index, int | np.integer) or not 0 <= index < count:
            raise InputError(f"{dim} {index!r} of the wave field was asked for; "
                             f"it has {count}, numbered from 0")  # fmt: skip
    chosen = {d: i for d, i in (("trial", trial), ("feature", feature))
              if d in phase.dims}  # fmt: skip
    one = field[[n for n in _NAMES if n in field]].isel(chosen, missing_dims="ignore")
    if "channel" in phase.dims:
        return one
    for axis in ("y", "x"):
        if axis not in phase.dims:
            one = one.drop_vars([axis, f"gradient_{axis}"], errors="ignore")
            one = one.expand_dims({axis: [0.0]})
            one[axis].attrs["units"] = "mm"
            one = one.assign(valid=one["valid"].isel({axis: 0}))
        if one.sizes[axis] == 1:  # nothing is known across a line: it travels along it
            one = one.assign({f"gradient_{axis}": xr.zeros_like(one["phase"])})
    return one


def _sites(
    field: xr.Dataset,
) -> tuple[np.ndarray, np.ndarray, tuple[int, int] | None, float]:
    """x and y of every site in mm, rising; shape of a lattice; pitch in mm."""
    for axis in ("x", "y"):
        found = field[axis].attrs.get("units") if axis in field.coords else None
        if found != "mm":
            raise InputError(f"units of the position '{axis}' are {found!r}, not 'mm'")
    x, y = (np.asarray(field[axis].values, dtype=float) for axis in ("x", "y"))
    if "channel" in field["phase"].dims:
        return x, y, None, _nearest(x, y)
    x, y = np.sort(x), np.sort(y)
    pitch = min((s for s in (site_size(x), site_size(y)) if s), default=1.0)
    down, across = np.meshgrid(y, x, indexing="ij")
    return across.ravel(), down.ravel(), (y.size, x.size), pitch


def _nearest(x: np.ndarray, y: np.ndarray) -> float:
    """Median distance of electrodes to their nearest neighbours in mm.

    Not below 0.6 of the mean distance: pairs that stand close would make all dots
    small.
    """
    if x.size < 2:
        return 1.0
    from scipy.spatial import cKDTree

    places = np.column_stack([x, y])
    nearest = float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
    mean = float(np.sqrt(np.ptp(x) * np.ptp(y) / x.size))
    return max(nearest, 0.6 * mean) or 1.0


def draw_phase_map(
    field: xr.Dataset,
    axes: Axes | None = None,
    *,
    time: float,
    trial: int = 0,
    feature: int = 0,
    arrows: int = 16,
) -> Axes:
    """Phase at the frame nearest to `time` (s), with arrows where it travels to.

    Lattices are drawn as sites, electrodes as dots; dead ones are grey. Arrows, at
    most about `arrows` along an axis (0 for none), have one length: they say the
    direction of propagation only. At the last frame, whose frequency is not known,
    there are none. Without `axes` a figure is made: it is `axes.figure`.
    """
    index = nearest_frames(np.asarray(_time(field)), [time])
    frames = phase_frames(field, index, trial=trial, feature=feature)
    with pieces.journal_style():
        if axes is None:
            axes = _own_axes(frames)
        phase_panel(axes, frames, 0, arrows=arrows)
        inches = axes.get_window_extent().height / axes.figure.dpi
        tall = max(1.0, 0.8 / inches)  # a line's map is too low for the key's texts
        key = axes.inset_axes((1.05, 0.5 - tall / 2, 0.05, tall))
        pieces.draw_key(key, PHASE)
        length_bar(axes, frames)
        if arrows:
            axes.annotate(_ARROWS, (1, 0), (0, -10), ha="right", va="top",
                          xycoords="axes fraction", textcoords="offset points",
                          fontsize=7)  # fmt: skip
    return axes


def _time(field: xr.Dataset) -> np.ndarray:
    expect(field, ("phase", "time"), "wave_field")
    return np.asarray(field["time"].values, dtype=float)


def _own_axes(frames: PhaseFrames) -> Axes:
    wide, tall = _MAP * min(1.0, frames.ratio), _MAP / max(1.0, frames.ratio)
    spare = max(0.0, 0.9 - tall)
    figure = pieces.new_figure(wide + 0.15 + pieces.KEY_WIDTH, tall + spare + 0.65)
    return pieces.axes_at(figure, 0.15, 0.27 + spare / 2, wide, tall)


def phase_panel(
    axes: Axes, frames: PhaseFrames, frame: int, *, arrows: int
) -> Quiver | None:
    """One frame on axes, titled with its time in ms; the arrows, if any are drawn."""
    phase = frames.phase[frame]
    if frames.shape is None:
        axes.add_collection(electrode_dots(axes, frames, PHASE.wrapped(phase)))
        left, right, low, high = frames.extent
        axes.set(xlim=(left, right), ylim=(low, high))
    else:
        pieces.draw_image(axes, phase.reshape(frames.shape), PHASE, frames.extent)
    bare(axes)
    stamp = milliseconds([float(frames.time[frame])])[0]
    spoilt = not frames.valid[frame]
    axes.set_title(f"{stamp}, filter edge" if spoilt else stamp, fontsize=7, pad=2,
                   color=pieces.QUIET if spoilt else pieces.INK)  # fmt: skip
    return draw_arrows(axes, frames, frame, arrows) if arrows else None


def electrode_dots(
    axes: Axes, frames: PhaseFrames, values: np.ndarray
) -> EllipseCollection:
    """A dot per electrode, as large on the sheet whatever the size of the figure."""
    across = np.full(values.size, _DOT * frames.pitch)
    dots = EllipseCollection(
        across, across, np.zeros(values.size), units="xy", linewidths=0.3,
        offsets=np.column_stack([frames.x, frames.y]), offset_transform=axes.transData,
        cmap=PHASE.colour_map(), norm=PHASE.norm(), edgecolors=pieces.QUIET,
    )  # fmt: skip
    dots.set_array(np.ma.masked_invalid(values))
    return dots


def bare(axes: Axes) -> None:
    """A map's axes: as many inches per mm up as across, a thin frame, no ticks."""
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.4)
        spine.set_color(pieces.QUIET)


def draw_arrows(axes: Axes, frames: PhaseFrames, frame: int, most: int) -> Quiver:
    """Arrows of propagation, of one length; white with an edge, to be seen on all."""
    if not isinstance(most, int | np.integer) or most < 1:
        raise InputError(f"arrows is {most!r}; at least 1 along an axis, or 0 for none")
    at = frames.arrow_sites(int(most))
    u, v = frames.toward_x[frame][at], frames.toward_y[frame][at]
    length = _DOT * frames.pitch * frames.arrow_step(int(most))
    return axes.quiver(
        frames.x[at], frames.y[at], np.ma.masked_invalid(u), np.ma.masked_invalid(v),
        angles="xy", scale_units="xy", units="xy", scale=1 / length, pivot="mid",
        width=0.1 * length, headwidth=4, headlength=4, headaxislength=3.4,
        minlength=0, color="white", edgecolor="black", linewidth=0.35,
    )  # fmt: skip


def length_bar(axes: Axes, frames: PhaseFrames) -> None:
    """A bar of round length in mm below a map, from its left edge."""
    left, right, low, high = frames.extent
    span = max(right - left, 0.5 * (high - low))
    length = pieces.nice_length(span)
    at_edge = axes.get_xaxis_transform()
    below = at_edge + ScaledTranslation(0, -6 / 72, axes.figure.dpi_scale_trans)
    axes.plot([left, left + length], [0, 0], color=pieces.INK, lw=2.0,
              solid_capstyle="butt", transform=below, clip_on=False)  # fmt: skip
    axes.annotate(pieces.length_text(length), (left, 0), (0, -10), va="top",
                  xycoords=at_edge, textcoords="offset points", fontsize=7)  # fmt: skip
    axes.set(xlim=(left, right), ylim=(low, high))


def mark_centre(axes: Axes, x: float, y: float) -> None:
    """A ring with a dot where a wave comes from, goes to, or turns about (mm)."""
    axes.plot([x], [y], "o", mfc="none", mec="black", ms=7, mew=2.0)
    axes.plot([x], [y], "o", mfc="none", mec="white", ms=7, mew=1.0)
    axes.plot([x], [y], "o", mfc="white", mec="black", ms=2.6, mew=0.5)


def draw_phase_sequence(
    field: xr.Dataset,
    *,
    times: Sequence[float],
    trial: int = 0,
    feature: int = 0,
    arrows: int = 12,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Maps of phase at `times` (s) side by side, with one key and one scale bar."""
    index = nearest_frames(_time(field), times)
    if len(index) > _MOST_FRAMES:
        raise InputError(f"{len(index)} frames were asked for; 1 to {_MOST_FRAMES} fit")
    frames = phase_frames(field, index, trial=trial, feature=feature)
    title = pieces.plain(field_text(field), 100)
    margin, gap, stamp, head = 0.1, 0.1, 0.2, 0.22
    room = width - pieces.KEY_WIDTH - margin
    columns = min(len(index), max(1, int(room // (1.0 + gap))))
    columns = -(-len(index) // -(-len(index) // columns))  # rows of like length
    wide = min((room + gap) / columns - gap, _MAP)
    tall = wide / frames.ratio
    rows = -(-len(index) // columns)
    block = rows * (stamp + tall) + (rows - 1) * 0.06
    body = columns * (wide + gap) - gap
    with pieces.journal_style():
        figure = pieces.new_figure(
            max(margin + body + pieces.KEY_WIDTH, 3.0), head + block + 0.4
        )
        for k in range(len(index)):
            row, column = divmod(k, columns)
            axes = pieces.axes_at(
                figure, margin + column * (wide + gap),
                head + row * (stamp + tall + 0.06) + stamp, wide, tall,
            )  # fmt: skip
            phase_panel(axes, frames, k, arrows=arrows)
            if k == (rows - 1) * columns:
                length_bar(axes, frames)
        key = pieces.axes_at(
            figure, margin + body + 0.12, head + stamp, 0.1, max(tall, 0.9)
        )
        pieces.draw_key(key, PHASE)
        if arrows:
            title = f"{title}; {_ARROWS}" if title else _ARROWS
        pieces.write_heading(figure, title)
    return figure


def field_text(field: xr.Dataset) -> str:
    """Variable, band and kind of phase of a wave field on one line."""
    variable, method = (str(field.attrs.get(name, "")) for name in
                        ("variable", "phase_method"))  # fmt: skip
    band = field.attrs.get("band")
    band = json.loads(band) if isinstance(band, str) else band  # as files have it
    parts = [variable] if variable else []
    if band is not None and np.size(band) == 2:
        low, high = np.asarray(band, dtype=float)
        parts.append(f"{low:g} to {high:g} Hz")
    return ", ".join([*parts, *([f"{method} phase"] if method else [])])
