"""The style sheet and the player's script that every page carries within itself.

Plain CSS and JavaScript without any outside file; all texts and numbers are made in
Python, so that the script only draws. It reports to `<html data-frames data-errors>`
how many frames it unpacked and what went wrong, for a reader and for the tests.
"""

from __future__ import annotations

STYLE = r"""
:root { color-scheme: light dark; --ink: #1d1f23; --quiet: #646973; --paper: #fff;
  --page: #f6f6f4; --line: #d9d9d6; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e6; --quiet: #a2a7b0;
  --paper: #1f2125; --page: #16181b; --line: #3a3d43; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial,
  "Liberation Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 2.2rem 1.4rem 4rem; }
h1 { font-size: 1.85rem; line-height: 1.2; margin: 0 0 .3rem; font-weight: 650;
  letter-spacing: -.012em; overflow-wrap: anywhere; }
h2 { font-size: 1.12rem; margin: 2.4rem 0 .7rem; font-weight: 650; }
p { max-width: 44rem; margin: .4rem 0; overflow-wrap: anywhere; }
.lead { color: var(--quiet); margin: 0 0 1.4rem; }
.note b { font-weight: 650; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
  padding: 1rem 1.1rem; margin: .6rem 0 1rem; }
.pair { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); }
.pair .card { margin: 0; }
figure { margin: 0; break-inside: avoid; }
/* figures are drawn on white paper and stay so in the dark */
figure.print { background: #fff; border: 1px solid var(--line); border-radius: 6px;
  padding: .8rem; }
figure.print img { display: block; width: 100%; height: auto; }
figcaption { color: var(--quiet); font-size: .86rem; line-height: 1.45;
  margin-top: .6rem; max-width: 56rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:last-child th, tr:last-child td { border-bottom: 0; }
th { font-weight: 500; color: var(--quiet); }
thead th { font-weight: 650; color: var(--ink); white-space: nowrap; }
tbody th { white-space: nowrap; width: 1%; }
td.number { text-align: right; white-space: nowrap; }
th.number { text-align: right; }
code { font: .92em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { color: var(--quiet); font-size: .82rem; margin-top: 2.5rem; }
.player { background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
  padding: 1rem 1.1rem; max-width: max-content; margin-bottom: 1rem; }
.player:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.head { display: flex; gap: 1rem; align-items: baseline; margin-bottom: .5rem;
  min-height: 1.6rem; }
.stamp { font-weight: 650; font-variant-numeric: tabular-nums; min-width: 6.5rem; }
.on { color: #fff; border-radius: 3px; padding: 0 .5rem; font-size: .84rem;
  margin-right: .3rem; display: inline-block; }
.stage { display: flex; gap: 1rem; align-items: flex-start; }
.panel { min-width: 0; }
.name { font-size: .86rem; color: var(--quiet); margin-bottom: .2rem; max-width: 100%;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sheet { position: relative; border: 1px solid var(--quiet); }
.sheet canvas, .strip canvas, .key canvas { display: block; width: 100%; height: 100%;
  image-rendering: pixelated; }
.length { font-size: .8rem; line-height: 1.3; margin-top: .35rem; }
.length i { display: block; height: 4px; background: var(--ink); margin-bottom: .1rem; }
.key { display: flex; position: relative; flex: none; padding-right: .2rem; }
.key .bar { position: relative; width: 14px; border: 1px solid var(--quiet); }
.key .ticks { position: relative; width: 3.4rem; }
.key .ticks span { position: absolute; left: 0; transform: translateY(50%);
  font-size: .78rem; line-height: 1; white-space: nowrap; }
.key .ticks span::before { content: ""; display: inline-block; width: 5px; height: 1px;
  background: var(--quiet); vertical-align: middle; margin-right: 4px; }
.key .unit { writing-mode: vertical-rl; transform: rotate(180deg); font-size: .84rem;
  align-self: center; max-height: 100%; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.rows { display: grid; grid-template-columns: 5.2rem 1fr; width: 100%;
  row-gap: 1rem; }
.rows .axis { position: relative; }
.rows .axis span, .rows .below span { position: absolute; font-size: .78rem;
  line-height: 1; white-space: nowrap; }
.rows .axis span { right: .45rem; transform: translateY(50%); }
.rows .axis b { position: absolute; left: 0; top: 50%; font-weight: 400;
  font-size: .8rem; writing-mode: vertical-rl;
  transform: translateY(-50%) rotate(180deg); white-space: nowrap; max-height: 100%;
  overflow: hidden; text-overflow: ellipsis; }
.rows .below { position: relative; height: 2.5rem; margin-top: -1rem;
  text-align: center; }
.rows .below span { top: .35rem; transform: translateX(-50%); }
.rows .below b { position: absolute; left: 0; right: 0; bottom: 0; font-weight: 400;
  font-size: .8rem; }
.profile { height: 190px; border: solid var(--quiet); border-width: 0 0 1px 1px;
  position: relative; }
.profile svg { display: block; width: 100%; height: 100%; overflow: visible; }
.profile path { fill: none; stroke: var(--accent); stroke-width: 1.8;
  vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.profile path.zero { stroke: var(--line); stroke-width: 1; }
.profile path.gone { stroke: none; fill: #8a8a8a; fill-opacity: .5; }
.strip { position: relative; height: 250px; border: 1px solid var(--quiet); }
.strip hr { position: absolute; left: -6px; right: -6px; margin: 0; border: 0;
  border-top: 2px solid #000; outline: 1px solid #fff; }
.controls { display: flex; gap: .8rem; align-items: center; margin-top: .8rem; }
.controls button { font: inherit; font-size: .9rem; width: 5rem; padding: .25rem 0;
  border: 1px solid var(--quiet); border-radius: 4px; background: transparent;
  color: inherit; cursor: pointer; }
.controls select { font: inherit; font-size: .86rem; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: 4px; }
.track { position: relative; flex: 1; min-width: 6rem; padding-top: 11px; }
.track input { display: block; width: 100%; margin: 0; accent-color: var(--accent); }
.track i { position: absolute; top: 0; height: 8px; min-width: 2px;
  border-radius: 1px; }
/* a slider's thumb stops half its width before the end of the track */
.track .marks { position: absolute; left: 8px; right: 8px; top: 0; }
@media (max-width: 640px) { .stage { flex-wrap: wrap; } }
@media print { :root { color-scheme: light; --ink: #000; --quiet: #444;
  --paper: #fff; --page: #fff; --line: #bbb; --accent: #0072b2; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; }
  .controls { display: none; } .card, .player, figure.print { border: 0; padding: 0; }
  h2 { break-after: avoid; } tr { break-inside: avoid; }
  .pair { grid-template-columns: 1fr 1fr; } }
"""

SCRIPT = r"""
"use strict";
(() => {
  const root = document.documentElement;
  const fail = text => { root.dataset.errors = (root.dataset.errors || "") + text; };
  window.addEventListener("error", event => fail(event.message + "; "));
  window.addEventListener("unhandledrejection", event => fail(event.reason + "; "));

  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const one = (place, name) => place.querySelector(name);

  function colourTable(text) {             // 256 colours as 0xAABBGGRR
    const rgb = bytes(text), table = new Uint32Array(256);
    const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
    for (let i = 0; i < 256; i++) {
      const [r, g, b] = rgb.subarray(3 * i, 3 * i + 3);
      table[i] = little ? (255 << 24 | b << 16 | g << 8 | r) >>> 0
                        : (r << 24 | g << 16 | b << 8 | 255) >>> 0;
    }
    return table;
  }

  function painter(canvas, width, height) {
    canvas.width = width; canvas.height = height;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    return fill => { fill(pixels); context.putImageData(image, 0, 0); };
  }

  function sheet(panel, film, frames, table) {
    const {nx, ny} = film;
    const paint = painter(one(panel, "canvas"), nx, ny);
    return k => paint(pixels => {
      for (let row = 0; row < ny; row++)   // row 0 of the sheet is at the bottom
        for (let column = 0; column < nx; column++)
          pixels[(ny - 1 - row) * nx + column] =
            table[frames[(k * ny + row) * nx + column]];
    });
  }

  function line(panel, film, frames, table) {
    const n = film.nx * film.ny, [curve, gone] =
      [one(panel, "path.curve"), one(panel, "path.gone")];
    painter(one(panel, ".strip canvas"), n, film.count)(pixels => {
      for (let i = 0; i < pixels.length; i++) pixels[i] = table[frames[i]];
    });
    const now = one(panel, ".strip hr");
    return k => {
      let path = "", grey = "", pen = false;
      for (let i = 0; i < n; i++) {
        const level = frames[k * n + i], x = (i + 0.5) / n * 1000;
        if (level === 255) {
          grey += `M${x - 500 / n} 0h${1000 / n}v300h${-1000 / n}z`; pen = false;
        } else {
          // an angle jumps from 2 pi to 0; that jump is no slope
          const jump = i ? Math.abs(level - frames[k * n + i - 1]) : 0;
          const leap = film.cyclic && jump > 127;
          path += (pen && !leap ? "L" : "M") + x.toFixed(2) + " " +
            (300 - level / 254 * 300).toFixed(2) + (pen ? "" : "h0");
          pen = true;
        }
      }
      curve.setAttribute("d", path); gone.setAttribute("d", grey);
      now.style.top = `calc(${(k + 0.5) / film.count * 100}% - 1px)`;
    };
  }

  function start(player) {
    const film = JSON.parse(one(player, "script").textContent);
    const table = colourTable(film.colours);
    const draws = [...player.querySelectorAll(".panel")].map((panel, i) => {
      const frames = bytes(film.panels[i]);
      if (frames.length !== film.count * film.nx * film.ny)
        throw new Error(`panel ${i} holds ${frames.length} values`);
      return (film.line ? line : sheet)(panel, film, frames, table);
    });
    const bar = one(player, ".key canvas");
    if (bar) painter(bar, 1, 255)(pixels => {
      for (let i = 0; i < 255; i++) pixels[i] = table[254 - i];
    });
    const [stamp, on, slider, button, speed] = [".stamp", ".onset", "input", "button",
      "select"].map(name => one(player, name));
    let shown = -1, last = 0, carried = 0, playing = false, touched = false;
    function show(k) {
      if (k === shown) return;
      shown = k; slider.value = k;
      for (const draw of draws) draw(k);
      stamp.textContent = film.times[k];
      slider.setAttribute("aria-valuetext", film.times[k]);
      const t = film.ms[k] + 1e-6;
      on.replaceChildren(...film.marks
        .filter(({start, end}) => start <= t && t < Math.max(end, start + film.step))
        .slice(0, 4).map(mark => {
          const chip = document.createElement("span");
          chip.className = "on"; chip.style.background = mark.colour;
          chip.textContent = mark.label; return chip;
        }));
    }
    function tick(now) {
      if (!playing) return;
      carried += (now - last) / 1000 * film.rate * speed.value; last = now;
      const whole = Math.floor(carried); carried -= whole;
      if (whole) show((shown + whole) % film.count);
      requestAnimationFrame(tick);
    }
    function toggle() {
      playing = !playing; button.textContent = playing ? "Pause" : "Play";
      if (!playing) return;
      // at rest the liveliest frame is shown; playing begins at the beginning
      if (!touched || shown === film.count - 1) show(0);
      touched = true; carried = 0; last = performance.now();
      requestAnimationFrame(tick);
    }
    button.addEventListener("click", toggle);
    slider.addEventListener("input", () => { touched = true; show(+slider.value); });
    player.addEventListener("keydown", event => {
      if (event.target !== player) return;
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (event.key === " ") toggle();
      else if (step) {
        touched = true; show(Math.min(film.count - 1, Math.max(0, shown + step)));
      } else return;
      event.preventDefault();
    });
    show(film.poster);
    root.dataset.frames = +(root.dataset.frames || 0) + film.count;
  }
  for (const player of document.querySelectorAll(".player")) {
    try { start(player); } catch (error) { fail(error.message + "; "); }
  }
})();
"""
