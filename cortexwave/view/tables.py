"""Tables of a page: what was run, with what, on which sheet, and its events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import SchemaError
from cortexwave.view.selection import Shown, milliseconds, shown_unit, site_size

_MOST_EVENTS = 50
_ATTRIBUTES = (
    ("title", "Protocol"),
    ("backend", "Engine"),
    ("device", "Device"),
    ("dtype", "Computed in"),
    ("seed", "Seed"),
    ("created", "Created"),
    ("git_commit", "Source commit"),
    ("cortexwave_version", "cortexwave"),
    ("versions", "Versions"),
    ("platform", "Platform"),
    ("run_id", "Run"),
    ("protocol_sha256", "Protocol SHA-256"),
)


def sheet_text(shown: Shown) -> str:
    """Size of the sheet in words."""
    if shown.line:
        count = shown.position(shown.line).size
        spacing = site_size(shown.position(shown.line))
        return f"a line of {count} sites {spacing:g} mm apart"
    spacing = site_size(shown.x) or site_size(shown.y)
    apart = f", {spacing:g} mm apart" if spacing else ""
    return f"a sheet of {shown.x.size} × {shown.y.size} sites{apart}"


def provenance_table(
    recordings: Sequence[xr.Dataset], shown: list[Shown], labels: list[str]
) -> str:
    """Sheet, frames, fields and attributes: a row each, a column per recording."""
    rows: list[tuple[str, list[str]]] = [
        ("Sheet", [sheet_text(each) for each in shown]),
        ("Frames", [_frames(each) for each in shown]),
        ("Fields", [_fields(each) for each in recordings]),
    ]
    for key, label in _ATTRIBUTES:
        values = [_attribute(each.attrs, key) for each in recordings]
        if any(values):
            rows.append((label, values))
    head = "".join(f"<th>{escape(label)}</th>" for label in labels)
    body = "".join(
        f"<tr><th>{label}</th>{''.join(f'<td>{escape(v)}</td>' for v in values)}</tr>"
        for label, values in rows
    )
    top = f"<thead><tr><th></th>{head}</tr></thead>" if len(labels) > 1 else ""
    return f'<div class="card wide"><table>{top}<tbody>{body}</tbody></table></div>'


def _frames(shown: Shown) -> str:
    count = f"{shown.time.size}"
    if shown.time.size < 2:
        return count
    step, end = (
        milliseconds([each])[0]
        for each in (float(np.median(np.diff(shown.time))), float(shown.time[-1]))
    )
    return f"{count}, one every {step}, to {end}"


def _fields(recording: xr.Dataset) -> str:
    texts = []
    for name in schema.field_names(recording):
        values = recording[name]
        unit = shown_unit(str(values.attrs["units"]))
        sizes = " × ".join(f"{size} {dim}" for dim, size in values.sizes.items())
        texts.append(f"{name}{'' if unit == '1' else f' in {unit}'} ({sizes})")
    return "; ".join(texts)


def _attribute(attrs: dict, key: str) -> str:
    text = str(attrs.get(key, ""))
    if key == "git_commit" and text:
        return text[:12] + (", with changes" if attrs.get("git_dirty") else "")
    if key == "versions":
        try:
            versions = json.loads(text)
        except ValueError:
            return text
        if isinstance(versions, dict):
            return ", ".join(f"{name} {version}" for name, version in versions.items())
    return text


def events_table(recording: xr.Dataset) -> str:
    """The first events with a heading; nothing where a recording has none."""
    try:
        table = schema.events(recording)
    except SchemaError:
        return ""
    rows = table.sizes.get("event", 0)
    if not rows:
        return ""
    few = table.isel(event=slice(0, _MOST_EVENTS))
    columns = [
        (str(name), texts)
        for name in few.data_vars
        if any(texts := _column(str(name), few[name]))
    ]
    head = "".join(f"<th>{escape(_column_title(name))}</th>" for name, _ in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(texts[k])}</td>" for _, texts in columns)
        + "</tr>"
        for k in range(few.sizes["event"])
    )
    more = f"<p>{rows - _MOST_EVENTS} more are in the file.</p>"
    return f"""<h2>Events</h2><div class="card wide"><table><thead><tr>{head}</tr>
</thead><tbody>{body}</tbody></table></div>{more if rows > _MOST_EVENTS else ""}"""


def _column_title(name: str) -> str:
    unit = {"onset": "ms", "duration": "ms", "x": "mm", "y": "mm"}.get(name, "")
    return f"{name} ({unit})" if unit else name


def _column(name: str, values: xr.DataArray) -> list[str]:
    """A column as texts: times in ms, positions in mm, nothing where it is absent."""
    if values.dtype.kind not in "fiu":
        return [str(value) for value in values.values]
    scale = 1e3 if name in ("onset", "duration") else 1.0
    return [
        f"{scale * value:.6g}" if np.isfinite(value) else "" for value in values.values
    ]
