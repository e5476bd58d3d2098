"""Weights files: what is saved is loaded, and nothing that is not numbers ever is."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from cortexwave.errors import InputError, RecordingError
from cortexwave.learning.building import build_network
from cortexwave.learning.network_documents import (
    IdentityRNNDocument,
    LinearDocument,
    LocalRNNDocument,
    LSTMDocument,
    NeuralWaveMachineDocument,
    RelabelledWaveRNNDocument,
    WaveRNNDocument,
)
from cortexwave.learning.network_weights import network_of, weights_of
from cortexwave.learning.readout_documents import MLPReadout, TimeCourseReadout
from cortexwave.learning.tasks import Shape
from cortexwave.learning.weights import Weights
from cortexwave.learning.weights_file import load_weights, save_weights

COPY = Shape(inputs=10, outputs=9, steps=30, every_step=True, loss="cross_entropy")
ONCE = Shape(inputs=1, outputs=10, steps=30, every_step=False, loss="cross_entropy")


def some_weights(features=2, ny=1, nx=8, ky=1, kx=3, **changes):
    """Weights of 4 inputs and 3 outputs at random."""
    draw = np.random.default_rng(7)
    return replace(
        Weights(
            u=draw.normal(size=(features, features, ky, kx)),
            V=draw.normal(size=(4, features, ny, nx)),
            bias=draw.normal(size=(features, ny, nx)),
            W=draw.normal(size=(3, features, ny, nx)),
            W_bias=draw.normal(size=3),
            activation="tanh", boundary=("periodic", "open"), step=0.01,
            attributes={"title": "Wellen über → Rinde", "iteration": 500, "loss": 0.25},
        ),
        **changes,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return save_weights(some_weights(), tmp_path / "weights.h5")


def same(first, second):
    assert set(first.arrays) == set(second.arrays)
    assert all(np.array_equal(first.arrays[k], second.arrays[k]) for k in first.arrays)
    names = ("activation", "boundary", "step")
    assert [getattr(first, n) for n in names] == [getattr(second, n) for n in names]


@pytest.mark.parametrize(
    "weights",
    [some_weights(), some_weights(W=None, W_bias=None), some_weights(1, 5, 7, 3, 5)],
    ids=["ring", "no readout", "sheet"],
)
def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path, weights):
    loaded = load_weights(save_weights(weights, tmp_path / "w.h5"))
    same(loaded, weights)
    assert all(array.dtype == np.float64 for array in loaded.arrays.values())
    assert weights.attributes.items() <= loaded.attributes.items()


def test_the_file_is_plain_hdf5_that_says_where_it_comes_from(path):
    weights = some_weights()
    with h5py.File(path) as file:
        assert set(file) == {"u", "V", "bias", "W", "W_bias"}
        assert np.array_equal(file["u"][:], weights.u)
        assert [dim.label for dim in file["V"].dims] == ["input", "feature", "y", "x"]
        assert file.attrs["activation"].decode() == "tanh"
        assert [side.decode() for side in file.attrs["boundary"]] == [
            "periodic", "open",
        ]  # fmt: skip
        assert file.attrs["step"] == 0.01
        for name in ("cortexwave_version", "created", "run_id", "versions"):
            assert name in file.attrs


def test_a_file_written_by_hand_is_read_as_well(tmp_path):
    weights = some_weights()
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name, array in weights.arrays.items():
            file[name] = array.astype(np.float32)
        file.attrs.update({"cortexwave_weights": 1, "activation": "tanh", "step": 0.01})
        file.attrs["boundary"] = ["periodic", "open"]
    loaded = load_weights(tmp_path / "w.h5")
    assert np.array_equal(loaded.u, weights.u.astype(np.float32))
    assert loaded.boundary == ("periodic", "open")


def test_saving_replaces_weights_and_nothing_else(tmp_path, path):
    other = some_weights(step=0.5)
    save_weights(other, path)
    same(load_weights(path), other)
    (tmp_path / "notes.h5").write_text("my notes")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["u"] = 1.0
    for name in ("notes.h5", "data.h5"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(RecordingError, match=f"{name}: is no weights file"):
            save_weights(other, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_save_that_fails_leaves_the_weights_of_before(path, monkeypatch):
    def fails(written, final):
        raise OSError("the plug was pulled")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(RecordingError, match="the plug was pulled"):
        save_weights(some_weights(step=0.5), path)
    same(load_weights(path), some_weights())
    assert [file.name for file in path.parent.iterdir()] == ["weights.h5"]


def test_on_a_full_disk_the_weights_of_before_stay(path):
    # no file may grow beyond 16 KiB; in a process of its own, which would show if
    # HDF5 took it along
    code = """
import sys
import numpy as np
from dataclasses import replace
from cortexwave.errors import DiskFullError
from cortexwave.learning.weights_file import load_weights, save_weights

weights = load_weights(sys.argv[1])
try:
    save_weights(replace(weights, V=np.zeros((999, *weights.bias.shape))), sys.argv[1])
except DiskFullError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, path], text=True, capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, 2**14)),
        timeout=60,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{path}: no room on the disk for it\n"
    same(load_weights(path), some_weights())
    assert [file.name for file in path.parent.iterdir()] == ["weights.h5"]


@pytest.mark.parametrize("name", ["w.npy", "w.txt", "w"])
def test_weights_are_stored_in_hdf5_by_name(tmp_path, name):
    with pytest.raises(RecordingError, match=r"stored in \.h5 or \.hdf5"):
        save_weights(some_weights(), tmp_path / name)
    with pytest.raises(RecordingError, match="there is no folder"):
        save_weights(some_weights(), tmp_path / "nowhere" / "w.h5")


NAN = np.full((4, 2, 1, 8), 0.0)
NAN[1, 0, 0, 5] = np.nan


@pytest.mark.parametrize(
    "changes, message",
    [({"u": np.ones((2, 3, 1, 3))}, r"u is \(2, 3, 1, 3\), not \(out, in, ky, kx\) = "
      r"\(2, 2, any, any\)"),
     ({"u": np.ones((2, 2, 1, 4))}, "u is 4 sites wide along x"),
     ({"u": np.ones((2, 2, 1, 9))}, "at most the 8 of the sheet"),
     ({"u": np.ones((2, 2, 3, 3))}, "u is 3 sites wide along y"),
     ({"u": np.ones(3)}, r"u is \(3,\), not"),
     ({"V": np.ones((4, 2, 8, 1))}, r"V is \(4, 2, 8, 1\).*\(any, 2, 1, 8\)"),
     ({"V": NAN}, r"V is not finite at \(1, 0, 0, 5\)"),
     ({"V": None}, "V is missing"),
     ({"bias": np.ones((2, 8))}, r"bias is \(2, 8\), not \(feature, y, x\)"),
     ({"bias": np.ones((3, 1, 8))}, "(?s)u is.*V is.*W is"),
     ({"W": np.ones((3, 2, 1, 7))}, r"W is .*\(3, 2, 1, 8\)"),
     ({"W_bias": np.ones(4)}, r"W_bias is \(4,\), not \(output\) = \(3\)"),
     ({"W_bias": None}, "W and W_bias are there together"),
     ({"u": np.ones((2, 2, 1, 3), np.float32)}, "u is float32, not float64"),
     ({"activation": "softplus"}, "activation is 'softplus', not one of"),
     ({"boundary": ("open", "closed")}, "boundary is .*'closed'"),
     ({"boundary": "open"}, "it is one for y and one for x"),
     ({"step": 0.0}, "step is 0.0 s, not positive"),
     ({"step": np.inf}, "step is inf s"),
     ({"attributes": {"loss": [1.0]}}, "attribute 'loss' is a list")],
)  # fmt: skip
def test_weights_that_do_not_fit_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        some_weights(**changes)


def without_u(file):
    del file["u"], file["bias"]


def wrong_shape(file):
    del file["V"]
    file["V"] = np.ones((4, 2, 1, 7))


def not_finite(file):
    del file["W"]
    file["W"] = np.full((3, 2, 1, 8), np.inf)


def text(file):
    file["notes"] = "text"


def objects(file):
    file.create_dataset("notes", data=["a", "b"], dtype=h5py.string_dtype())


def references(file):
    file.create_dataset("refs", data=[file["u"].ref], dtype=h5py.ref_dtype)


def group(file):
    file.create_group("more")["u"] = 1.0


def external_link(file):
    del file["u"]
    file["u"] = h5py.ExternalLink("other.h5", "u")


def soft_link(file):
    del file["bias"]
    file["bias"] = h5py.SoftLink("/V")


def external_storage(file):
    del file["W_bias"]
    file.create_dataset("W_bias", (3,), "f8", external=[("/etc/passwd", 0, 24)])


def virtual(file):
    del file["u"]
    layout = h5py.VirtualLayout((2, 2, 1, 3), "f8")
    layout[...] = h5py.VirtualSource("other.h5", "u", (2, 2, 1, 3))
    file.create_virtual_dataset("u", layout)


def announced(file):
    del file["u"]
    file.create_dataset("u", (2, 2, 1, 3), "f8")


def complex_numbers(file):
    del file["u"]
    file["u"] = np.ones((2, 2, 1, 3), complex)


def another_version(file):
    file.attrs["cortexwave_weights"] = 2


def no_activation(file):
    del file.attrs["activation"]


def strange_activation(file):
    file.attrs["activation"] = "softplus"


def strange_step(file):
    file.attrs["step"] = np.nan


def strange_boundary(file):
    file.attrs["boundary"] = 3


def strange_attribute(file):
    file.attrs["ref"] = file["u"].ref


def unmarked(file):
    del file.attrs["cortexwave_weights"]


@pytest.mark.parametrize(
    "spoil, message",
    [(without_u, "there is no array u and no bias"),
     (wrong_shape, r"V is \(4, 2, 1, 7\), not .* = \(any, 2, 1, 8\)"),
     (not_finite, "values are not finite, the first at"),
     (text, "'notes' holds object, not numbers"),
     (objects, "'notes' holds object, not numbers"),
     (references, "'refs' holds object, not numbers"),
     (group, "'more' is a group, not an array"),
     (external_link, "'u' is a link"), (soft_link, "'bias' is a link"),
     (external_storage, "the numbers of 'W_bias' lie in other files"),
     (virtual, "the numbers of 'u' lie in other files"),
     (announced, "'u' claims 96 bytes"),
     (complex_numbers, "'u' holds complex128, not numbers"),
     (another_version, "weights of version 2; this cortexwave reads version 1"),
     (no_activation, "the attribute 'activation' is missing"),
     (strange_activation, "activation is 'softplus'"),
     (strange_step, "step is nan s"), (strange_boundary, "boundary is 3"),
     (strange_attribute, "the attribute 'ref' is neither text nor a number"),
     (unmarked, "an HDF5 file, but not one of weights")],
)  # fmt: skip
def test_a_spoilt_file_is_refused_with_one_message(path, spoil, message):
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(RecordingError, match=message) as caught:
        load_weights(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).count(str(path)) == 1


def test_arrays_that_were_changed_since_are_refused_unless_that_is_meant(path):
    with h5py.File(path, "r+") as file:
        file["u"][0, 0, 0, 0] += 1e-9
    with pytest.raises(RecordingError, match=r"not those that were saved .*'sha256'"):
        load_weights(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["sha256"]
    assert load_weights(path).u[0, 0, 0, 0] == some_weights().u[0, 0, 0, 0] + 1e-9


def test_no_file_a_folder_and_another_format_are_told_apart(tmp_path):
    with pytest.raises(RecordingError, match="there is no such file"):
        load_weights(tmp_path / "w.h5")
    (tmp_path / "d.h5").mkdir()
    with pytest.raises(RecordingError, match="is no file"):
        load_weights(tmp_path / "d.h5")
    torch.save({"u": torch.ones(3)}, tmp_path / "w.pt")
    with pytest.raises(RecordingError, match="not a weights file, which is HDF5"):
        load_weights(tmp_path / "w.pt")


def test_a_file_that_was_cut_short_is_refused_wherever_it_was_cut(tmp_path, path):
    raw = path.read_bytes()
    for size in np.linspace(0, len(raw) - 1, 20).astype(int):
        (tmp_path / "cut.h5").write_bytes(raw[:size])
        with pytest.raises(
            RecordingError, match=r"cut\.h5: .*(cut short|not a weight)"
        ):
            load_weights(tmp_path / "cut.h5")


def test_a_file_with_a_wrong_byte_is_refused_or_holds_what_was_saved(tmp_path, path):
    raw, weights = path.read_bytes(), some_weights()
    draw = np.random.default_rng(0)
    refused = 0
    for place in draw.integers(0, len(raw), 100):
        spoilt = bytearray(raw)
        spoilt[place] ^= 1 << draw.integers(8)
        (tmp_path / "w.h5").write_bytes(spoilt)
        try:
            same(load_weights(tmp_path / "w.h5"), weights)
        except RecordingError:
            refused += 1
    assert refused > 0


def test_a_network_is_its_weights_and_back():
    document = WaveRNNDocument(units=12, channels=2, kernel=5, boundary="reflecting")
    network = build_network(document, shape=COPY, seed=5)
    weights = weights_of(network, step=0.01)
    site, channel = network.site_bias.double(), network.channel_bias.double()
    bias = (site + channel[:, None, None]).detach().numpy()  # not rounded to float32
    assert np.array_equal(weights.bias, bias)
    assert weights.boundary == ("reflecting", "reflecting")
    back = network_of(weights, dtype=torch.float32)
    inputs = torch.rand(3, 7, 10, generator=torch.Generator().manual_seed(0))
    # float32 weights are exact in float64; the sum of two biases is rounded once more
    assert torch.allclose(back(inputs), network(inputs), rtol=1e-5, atol=1e-6)
    assert torch.allclose(back.states(inputs), network.states(inputs), rtol=1e-5,
                          atol=1e-6)  # fmt: skip
    same(weights_of(network_of(weights), step=0.01), weights)


def test_the_weights_are_a_copy():
    network = build_network(WaveRNNDocument(units=8), shape=COPY, seed=5)
    weights = weights_of(network, step=0.01)
    before = weights.u.copy()
    with torch.no_grad():
        network.u += 1
    assert np.array_equal(weights.u, before)


@pytest.mark.parametrize(
    "readout", [MLPReadout(hidden=5), TimeCourseReadout(courses=2)]
)
def test_a_readout_that_is_not_linear_leaves_no_w(tmp_path, readout):
    document = WaveRNNDocument(units=8, readout=readout)
    network = build_network(document, shape=ONCE, seed=1)
    weights = load_weights(
        save_weights(weights_of(network, step=0.01), tmp_path / "w.h5")
    )
    assert weights.W is None and weights.W_bias is None
    inputs = torch.rand(2, 30, 1, generator=torch.Generator().manual_seed(0))
    states = network_of(weights, dtype=torch.float32).states(inputs)
    assert torch.allclose(states, network.states(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "document, shape, why",
    [(IdentityRNNDocument(units=5), COPY, "every unit is coupled to every other"),
     (LocalRNNDocument(units=5), COPY, "its kernel differs from site to site"),
     (RelabelledWaveRNNDocument(units=5), COPY, "in a random order"),
     (LSTMDocument(units=5), COPY, "have gates"),
     (NeuralWaveMachineDocument(shape=(3, 4), dt=0.1, gamma=1, epsilon=1), COPY,
      "oscillators"),
     (LinearDocument(), ONCE, "no state")],
)  # fmt: skip
def test_a_network_that_is_no_sheet_says_why(document, shape, why):
    network = build_network(document, shape=shape, seed=1)
    with pytest.raises(InputError, match=f"'{document.kind}' is no sheet: .*{why}"):
        weights_of(network, step=0.01)


def test_a_network_that_is_not_ours_is_no_sheet():
    with pytest.raises(InputError, match="'Linear' is no sheet: only a wave RNN"):
        weights_of(torch.nn.Linear(2, 3), step=0.01)


def test_a_network_that_diverged_is_not_saved():
    network = build_network(WaveRNNDocument(units=8), shape=COPY, seed=5)
    with torch.no_grad():
        network.u[0, 0, 0, 1] = float("nan")
    with pytest.raises(InputError, match=r"u is not finite at \(0, 0, 0, 1\)"):
        weights_of(network, step=0.01)
