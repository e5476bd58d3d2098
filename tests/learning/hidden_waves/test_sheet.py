"""A linear substrate as a sheet: the same memory on every engine, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import cortexwave as cw
from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.attention import copying_attention
from cortexwave.learning.hidden_waves.boundary import FunctionBoundary, LinearBoundary
from cortexwave.learning.hidden_waves.sheet import export_substrate
from cortexwave.learning.hidden_waves.substrate import run_substrate
from cortexwave.learning.hidden_waves.systems import TASKS, random_linear

CASES = {  # boundary, Courant number
    "T1": (LinearBoundary(TASKS["T1"].blocks()), 1.0),
    "T3": (LinearBoundary(TASKS["T3"].blocks()), 1.0),
    "T4, diffusing": (LinearBoundary(TASKS["T4"].blocks()), 0.7),
    "general": (LinearBoundary(random_linear(3, 5, seed=1, radius=1.0).linear), 1 / 3),
    "one string, two columns": (
        LinearBoundary(random_linear(1, 2, seed=1, radius=1.0).linear), 1.0,
    ),
}  # fmt: skip

# Brian2 compiles anew for every case: its others are run by `make test-slow`
PAIRS = [
    pytest.param(
        engine, name, id=f"{engine}-{name}",
        marks=[pytest.mark.slow] if engine == "brian2" and name != "T3" else [],
    )
    for engine in ("reference", "torch", "brian2") for name in CASES
]  # fmt: skip


def a_history(boundary):
    draw = np.random.default_rng(8)
    return draw.standard_normal((boundary.sites, boundary.dims))


@pytest.mark.parametrize("engine, name", PAIRS)
def test_every_engine_runs_the_substrate(tmp_path, engine, name):
    boundary, courant = CASES[name]
    history = a_history(boundary)
    path = export_substrate(boundary, history, tmp_path, steps=100, title=name,
                            courant=courant)  # fmt: skip
    h = cw.simulate(cw.load_protocol(path), backend=engine).h.isel(y=0)
    if "feature" not in h.dims:
        h = h.expand_dims("feature")
    found = h.transpose("time", "x", "feature").values
    expected = run_substrate(boundary, 100, history=history, courant=courant)
    # float64: what the issue asks for; sums of up to 24 terms a step round to 1e-15
    assert np.abs(found[:, : boundary.sites] - expected).max() < 1e-10
    assert not found[:, boundary.sites :].any()  # the columns beyond stay silent


def test_the_command_line_checks_what_was_exported(tmp_path, capsys):
    from cortexwave.cli import running

    boundary, _ = CASES["T3"]
    path = export_substrate(
        boundary, a_history(boundary), tmp_path / "a" / "b", steps=7, step=0.02,
        spacing=0.4, title='T3 "gated"',
    )  # fmt: skip
    running.check([path])
    assert 'ok: T3 "gated"' in capsys.readouterr().out
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "sheet.yaml", "substrate.h5",
    ]  # fmt: skip
    recording = cw.simulate(cw.load_protocol(path), backend="reference")
    assert recording.time.values == pytest.approx(0.02 * np.arange(8))
    assert recording.x.values == pytest.approx(0.4 * np.arange(15))


def test_an_export_replaces_an_earlier_one(tmp_path):
    boundary, _ = CASES["T1"]
    for title in ("first", "second"):
        path = export_substrate(boundary, a_history(boundary), tmp_path, steps=3,
                                title=title)  # fmt: skip
    assert cw.load_protocol(path).title == "second"


def test_a_sheet_of_somebody_else_is_not_replaced(tmp_path):
    (tmp_path / "sheet.yaml").write_text("mine")
    boundary, _ = CASES["T1"]
    with pytest.raises(InputError, match="that is not of an exported substrate"):
        export_substrate(boundary, a_history(boundary), tmp_path, steps=3, title="T1")
    assert (tmp_path / "sheet.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "boundary",
    [
        copying_attention(TASKS["T1"], score=20.0),
        FunctionBoundary(np.tanh, dims=8, sites=8, name="a function of mine"),
    ],
)
def test_what_is_no_sum_over_sites_is_refused_with_the_reason(tmp_path, boundary):
    reason = f"{boundary.name} cannot be a sheet: a coupling is a sum over sites with"
    with pytest.raises(InputError, match=reason):
        export_substrate(boundary, np.ones((8, 8)), tmp_path, steps=3, title="none")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"history": np.ones((2, 8, 8))}, "export each by itself"),
        ({"history": np.ones((7, 8))}, r"the history is \(7, 8\)"),
        ({"steps": 0}, "steps is 0"),
        ({"courant": 1.5}, "the Courant number is 1.5; it is above 0, at most 1"),
        ({"title": "two\nlines"}, "one line of 1 to 400 letters"),
        ({"step": "0 ms"}, "'0 ms' is not positive"),
        ({"spacing": "-1 mm"}, "'-1 mm' is not positive"),
        ({"boundary": LinearBoundary(np.ones((1, 8, 8))), "history": np.ones((1, 8))},
         "a sheet takes 2 sites"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused(tmp_path, changes, message):
    given = {"boundary": CASES["T1"][0], "history": np.ones((8, 8)), "steps": 3,
             "title": "T1", **changes}  # fmt: skip
    with pytest.raises(InputError, match=message):
        export_substrate(folder=tmp_path, **given)
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a folder is due"):
        export_substrate(CASES["T1"][0], np.ones((8, 8)), tmp_path / "file", steps=3,
                         title="T1")  # fmt: skip
