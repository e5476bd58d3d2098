"""Pictures one after another as a file that plays: a GIF, or an MP4 by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError


def check_encoding(target: Path, *, size: int, instead: str) -> None:
    """`InputError` for a size in pixels that cannot be, or an MP4 without ffmpeg.

    `instead`: what may be written where there is no ffmpeg, as "a .gif".
    """
    if not 64 <= size <= 2048:
        raise InputError(f"size is {size} pixels; 64 to 2048 can be shown")
    if target.suffix.lower() == ".mp4" and shutil.which("ffmpeg") is None:
        raise InputError(
            f"{target}: an mp4 needs the program ffmpeg, which is not on the PATH; "
            f"write {instead} instead"
        )


def write_pictures(
    pictures: Iterator[np.ndarray],
    path: Path,
    *,
    rate: float,
    palette: np.ndarray,
    instead: str,
) -> None:
    """Pictures (row, column, rgb) of uint8, all of one even size, as .gif or .mp4.

    `rate` in frames per second. `palette` (colour, rgb) of uint8, at most 256: all that
    a GIF may show, the same in all frames, or colours would flicker.
    """
    if path.suffix.lower() == ".gif":
        _write_gif(pictures, path, rate, palette)
    else:
        _write_mp4(pictures, path, rate, instead)


def _write_gif(
    pictures: Iterator[np.ndarray], path: Path, rate: float, palette: np.ndarray
) -> None:
    from PIL import Image

    table = Image.new("P", (1, 1))
    table.putpalette(palette.tobytes())
    frames = [Image.fromarray(each).quantize(palette=table, dither=Image.Dither.NONE)
              for each in pictures]  # fmt: skip
    # GIF counts in hundredths of a second, and players refuse less than two
    duration = max(20, 10 * round(100 / rate))
    frames[0].save(path, save_all=True, append_images=frames[1:], loop=0,
                   duration=duration, optimize=False)  # fmt: skip


def _write_mp4(
    pictures: Iterator[np.ndarray], path: Path, rate: float, instead: str
) -> None:
    first = next(pictures)
    command = [
        "ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
        "-s", f"{first.shape[1]}x{first.shape[0]}", "-r", f"{rate:g}", "-i", "-",
        "-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "16",
        "-movflags", "+faststart", str(path),
    ]  # fmt: skip
    encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert encoder.stdin is not None and encoder.stderr is not None
    try:
        encoder.stdin.write(first.tobytes())
        for picture in pictures:
            encoder.stdin.write(picture.tobytes())
        encoder.stdin.close()
    except BrokenPipeError:
        pass  # it has stopped early, and says below why
    complaint = encoder.stderr.read().decode(errors="replace").strip()
    if encoder.wait() != 0:
        raise InputError(
            f"{path.parent}: ffmpeg could not write an mp4 ({complaint[:300]}); "
            f"write {instead} instead"
        )
