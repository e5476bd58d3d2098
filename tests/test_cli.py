"""The command line: what it prints where, and its exit codes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.wave_file import WaveFileWriter
from cortexwave.checking import read_band, read_bytes
from cortexwave.cli import app, main
from cortexwave.errors import InputError

ROOT = Path(__file__).parent.parent
RING = ROOT / "protocols" / "ring_pulse.yaml"
SHORT = ("--set", "run.duration=10 ms")


def cortexwave(*words, cwd=ROOT):
    """A command in this process, which saves seconds of imports: its code and texts."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd),
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
    ):  # fmt: skip
        patch.setattr(sys, "argv", ["cortexwave", *map(str, words)])
        patch.setattr(warnings, "showwarning", warnings.showwarning)  # main sets it
        patch.setenv("COLUMNS", "100")
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def fresh_cortexwave(*words, cwd=ROOT):
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cortexwave.cli", *map(str, words)], cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
             "COLUMNS": "100"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("words, code", [
    (("check", RING), 0), (("check", "protocols/nothing.yaml"), 2),
    (("list", "models"), 0), (("run", RING), 2),
])  # fmt: skip
def test_a_process_of_its_own_says_and_returns_the_same(words, code):
    here, there = cortexwave(*words), fresh_cortexwave(*words)
    assert (here.returncode, there.returncode) == (code, code)
    assert here.stdout == there.stdout
    # usage names the program, which is called `python -m cortexwave.cli` there
    assert here.stderr.splitlines()[3:] == there.stderr.splitlines()[3:]


def test_check_passes_every_shipped_protocol():
    done = cortexwave("check", "protocols/")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(
        list((ROOT / "protocols").rglob("*.yaml"))
    )


def test_check_names_every_fault_with_its_line(tmp_path):
    bad = tmp_path / "bad.yaml"
    text = RING.read_text().replace("dt: 0.1 ms", "dt: 0.1").replace("speed:", "sped:")
    bad.write_text(text)
    done = cortexwave("check", bad)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = text.splitlines()
    assert (
        f"bad.yaml:{1 + lines.index(next(x for x in lines if 'sped' in x))}: "
        in done.stderr
    )
    assert "did you mean 'speed'" in done.stderr
    assert "run.dt: 0.1 has no unit" in done.stderr


def test_check_json_lists_files_and_faults(tmp_path):
    (tmp_path / "bad.yaml").write_text("kind: simulation\n")
    done = cortexwave("check", tmp_path, "--json")
    assert done.returncode == 2
    (result,) = json.loads(done.stdout)
    assert not result["ok"]
    assert any("title: this key is missing" in fault for fault in result["faults"])


@pytest.mark.parametrize("words", [(), ("protocols/nothing.yaml",), ("tests",)])
def test_check_of_nothing_is_wrong_usage(words):
    assert cortexwave("check", *words).returncode == 2


def test_two_engines_write_files_that_every_tool_opens_and_that_agree(tmp_path):
    fields = []
    for engine in ("torch", "brian2"):
        out = tmp_path / f"{engine}.h5"
        done = cortexwave("run", RING, "-o", out, "--backend", engine,
                          "--dtype", "float64")  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(out)
        with xr.open_dataset(out) as dataset, h5py.File(out) as file:
            assert dataset.u.dims == ("time", "y", "x")
            assert dataset.u.dtype == np.float64
            assert np.array_equal(dataset.u, file["u"])
            fields.append(dataset.u.values)
    assert np.abs(fields[0] - fields[1]).max() < 1e-12 * np.abs(fields[0]).max()


def test_run_refuses_to_overwrite_until_told(tmp_path):
    out = tmp_path / "out.h5"
    words = ("run", RING, "-o", out, *SHORT)
    assert cortexwave(*words).returncode == 0
    before = out.read_bytes()
    done = cortexwave(*words)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert out.read_bytes() == before
    assert cortexwave(*words, "--overwrite").returncode == 0


@pytest.mark.parametrize("words, culprit", [
    (("--set", "run.dt=9 ms"), "stable"),
    (("--set", "run.dt"), "path=value"),
    (("--set", "modl.name=x"), "unknown key"),
    (("--backend", "brain2"), "did you mean 'brian2'"),
    (("--device", "cuda"), "cuda"),
    (("--dtype", "float16"), "float16"),
    (("--no-such-option",), "No such option"),
])  # fmt: skip
def test_wrong_usage_exits_2_and_leaves_no_file(tmp_path, words, culprit):
    done = cortexwave("run", RING, "-o", tmp_path / "out.h5", *words)
    assert done.returncode == 2
    assert culprit in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_exits_3(tmp_path):
    path = tmp_path / "boom.yaml"
    path.write_text("""
cortexwave: 1
kind: simulation
title: "Grows without limit"
sheet: {shape: [1, 16], spacing: 0.1 mm}
model:
  name: leaky_rate
  couplings: {lateral: {kernel: {kind: shift, strength: 90}}}
  initial: {h: 1}
run: {duration: 1 s, dt: 1 ms}
""")
    done = cortexwave("run", path, "-o", tmp_path / "out.h5")
    assert done.returncode == 3
    assert "'h' is " in done.stderr and "too large to be stored" in done.stderr
    info = json.loads(cortexwave("info", tmp_path / "out.h5.part", "--json").stdout)
    assert info["complete"] in (False, 0)
    assert info["n_valid"] > 10


def test_info_tells_what_a_recording_is(tmp_path):
    out = tmp_path / "out.h5"
    cortexwave("run", RING, "-o", out, *SHORT)
    done = cortexwave("info", out)
    assert done.returncode == 0
    assert "A pulse on a ring" in done.stdout
    described = json.loads(cortexwave("info", out, "--json").stdout)
    assert described["fields"]["u"]["units"] == "1"
    assert cortexwave("info", RING).returncode == 2
    assert cortexwave("info", tmp_path / "none.h5").returncode == 2


def test_list_and_schema_and_doctor():
    listed = json.loads(cortexwave("list", "--json").stdout)
    assert {"leaky_rate", "wilson_cowan", "kuramoto"} <= set(listed["models"])
    assert {"reference", "brian2", "torch"} == set(listed["engines"])
    assert "pulse" in listed["stimuli"] and "gaussian" in listed["kernels"]
    assert all(meaning for group in listed.values() for meaning in group.values())
    assert cortexwave("list", "modells").returncode == 2
    schema = json.loads(cortexwave("schema").stdout)
    assert schema["type"] == "object"
    findings = json.loads(cortexwave("doctor", "--json").stdout)
    assert {"brian2", "torch", "C++ compiler", "GPU"} <= {f["what"] for f in findings}
    assert all(f["ok"] or f["remedy"] for f in findings)


@pytest.mark.parametrize("ending", ["png", "svg", "gif", "html"])
def test_view_draws_by_the_files_ending(tmp_path, ending):
    out = tmp_path / "out.h5"
    cortexwave("run", RING, "-o", out, *SHORT)
    done = cortexwave("view", out, "-o", tmp_path / f"page.{ending}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"page.{ending}").stat().st_size > 1000


def test_view_of_two_runs_prints_their_difference(tmp_path):
    for name, engine in (("a.h5", "reference"), ("b.h5", "torch")):
        cortexwave("run", RING, "-o", tmp_path / name, *SHORT, "--backend", engine,
                   "--dtype", "float64")  # fmt: skip
    done = cortexwave("view", tmp_path / "a.h5", tmp_path / "b.h5", "-o",
                      tmp_path / "page.html")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "greatest difference of u: " in done.stdout


def test_view_refuses_what_it_cannot_draw(tmp_path):
    out = tmp_path / "out.h5"
    cortexwave("run", RING, "-o", out, *SHORT)
    for words in ((out, "-o", tmp_path / "x.docx"), (out, out, out, "-o", "x.html"),
                  (out, "-o", tmp_path / "x.png", "--field", "v"),
                  (RING, "-o", tmp_path / "x.png")):  # fmt: skip
        done = cortexwave("view", *words)
        assert done.returncode == 2
        assert done.stderr.startswith("cortexwave: ")


TRAINING = """\
cortexwave: 1
kind: training
title: Two symbols
task: {kind: copy, convention: paper, length: 2, symbols: 2, items: 2}
network: {kind: wave_rnn, units: 8, channels: 2}
training: {learning_rate: 1e-2, batch: 16, iterations: 20}
evaluation: {every: 10, sequences: 20}
"""


@pytest.fixture
def training(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(TRAINING)
    return path


def test_train_writes_a_folder_and_prints_scores_and_its_path(tmp_path, training):
    out = tmp_path / "run"
    done = cortexwave("train", training, "-o", out, "--seeds", "3,4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "Two symbols: seeds 3, 4"
    assert done.stdout.splitlines()[-1] == str(out)
    assert "seed 4 iteration 20: cross entropy" in done.stderr
    assert sorted(p.name for p in out.glob("seed-*")) == ["seed-3", "seed-4"]
    told = cortexwave("info", out, "--json")
    assert json.loads(told.stdout)["seeds"] == [3, 4]
    again = cortexwave("train", training, "-o", out)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert cortexwave("resume", out, "-q").returncode == 0


def test_the_trained_sheet_runs_on_every_engine(tmp_path, training):
    assert cortexwave("train", training, "-o", tmp_path / "run").returncode == 0
    sheet = tmp_path / "run/seed-0/sheet/sheet.yaml"
    assert cortexwave("check", sheet).returncode == 0
    fields = []
    for engine in ("reference", "torch", "brian2"):
        out = tmp_path / f"{engine}.h5"
        done = cortexwave("run", sheet, "-o", out, "--backend", engine)
        assert done.returncode == 0, done.stderr
        with xr.open_dataset(out) as recording:
            fields.append(recording.h.values)
    for field in fields[1:]:
        # float64 throughout
        assert np.abs(field - fields[0]).max() <= 1e-10 * np.abs(fields[0]).max()


def test_check_names_the_faults_of_a_training_with_their_lines(training):
    training.write_text(TRAINING.replace("units: 8", "unit: 8") + "goals: {mse: 1}\n")
    done = cortexwave("check", training)
    assert done.returncode == 2
    assert "two.yaml:5: network.unit: unknown key; did you mean 'units'" in done.stderr
    training.write_text(TRAINING + "goals: {mse: 1}\n")
    done = cortexwave("check", training)
    assert "two.yaml:8: goals.mse: 'mse' is no score of the task" in done.stderr


def test_a_training_that_diverges_exits_3(tmp_path, training):
    done = cortexwave("train", training, "-o", tmp_path / "run", "--set",
                      "training.learning_rate=100", "--set", "training.optimiser=sgd",
                      "--set", "network.activation=identity", "--set",
                      "training.iterations=300")  # fmt: skip
    assert done.returncode == 3
    assert "1 of 1 seeds failed" in done.stderr
    assert "norms of the gradient" in done.stderr


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (("train", "two.yaml", "-o", "x", "--seeds", "a"), "--seeds 'a': whole"),
        (("train", "two.yaml", "-o", "x", "--device", "cuda:7"), "no device 'cuda:7'"),
        (("train", str(RING), "-o", "x"), "'simulation' is not a kind"),
        (("run", "two.yaml", "-o", "x.h5"), "'training' is not a kind"),
        (("resume", "."), "not the folder of a training"),
        (("schema", "nothing"), "no kind 'nothing'; kinds are simulation, training"),
    ],
)
def test_wrong_use_of_training_exits_2(training, words, culprit):
    done = cortexwave(*words, cwd=training.parent)
    assert done.returncode == 2
    assert culprit in done.stderr
    assert not (training.parent / "x").exists()


@pytest.fixture(scope="module")
def noise_with_waves(tmp_path_factory):
    from cortexwave import synthetic
    from cortexwave.recording.saving import save_recording

    sites = synthetic.lattice_sites((6, 6), spacing=0.4)
    time = {"duration": 12.0, "rate": 200.0}
    parts = [synthetic.smooth_noise(sites, length=0.0, seed=0, **time)]
    parts += [
        synthetic.plane_wave(sites, direction=30, frequency=12.0, wavelength=5.0,
                             amplitude=3.0, window=(at, at + 0.6), **time)
        for at in (2.0, 6.0, 9.0)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("waves") / "run.h5"
    return save_recording(synthetic.mixture(*parts), path)


def test_analyse_writes_a_file_a_table_and_a_page_and_prints_a_verdict(
    tmp_path, noise_with_waves
):
    done = cortexwave("analyse", noise_with_waves, "-o", tmp_path / "w.h5", "--band",
                      "5 Hz:40 Hz", "--surrogates", "39", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["word"] == "travelling waves"
    assert "3 single event(s)" in told["verdict"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "w.csv", "w.h5", "w.png"
    ]  # fmt: skip
    with xr.open_dataset(tmp_path / "w.h5", group="events") as events:
        assert {"kind", "speed", "p"} <= set(events)


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["--band", "5 Hz:400 Hz"], "400 Hz"),
        (["--band", "5 Hz:40 Hz", "--method", "fourier"], "morlet"),
    ],
)
def test_wrong_use_of_analyse_exits_2_and_leaves_no_file(
    tmp_path, noise_with_waves, words, culprit
):
    done = cortexwave("analyse", noise_with_waves, "-o", tmp_path / "w.h5", *words)
    assert done.returncode == 2
    assert culprit in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "culprit"),
    [("5:40", "has no unit"), ("5 Hz", "two frequencies are due"), ("", "two")],
)
def test_a_band_that_is_none_is_told(text, culprit):
    with pytest.raises(InputError, match=culprit):
        read_band(text)


@pytest.mark.parametrize("text", ["2", "GiB", "-1 GiB", "nan GiB", "2 parsecs"])
def test_a_size_that_is_none_is_told(text):
    with pytest.raises(InputError, match="'2 GiB' is due"):
        read_bytes(text)


def test_bands_and_sizes_are_read():
    assert read_band("500 mHz:0.04 kHz") == pytest.approx((0.5, 40))
    assert read_bytes("1.5 GiB") == 3 * 2**29


@pytest.fixture(scope="module")
def waves(tmp_path_factory) -> Path:
    """The file of an analysis with two events, one of which is a wave."""
    time = ("time", [0.0, 0.1], {"units": "s"})
    measures = xr.Dataset(
        {"speed": ("time", [1.0, 2.0], {"units": "mm/s"})}, {"time": time}
    )
    path = tmp_path_factory.mktemp("waves") / "w.h5"
    told = {"analysed": "lfp", "band": [5.0, 40.0]}
    with WaveFileWriter(path, attributes=told) as file:
        file.append(measures)
        file.write("events", xr.Dataset({"is_wave": ("event", [True, False])}))
        return file.finish(word="travelling waves", verdict="Travelling waves.")


def test_info_of_an_analysis_tells_its_verdict(waves, capsys):
    app(["info", str(waves), "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "wave analysis" and told["band"] == [5.0, 40.0]
    assert told["verdict"] == "Travelling waves."
    assert (told["events"], told["waves"]) == (2, 1)


@pytest.mark.parametrize(
    "words",
    [["view", "-o", "a.png"], ["analyse", "--band", "5 Hz:40 Hz", "-o", "a.h5"]],
)
def test_an_analysis_is_no_recording_and_says_what_reads_it(waves, words):
    with pytest.raises(InputError, match=r"w\.h5: a wave analysis.*open_waves"):
        app([*words, str(waves)], standalone_mode=False)
