"""The report of a comparison as one HTML file: verdicts, panels, tables, methods.

The page holds all it needs; it opens without a network and prints. A panel that could
not be made stands in its place and says why.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.paths import checked_path, written
from cortexwave.view.web import SCRIPT, STYLE

_STYLE = """
nav { font-size: .86rem; margin: 1rem 0; } nav a { margin-right: .8rem;
  color: var(--accent); text-decoration: none; white-space: nowrap; }
.verdict { background: var(--paper); border-left: 4px solid var(--quiet);
  padding: .6rem 1rem; margin: .5rem 0; max-width: none; }
.verdict b { display: block; font-size: .82rem; color: var(--quiet);
  font-weight: 600; }
.undetermined { border-left-color: #999; color: var(--quiet); }
.within { border-left-color: #009e73; } .partly { border-left-color: #e69f00; }
.outside { border-left-color: #d55e00; }
section.panel { margin-top: 1.6rem; break-inside: avoid; }
section.panel h3 { font-size: 1rem; margin: 0 0 .4rem; }
section.panel h3 span { display: inline-block; width: 1.6rem; color: var(--accent); }
.missing { border: 1px dashed var(--line); border-radius: 6px; padding: .8rem 1rem;
  color: var(--quiet); }
main td, main th { overflow-wrap: break-word; padding-right: .7rem; }
main thead th { white-space: normal; } main tbody th { width: auto; }
td.word { white-space: nowrap; font-weight: 600; }
.methods p { max-width: 52rem; }
@media print { nav { display: none; } .verdict { border: 1px solid #bbb; } }
"""


@dataclass(frozen=True)
class Panel:
    """A figure under its letter, or why there is none."""

    letter: str
    title: str
    caption: str
    figures: tuple[Figure, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Table:
    """A table under its number: texts by row; a note below."""

    number: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Said:
    """A verdict: what it is about, its word, its sentence."""

    about: str
    word: str
    text: str


@dataclass(frozen=True)
class ComparisonPage:
    """All that the page shows, as figures and texts."""

    title: str
    lead: str
    verdicts: tuple[Said, ...]
    cautions: tuple[str, ...]
    panels: tuple[Panel, ...]
    tables: tuple[Table, ...]
    methods: tuple[str, ...]


def write_comparison_page(page: ComparisonPage, path: str | Path) -> Path:
    """The path of the HTML file of a comparison."""
    target = checked_path(path, (".html",))
    links = "".join(
        f'<a href="#{escape(each)}">{escape(text)}</a>'
        for each, text in (
            ("verdicts", "Verdicts"),
            *((f"T{table.number[1:]}", table.number) for table in page.tables),
            *((f"panel-{panel.letter}", panel.letter) for panel in page.panels),
            ("methods", "Methods"),
        )
    )
    html = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}{_STYLE}</style></head>
<body><main><h1>{escape(page.title)}</h1>
<p class="lead">{escape(page.lead)}</p>
<nav>{links}</nav>
<h2 id="verdicts">Verdicts</h2>
{"".join(_verdict(each) for each in page.verdicts)}
{"".join(f'<p class="note">Caution: {escape(each)}.</p>' for each in page.cautions)}
<h2>Tables</h2>
{"".join(_table(each) for each in page.tables)}
<h2>Panels</h2>
{"".join(_panel(each) for each in page.panels)}
<h2 id="methods">Methods</h2>
<div class="methods">{"".join(f"<p>{escape(each)}</p>" for each in page.methods)}</div>
<footer>Written by cortexwave. This page needs no other file and no network.</footer>
</main><script>{SCRIPT}{_PANELS}</script></body></html>
"""
    with written(target) as part:
        part.write_text(html, encoding="utf-8")
    return target


# For a reader of the page's source, and for the tests: how many pictures opened.
_PANELS = """
window.addEventListener("load", () => {
  const all = [...document.querySelectorAll("section.panel img")];
  document.documentElement.dataset.pictures =
    all.filter(each => each.complete && each.naturalWidth > 0).length;
});
"""


def _verdict(said: Said) -> str:
    kind = said.word.split(" ")[0]
    return (
        f'<p class="verdict {escape(kind)}"><b>{escape(said.about)}</b>'
        f"{escape(said.text)}</p>"
    )


def _panel(panel: Panel) -> str:
    if panel.figures:
        body = "".join(
            f'<figure class="print"><img alt="{escape(panel.title)}" '
            f'src="{_picture(figure)}"></figure>'
            for figure in panel.figures
        )
        body += f"<figcaption>{escape(panel.caption)}</figcaption>"
    else:
        body = f'<p class="missing">Not computed: {escape(panel.missing)}.</p>'
    return (
        f'<section class="panel" id="panel-{escape(panel.letter)}"><h3>'
        f"<span>{escape(panel.letter)}</span>{escape(panel.title)}</h3>{body}</section>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in table.head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    if not table.rows:
        rows = f'<tr><td colspan="{len(table.head)}">none</td></tr>'
    note = f"<p><small>{escape(table.note)}</small></p>" if table.note else ""
    return (
        f'<h3 id="{escape(table.number)}">{escape(table.number)} {escape(table.title)}'
        f'</h3><div class="card wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _picture(figure: Figure) -> str:
    drawn = io.BytesIO()
    with pieces.journal_style():
        figure.savefig(drawn, format="svg", metadata={"Date": None}, dpi=150)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()


def letters(panels: Sequence[Panel]) -> str:
    """The letters of the panels that were drawn."""
    return "".join(panel.letter for panel in panels if panel.figures)
