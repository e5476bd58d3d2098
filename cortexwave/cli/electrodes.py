"""The command that sees a sheet through electrodes, and its options."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cortexwave.checking import one_of
from cortexwave.cli.application import Json, Overwrite, app
from cortexwave.cli.given_options import given, given_band
from cortexwave.errors import InputError
from cortexwave.terminal import print_path

if TYPE_CHECKING:
    import xarray as xr

    from cortexwave.lab.noise import Noise

Sheet = Annotated[Path, typer.Argument(help="Recording of a sheet.")]
Map = Annotated[
    str,
    typer.Option(help="utah_10x10, '8x8 0.4 mm', .cmp, .tsv, .csv, .json or lab.h5."),
]
Pitch = Annotated[str | None, typer.Option(help="Pitch of a .cmp map: '0.4 mm'.")]
Source = Annotated[
    str | None,
    typer.Option(help="Field that they see; else the summed synaptic input."),
]
Gain = Annotated[
    str | None,
    typer.Option(help="Of one unit of the source: '50 uV'. NWB is in V."),
]
Spacing = Annotated[
    str | None, typer.Option(help="Between sites, in place of the sheet's: '0.1 mm'.")
]
Interval = Annotated[
    str | None, typer.Option(help="Between frames, in place of its own: '1 ms'.")
]
Position = Annotated[
    str,
    typer.Option(
        help="Middle of the array on the sheet: centre, '1.2 mm, 3 mm', or map: "
        "where the map says."
    ),
]
Rotation = Annotated[
    str, typer.Option(help="Of the array, counter-clockwise: '30 deg'.")
]
Spread = Annotated[
    str | None, typer.Option(help="sd of the point spread; Utah LFP 0.1 to 0.25 mm.")
]
Seed = Annotated[int, typer.Option(help="Of noise and dead sites.")]


@app.command()
def observe(
    recording: Sheet,
    electrodes: Map,
    output: Annotated[Path, typer.Option("--output", "-o", help="Recording to write.")],
    pitch: Pitch = None,
    source: Source = None,
    gain: Gain = None,
    spacing: Spacing = None,
    interval: Interval = None,
    position: Position = "centre",
    rotation: Rotation = "0 deg",
    wrap: Annotated[
        str,
        typer.Option(help="Axes on which a periodic sheet goes on: x, y, both."),
    ] = "none",
    spread: Spread = None,
    snr: Annotated[
        float | None, typer.Option(help="Signal to noise in dB, within --noise-band.")
    ] = None,
    noise_band: Annotated[
        str | None, typer.Option(help="Where --snr holds: '5 Hz:40 Hz'.")
    ] = None,
    noise_exponent: Annotated[
        float, typer.Option(help="Of noise 1/f^exponent; 0 is white.")
    ] = 0.0,
    noise_common: Annotated[
        float, typer.Option(help="Share of noise that is the same at all contacts.")
    ] = 0.0,
    noise_local: Annotated[
        float, typer.Option(help="Share of noise that neighbours have in common.")
    ] = 0.0,
    noise_length: Annotated[
        str | None, typer.Option(help="Over which --noise-local falls off: '1 mm'.")
    ] = None,
    band: Annotated[
        str | None, typer.Option(help="Of the amplifier, causal: '0.3 Hz:250 Hz'.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="Of the amplifier: '1000 Hz'.")
    ] = None,
    resolution: Annotated[
        str | None, typer.Option(help="Of the amplifier's 16 bits: '0.25 uV'.")
    ] = None,
    reference: Annotated[str, typer.Option(help="none or common_average.")] = "none",
    dead: Annotated[
        str, typer.Option(help="Share of dead sites (0.1), or their labels: r0c1,r2c2.")
    ] = "0",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """See a sheet as electrodes would: a recording of channels, as a lab's is."""
    from cortexwave.lab.amplifier import Amplifier
    from cortexwave.recording.saving import save_recording

    amplifier = None
    if band or rate or resolution:
        amplifier = Amplifier(
            given_band(band, "--band") if band else (None, None),
            rate=given(rate, "Hz", "--rate"),
            resolution=given(resolution, "uV", "--resolution"),
        )  # fmt: skip
    look = look_of(source, gain, spacing, interval, position, rotation, spread, seed)
    made = seen_through(
        recording, electrodes, pitch, **look,
        wrap=one_of("--wrap", wrap, ("none", "x", "y", "both")),
        reference=one_of("--reference", reference, ("none", "common_average")),
        noise=_noise(snr, noise_band, noise_exponent, noise_common, noise_local,
                     noise_length),
        amplifier=amplifier, dead=_dead(dead),
    )  # fmt: skip
    print_path(save_recording(made, output, overwrite=overwrite), as_json)


def seen_through(
    path: Path, electrodes: str, pitch: str | None, **look: Any
) -> xr.Dataset:
    """What electrodes see of the sheet in a file."""
    from cortexwave.lab.array_maps import electrode_map
    from cortexwave.lab.observing import observe as observed
    from cortexwave.recording.reader import open_recording

    mapped = electrode_map(electrodes, pitch=given(pitch, "mm", "--pitch"))
    with open_recording(path) as sheet:
        seen = observed(sheet, mapped, **look)
        seen.encoding["source"] = str(path)  # of its protocol, for the notes of NWB
        return seen


def look_of(
    source: str | None, gain: str | None, spacing: str | None, interval: str | None,
    position: str, rotation: str, spread: str | None, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """How electrodes stand and what they see, as `observe` takes it."""
    return {
        "source": source, "seed": seed, "gain": given(gain, "uV", "--gain"),
        "spacing": given(spacing, "mm", "--spacing"),
        "interval": given(interval, "s", "--interval"),
        "position": _position(position),
        "rotation": math.degrees(given(rotation, "rad", "--rotation") or 0.0),
        "spread": given(spread, "mm", "--spread") or 0.0,
    }  # fmt: skip


def _position(text: str) -> tuple[float, float] | Literal["centre"] | None:
    if text in ("centre", "map"):
        return "centre" if text == "centre" else None
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"--position {text!r}: centre, map, or x and y with their "
                         "units are due, '1.2 mm, 3 mm'")  # fmt: skip
    x, y = (given(part.strip(), "mm", "--position") for part in parts)
    assert x is not None and y is not None
    return x, y


def _noise(
    snr: float | None, band: str | None, exponent: float, common: float, local: float,
    length: str | None,
) -> list[Noise]:  # fmt: skip
    from cortexwave.lab.noise import Correlation, Noise

    asked = band or exponent or common or local or length
    if snr is None or band is None:
        if snr is not None or asked:
            raise InputError("noise is given by both --snr (dB) and --noise-band, "
                             "within which that holds: '5 Hz:40 Hz'")  # fmt: skip
        return []
    reach = given(length, "mm", "--noise-length") or 0.0
    shared = Correlation(common, local, reach) if common or local or reach else None
    return [Noise(snr, given_band(band, "--noise-band"), exponent, correlation=shared)]


def _dead(text: str) -> float | list[str]:
    try:
        return float(text)
    except ValueError:
        return [label.strip() for label in text.split(",")]
