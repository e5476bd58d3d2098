"""A network as a sheet: the same hidden field on every engine, the same answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import xarray as xr

import cortexwave as cw
from cortexwave.errors import InputError, RecordingError, SchemaError
from cortexwave.learning.building import build_network
from cortexwave.learning.network_documents import (
    IdentityRNNDocument,
    LinearDocument,
    WaveRNNDocument,
)
from cortexwave.learning.network_weights import network_of
from cortexwave.learning.readout_documents import MLPReadout, TimeCourseReadout
from cortexwave.learning.sheets import (
    export_sheet,
    hidden_recording,
    read_out,
    save_hidden,
)
from cortexwave.learning.tasks import Shape
from cortexwave.learning.weights import Weights
from cortexwave.learning.weights_file import load_weights
from cortexwave.schema import RECORDING, validate

COPY = Shape(inputs=10, outputs=9, steps=12, every_step=True, loss="cross_entropy")
F = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "identity": lambda x: x,
}
BEYOND = {  # site at i of n, beyond the edges; None is 0
    "periodic": lambda i, n: i % n,
    "open": lambda i, n: i if 0 <= i < n else None,
    "reflecting": lambda i, n: -1 - i if i < 0 else 2 * n - 1 - i if i >= n else i,
}


def random_weights(activation, boundary, features, ny, nx, ky, kx):
    """Weights of 4 inputs and 3 outputs; the kernel keeps states of order 1."""
    draw = np.random.default_rng(11)
    return Weights(
        u=draw.normal(size=(features, features, ky, kx)) / np.sqrt(features * ky * kx),
        V=draw.normal(size=(4, features, ny, nx)),
        bias=draw.normal(size=(features, ny, nx)),
        W=draw.normal(size=(3, features, ny, nx)), W_bias=draw.normal(size=3),
        activation=activation, boundary=boundary, step=0.01,
    )  # fmt: skip


CASES = {
    "a ring, three channels": random_weights(
        "relu", ("periodic", "periodic"), 3, 1, 9, 1, 3
    ),
    "a line, five taps": random_weights("tanh", ("periodic", "open"), 2, 1, 8, 1, 5),
    "a reflecting line": random_weights(
        "sigmoid", ("open", "reflecting"), 1, 1, 7, 1, 5
    ),
    "a sheet": random_weights("tanh", ("reflecting", "periodic"), 2, 5, 6, 3, 5),
}


def states_of(weights, inputs):
    """h_0, ..., h_T (trial, time, feature, y, x), by the equation, site by site."""
    features, ny, nx = weights.bias.shape
    ky, kx = weights.u.shape[2:]
    beyond_y, beyond_x = (BEYOND[side] for side in weights.boundary)
    h = np.zeros((len(inputs), inputs.shape[1] + 1, features, ny, nx))
    for t in range(inputs.shape[1]):
        lateral = np.zeros_like(h[:, 0])
        for y, x in np.ndindex(ny, nx):
            for j, i in np.ndindex(ky, kx):
                row = beyond_y(y + j - ky // 2, ny)
                column = beyond_x(x + i - kx // 2, nx)
                if row is not None and column is not None:
                    lateral[:, :, y, x] += (
                        h[:, t, :, row, column] @ weights.u[:, :, j, i].T
                    )
        drive = np.einsum("bi,ifyx->bfyx", inputs[:, t], weights.V)
        h[:, t + 1] = F[weights.activation](lateral + drive + weights.bias)
    return h


def inputs_of(trials=3, steps=6, width=4, dtype=np.float64):
    return np.random.default_rng(2).random((trials, steps, width)).astype(dtype)


def error_of(field, expected):
    """Greatest difference, relative to the field's greatest value."""
    return np.abs(np.asarray(field) - expected).max() / np.abs(expected).max()


# Brian2 compiles anew for every case: its others are run by `make test-slow`
PAIRS = [
    pytest.param(
        engine, name, id=f"{engine}-{name}",
        marks=[pytest.mark.slow] if engine == "brian2" and "line" in name else [],
    )
    for engine in ("reference", "torch", "brian2") for name in CASES
]  # fmt: skip


@pytest.mark.parametrize("engine, name", PAIRS)
def test_every_engine_computes_the_networks_states(tmp_path, engine, name):
    weights, inputs = CASES[name], inputs_of()
    path = export_sheet(network_of(weights), inputs, tmp_path, title=name)
    recording = cw.simulate(cw.load_protocol(path), backend=engine)
    h = recording["h"].transpose("trial", "time", ...).values
    expected = states_of(weights, inputs)
    # float64: what the project asks for; rounding alone is 1e-15 a step
    assert error_of(h.reshape(expected.shape), expected) < 1e-10
    outputs = np.einsum("btfyx,ofyx->bto", expected, weights.W) + weights.W_bias
    read = read_out(recording, load_weights(tmp_path / "weights.h5"))
    assert error_of(read.values, outputs) < 1e-10


@pytest.mark.parametrize("name", CASES)
def test_hidden_recording_is_what_the_engines_record(tmp_path, name):
    weights, inputs = CASES[name], inputs_of()
    network = network_of(weights)
    path = export_sheet(network, inputs, tmp_path, title="a", step="5 ms",
                        spacing="0.4 mm")  # fmt: skip
    simulated = cw.simulate(cw.load_protocol(path), backend="reference")
    hidden = hidden_recording(network, inputs, step="5 ms", spacing="0.4 mm")
    assert set(hidden.variables) == set(simulated.variables)
    for coordinate in simulated.coords:
        assert np.allclose(hidden[coordinate], simulated[coordinate], rtol=1e-12)
        assert hidden[coordinate].attrs == simulated[coordinate].attrs
    assert hidden["h"].dims == simulated["h"].dims
    assert hidden["h"].attrs["units"] == "1"
    assert error_of(hidden["h"], simulated["h"].values) < 1e-10
    assert not hidden["h"].isel(time=0).any()
    for column in ("onset", "duration", "kind", "stimulus", "item", "trial"):
        a, b = (cw.events(each)[column].values for each in (hidden, simulated))
        assert np.array_equal(a, b) or np.allclose(a, b, rtol=1e-12)


def copy_network(dtype, **changes):
    document = WaveRNNDocument(**{"units": 20, "channels": 3, **changes})
    return build_network(document, shape=COPY, seed=4, dtype=dtype)


def one_hot(trials=2):
    symbols = np.random.default_rng(3).integers(0, 10, (trials, 12))
    return np.eye(10, dtype=np.float32)[symbols]


# float32 networks round at 6e-8 a step; the sheet computes in float64
@pytest.mark.parametrize(
    "engine, dtype, most",
    [("reference", torch.float64, 1e-10), ("torch", torch.float64, 1e-10),
     ("brian2", torch.float64, 1e-10), ("reference", torch.float32, 1e-5),
     ("torch", torch.float32, 1e-5)],
)  # fmt: skip
def test_a_built_network_keeps_states_and_answers_as_a_sheet(
    tmp_path, engine, dtype, most
):
    network, inputs = copy_network(dtype), one_hot()
    path = export_sheet(network, inputs, tmp_path, title="copy")
    recording = cw.simulate(cw.load_protocol(path), backend=engine)
    given = torch.as_tensor(inputs, dtype=dtype)
    states = network.states(given).numpy()
    assert error_of(recording["h"].isel(time=slice(1, None)), states) < most
    outputs = network(given).detach().numpy()
    read = read_out(recording, load_weights(tmp_path / "weights.h5"))
    assert read.dims == ("trial", "time", "output")
    assert error_of(read.isel(time=slice(1, None)), outputs) < most


def test_torch_runs_a_sheet_in_float32(tmp_path):
    network, inputs = copy_network(torch.float32), one_hot()
    path = export_sheet(network, inputs, tmp_path, title="copy")
    protocol = cw.load_protocol(path).with_changes({"run.dtype": "float32"})
    recording = cw.simulate(protocol, backend="torch")
    states = network.states(torch.as_tensor(inputs)).numpy()
    assert error_of(recording["h"].isel(time=slice(1, None)), states) < 1e-5


def test_the_command_line_checks_and_runs_what_was_exported(tmp_path, capsys):
    from cortexwave.cli import running

    network, inputs = copy_network(torch.float64), one_hot(1)
    path = export_sheet(network, inputs, tmp_path / "sheet", title='Ein "Netz" → Blatt')
    running.check([path])
    assert 'ok: Ein "Netz" → Blatt' in capsys.readouterr().out
    words = ["run", path, "-o", tmp_path / "run.h5", "--backend", "reference"]
    done = subprocess.run(
        [sys.executable, "-m", "cortexwave.cli", *map(str, words)], text=True,
        capture_output=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with cw.open_recording(tmp_path / "run.h5") as recording:
        assert recording["h"].dims == ("time", "feature", "y", "x")  # one trial
        assert recording["h"].dtype == np.float64
        states = network.states(torch.as_tensor(inputs, dtype=torch.float64))
        assert error_of(recording["h"][1:], states[0].numpy()) < 1e-10
        files = json.loads(recording.attrs["files"])
    assert set(files) == {"weights.h5", "inputs.h5"}  # resume would notice a change


def test_the_folder_holds_three_files_that_people_can_read(tmp_path):
    path = export_sheet(copy_network(torch.float32), one_hot(), tmp_path / "a" / "b",
                        step=0.02, spacing=0.4, title="Copy, seed 4")  # fmt: skip
    assert path == tmp_path / "a" / "b" / "sheet.yaml"
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "inputs.h5", "sheet.yaml", "weights.h5",
    ]  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# A trained wave RNN as a sheet")
    for line in ("dt: 20 ms", "spacing: 0.4 mm", "tau: 20 ms", "boundary: periodic"):
        assert line in text
    protocol = cw.load_protocol(path)
    assert (protocol.run.dt, protocol.run.duration) == (0.02, 0.24)
    weights = load_weights(path.parent / "weights.h5")
    assert weights.step == 0.02
    assert weights.attributes["title"] == "Copy, seed 4"
    with h5py.File(path.parent / "inputs.h5") as file:
        assert np.array_equal(file["values"][:], one_hot())


def test_exporting_again_replaces_an_export_and_nothing_else(tmp_path):
    inputs = one_hot()
    export_sheet(copy_network(torch.float32), inputs, tmp_path, title="first")
    path = export_sheet(copy_network(torch.float32), inputs[:1], tmp_path, title="two")
    assert cw.load_protocol(path).title == "two"
    other = tmp_path / "other"
    other.mkdir()
    (other / "sheet.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"holds a file sheet\.yaml that is not of an"):
        export_sheet(copy_network(torch.float32), inputs, other, title="a")
    (other / "weights.h5").write_text("mine")
    with pytest.raises(RecordingError, match=r"weights\.h5: is no weights file"):
        export_sheet(copy_network(torch.float32), inputs, other, title="a")
    assert (other / "sheet.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "readout", [MLPReadout(hidden=4), TimeCourseReadout(courses=2)]
)
def test_of_another_readout_the_sheet_is_exported_without_w(tmp_path, readout):
    shape = Shape(
        inputs=10, outputs=9, steps=12, every_step=False, loss="cross_entropy"
    )
    document = WaveRNNDocument(units=8, readout=readout)
    network = build_network(document, shape=shape, seed=4, dtype=torch.float64)
    path = export_sheet(network, one_hot(), tmp_path, title="a")
    recording = cw.simulate(cw.load_protocol(path), backend="reference")
    states = network.states(torch.as_tensor(one_hot(), dtype=torch.float64))
    # one channel: no feature axis
    assert error_of(recording["h"][:, 1:], states[:, :, 0].numpy()) < 1e-10
    with pytest.raises(InputError, match="readout is not linear"):
        read_out(recording, load_weights(tmp_path / "weights.h5"))


def test_a_dense_network_is_recorded_but_no_sheet(tmp_path):
    network = build_network(IdentityRNNDocument(units=7), shape=COPY, seed=1)
    with pytest.raises(InputError, match="every unit is coupled to every other"):
        export_sheet(network, one_hot(), tmp_path / "sheet", title="a")
    assert not (tmp_path / "sheet").exists()
    recording = hidden_recording(network, one_hot(), step=0.01, spacing=0.1)
    validate(recording, RECORDING)
    states = network.states(torch.as_tensor(one_hot())).numpy()
    assert recording["h"].dims == ("trial", "time", "y", "x")
    assert np.array_equal(recording["h"][:, 1:], states[:, :, 0])
    assert recording.attrs["model"] == "identity_rnn"


def test_a_network_without_states_is_not_recorded():
    shape = Shape(
        inputs=10, outputs=9, steps=12, every_step=False, loss="cross_entropy"
    )
    network = build_network(LinearDocument(), shape=shape, seed=1)
    with pytest.raises(InputError, match="no states"):
        hidden_recording(network, one_hot(), step=0.01, spacing=0.1)


@pytest.mark.parametrize("trials", [1, 5])
def test_a_hidden_recording_is_a_file_like_any_other(tmp_path, trials, monkeypatch):
    from cortexwave.learning import hidden_states

    # batches of two trials: 13 samples x 60 values x 4 bytes each
    monkeypatch.setattr(hidden_states, "_STATES_AT_ONCE", 2 * 12 * 60 * 4)
    network, inputs = copy_network(torch.float32), one_hot(trials)
    memory = hidden_recording(network, inputs, step=0.01, spacing=0.1)
    path = save_hidden(network, inputs, tmp_path / "hidden.h5", step="10 ms",
                       spacing="0.1 mm", title="Hidden waves")  # fmt: skip
    expected = network.states(torch.as_tensor(inputs)).numpy()
    # the op may sum in another order for batches of another size
    whole = memory["h"].values.reshape(trials, 13, 3, 1, 20)
    assert error_of(whole[:, 1:], expected) < 1e-6
    with cw.open_recording(path) as file:
        assert set(file.variables) == set(memory.variables)
        assert file["h"].dtype == np.float32
        for name in memory.variables:
            assert file[name].dims == memory[name].dims
            assert (file[name].values == memory[name].values).all() or name in (
                "event_x", "event_y",
            )  # fmt: skip
        assert file.attrs["title"] == "Hidden waves"
        assert file.attrs["complete"] == 1 and file.attrs["origin"] == "model"
        cut = cw.epochs(memory, cw.events(memory).isel(event=[0]), window=(0.02, 0.05))
        given = memory["h"] if trials == 1 else memory["h"][0]
        assert np.array_equal(cut["h"].values.squeeze(), given[2:6].values.squeeze())
    described = cw.describe(path)
    assert described["complete"] and described["features"] == 3
    assert described["sheet"] == {"shape": [1, 20], "spacing_mm": 0.1}
    assert described["events"] == {"count": trials, "kinds": {"sequence": trials}}
    with pytest.raises(RecordingError, match="exists already"):
        save_hidden(network, inputs, path, step=0.01, spacing=0.1, title="a")


def test_hidden_waves_can_be_drawn(tmp_path):
    from cortexwave.view import draw

    hidden = hidden_recording(copy_network(torch.float32), one_hot(1), step="10 ms",
                              spacing="0.1 mm")  # fmt: skip
    assert draw([hidden], tmp_path / "h.png", names=["hidden"]).stat().st_size > 1000


def test_read_out_keeps_the_labels_of_the_recording():
    weights = CASES["a ring, three channels"]
    hidden = hidden_recording(network_of(weights), inputs_of(2), step=0.01, spacing=0.1)
    late = hidden.isel(time=slice(3, None, 2))
    read = read_out(late, weights)
    assert read.dims == ("trial", "time", "output") and read.attrs["units"] == "1"
    assert read["time"].values == pytest.approx([0.03, 0.05])
    assert read["time"].attrs["units"] == "s"
    expected = read_out(hidden, weights).isel(time=[3, 5])
    assert np.allclose(read, expected, rtol=1e-12)
    # of the initial state, 0, a readout is its bias
    assert np.array_equal(read_out(hidden, weights)[0, 0], weights.W_bias)


def test_read_out_of_another_sheet_names_both_shapes():
    weights = CASES["a sheet"]
    hidden = hidden_recording(copy_network(torch.float32), one_hot(), step=0.01,
                              spacing=0.1)  # fmt: skip
    message = r"'h' is \(3, 1, 20\) \(feature, y, x\), the readout reads \(2, 5, 6\)"
    with pytest.raises(SchemaError, match=message):
        read_out(hidden, weights)
    with pytest.raises(SchemaError, match="no field 'h'"):
        read_out(hidden.rename(h="other"), weights)
    with pytest.raises(SchemaError, match="units of"):
        read_out(xr.Dataset({"h": ("time", [1.0])}), weights)


BAD = np.zeros((2, 5, 4))
BAD[1, 3, 2] = np.inf


@pytest.mark.parametrize(
    "inputs, message",
    [(np.ones((5, 4)), r"of shape \(5, 4\); they are numbers \(trial, time, input\)"),
     (np.ones((2, 5, 3)), r"shape \(2, 5, 3\).*takes 4 inputs"),
     (np.ones((0, 5, 4)), "of shape"), (np.full((2, 5, 4), "a"), "of shape"),
     (BAD, r"not finite at \(1, 3, 2\)")],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_named(tmp_path, inputs, message):
    network = network_of(CASES["a sheet"])
    with pytest.raises(InputError, match=message):
        export_sheet(network, inputs, tmp_path / "a", title="a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "changes, message",
    [({"step": "10"}, "has no unit"), ({"step": "10 mm"}, "not a quantity in ms"),
     ({"step": 0.0}, "not positive"), ({"step": "-1 ms"}, "not positive"),
     ({"spacing": "0.1 s"}, "not a quantity in mm"), ({"spacing": -1.0}, "positive"),
     ({"title": "two\nlines"}, "one line"), ({"title": ""}, "one line")],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_named(tmp_path, changes, message):
    given = {"title": "a", **changes}
    with pytest.raises(InputError, match=message):
        export_sheet(network_of(CASES["a sheet"]), inputs_of(), tmp_path / "a", **given)
    assert not (tmp_path / "a").exists()


def test_a_file_where_the_folder_is_due_is_named(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(InputError, match="a file of this name exists"):
        export_sheet(network_of(CASES["a sheet"]), inputs_of(), tmp_path / "a",
                     title="a")  # fmt: skip
