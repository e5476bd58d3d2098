"""docs/story.png: protocol, wave, memory and comparison, of one study.

Run it once the commands in protocols/studies/three_animals/study.yaml are done:

    python docs/make_story.py protocols/studies/three_animals docs/story.png
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import cortexwave as cw

BAND = (14.0, 28.0)  # Hz, of the study
AT = 1.0 + 0.014 * np.arange(3)  # s, a quarter of a cycle apart


def draw_bar(axis: Axes, x: float, y: float, length: float) -> None:
    """A bar of `length` mm from (x, y), with its length beside it."""
    axis.plot([x, x + length], [y, y], "k", lw=2, solid_capstyle="butt")
    axis.annotate(f"{length:g} mm", (x + length / 2, y), (0, 2), ha="center",
                  textcoords="offset points", fontsize=7)  # fmt: skip


def draw_sheet(row: list[Axes], sheet: Path, places: list[tuple[float, float]]) -> None:
    """Frames of the sheet, with the places that are flashed and where the array is."""
    recording = cw.open_recording(sheet)
    frames = recording["u"].sel(time=AT, method="nearest")
    limit = float(np.abs(frames).max())
    x = recording["x"].values
    for axis, frame in zip(row, frames, strict=True):
        drawn = axis.pcolormesh(
            x, recording["y"].values, frame.values, cmap="RdBu_r", vmin=-limit,
            vmax=limit, shading="nearest",
        )  # fmt: skip
        axis.add_patch(Rectangle((4.0, 4.0), 4.0, 4.0, fill=False, lw=0.8))
        axis.set(title=f"{1e3 * float(frame.time):.0f} ms", aspect="equal",
                 xticks=[], yticks=[])  # fmt: skip
        axis.plot(*zip(*places, strict=True), "k.", ms=3)
    draw_bar(row[0], 8.5, 0.6, 3.0)
    row[0].set(ylabel="the model's sheet")
    row[0].figure.colorbar(drawn, ax=row, shrink=0.8, label="u", ticks=[], pad=0.01)


def draw_phase(row: list[Axes], lab: Path) -> None:
    """Phase over the array of an animal, a quarter of a cycle apart."""
    field = cw.wave_field(cw.to_grid(cw.open_recording(lab)), band=BAND)
    frames = field["phase"].sel(time=AT, method="nearest")
    for axis, frame in zip(row, frames, strict=True):
        drawn = axis.pcolormesh(
            frame.x, frame.y, frame.values, cmap="twilight", vmin=-np.pi, vmax=np.pi,
            shading="nearest",
        )  # fmt: skip
        axis.set(title=f"{1e3 * float(frame.time):.0f} ms", aspect="equal", xticks=[],
                 yticks=[])  # fmt: skip
    wide = float(frame.x.max() - frame.x.min())
    row[0].set(ylabel="phase in an animal", xlabel=f"contacts across {wide:g} mm")
    key = row[0].figure.colorbar(drawn, ax=row, shrink=0.8, pad=0.01)
    key.set_ticks([-np.pi, 0, np.pi], labels=["-π", "0", "π"])


def draw_memory(left: Axes, right: Axes, lab: Path) -> None:
    """Which place was flashed, read from one frame; and whether decoders carry over."""
    trials = cw.trials_of(cw.open_recording(lab), window=(0.0, 0.07), label="item")
    found = cw.temporal_generalisation(trials, permutations=39, seed=0)
    clock = 1e3 * found["test_time"].values
    matrix = found["accuracy"].values
    left.plot(clock, np.diag(matrix))
    left.axhline(0.25, color="grey", lw=0.8)
    left.set(xlabel="time since flash (ms)", ylabel="accuracy (chance 1/4)",
             ylim=(0, 1), title="which flash, from one frame")  # fmt: skip
    drawn = right.pcolormesh(clock, clock, matrix, vmin=0, vmax=1, shading="nearest")
    right.figure.colorbar(drawn, ax=right, label="accuracy")
    right.set(xlabel="tested at (ms)", ylabel="fitted at (ms)", aspect="equal",
              title="a decoder does not keep")  # fmt: skip


def draw_comparison(axis: Axes, reports: list[tuple[str, Path]]) -> None:
    """Speeds of all episodes that follow a wave, of animals and of models."""
    rows: dict[str, list[float]] = {}
    for number, (called, folder) in enumerate(reports):
        with (folder / "events.csv").open() as file:
            for event in csv.DictReader(file):
                if event["side"] == "lab" and number:
                    continue
                name = event["subject"] if event["side"] == "lab" else called
                if event["speed_mm_per_s"]:
                    rows.setdefault(name, []).append(
                        float(event["speed_mm_per_s"]) / 1e3
                    )
    for place, (name, speeds) in enumerate(rows.items()):
        colour = "C1" if name in dict(reports) else "C0"
        spread = 0.25 * np.random.default_rng(0).uniform(-1, 1, len(speeds))
        axis.plot(place + spread, speeds, ".", ms=2, alpha=0.5, color=colour)
        axis.hlines(np.median(speeds), place - 0.35, place + 0.35, color="k", lw=1.2)
    axis.set(xticks=range(len(rows)), xticklabels=list(rows), ylim=(0, 0.25),
             ylabel="speed of waves (m/s)", title="animals and models")  # fmt: skip


def main(study: Path, output: Path) -> None:
    """Draw the picture of a study that has been run."""
    runs = study / "runs"
    known = (("model", runs / "report"), ("too fast", runs / "too_fast"))
    reports = [each for each in known if (each[1] / "events.csv").is_file()]
    sheet = sorted((runs / "report" / "model").glob("*.h5"))[0]
    protocol = cw.load_protocol(study / "sheet.yaml")
    places = [(place.x, place.y) for place in protocol.stimuli[0].sites]
    figure = plt.figure(figsize=(10, 4.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.0, 1.15])
    frames = top.subplots(1, 6)
    top.suptitle("protocol and wave: four places are flashed, 25 electrodes look on",
                 fontsize=9)  # fmt: skip
    bottom.suptitle("memory and comparison", fontsize=9)
    draw_sheet(list(frames[:3]), sheet, places)
    draw_phase(list(frames[3:]), runs / "bea_1.h5")
    axes = bottom.subplots(1, 3)
    draw_memory(axes[0], axes[1], runs / "bea_1.h5")
    draw_comparison(axes[2], reports)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    plt.rcParams.update({"font.size": 8, "axes.titlesize": 8})
    main(Path(sys.argv[1]), Path(sys.argv[2]))
