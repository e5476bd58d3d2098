"""`cortexwave memory`: from a protocol with its analyses to results and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cortexwave as cw
from cortexwave.cli import app
from cortexwave.errors import CortexwaveError, ProtocolError
from cortexwave.memory.measuring import open_memory
from cortexwave.memory_report import check_page
from cortexwave.preparation import prepare

PROTOCOL = """
cortexwave: 1
kind: simulation
title: "A line that remembers"
sheet: {shape: [1, 12], spacing: 1 mm, boundary: open}
model:
  name: leaky_rate
  parameters: {tau: 1 ms}
  couplings:
    lateral:
      kernel: {kind: shift, velocity: 1.0, direction: +x}
      delay: {speed: 0.1 m/s}
stimuli:
  - {kind: white_noise, clock: 20 ms, places: [{x: 0 mm}], amplitude: 0.5}
run: {duration: 2 s, dt: 0.5 ms, seed: 3, backend: reference}
record: {variables: [h], every: 10 ms}
analyses:
  - {kind: memory_function, lags: 10, surrogates: 19}
  - {kind: lag_position, lags: 12, surrogates: 19}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "run.h5"
    return Path(cw.run(cw.parse_protocol(PROTOCOL), path))


def _command(*words: object):
    return CliRunner().invoke(app, ["memory", *map(str, words)], catch_exceptions=True)


def test_a_run_is_measured_without_further_arguments(run, tmp_path):
    output = tmp_path / "memory.h5"
    done = _command(run, "-o", output)
    assert done.exit_code == 0, done.output
    assert output.with_suffix(".png").stat().st_size > 10_000
    found = open_memory(output)
    assert list(found) == ["memory_function", "lag_position"]
    # 10 ms of conduction and 1 ms of the site's own from one site to the next; read off
    # a clock of 20 ms over 12 sites, where a parabola is off by a tenth of a tick
    assert found["lag_position"].speed.item() == pytest.approx(1000 / 11, rel=0.06)


def test_options_may_stand_before_the_file_and_analyses_be_chosen(run, tmp_path):
    output = tmp_path / "memory.h5"
    done = _command("-o", output, "--json", run, "--analysis",
                    "{kind: lag_position, lags: 12, surrogates: 19}")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert list(json.loads(done.stdout)["found"]) == ["lag_position"]


def test_a_slip_in_an_analysis_is_named(run, tmp_path):
    done = _command(run, "-o", tmp_path / "m.h5", "--analysis", "{kind: lag_position}")
    assert isinstance(done.exception, CortexwaveError)
    assert "lags" in str(done.exception)


def test_a_result_that_is_there_is_not_replaced_unasked(run, tmp_path):
    output = tmp_path / "memory.h5"
    output.write_bytes(b"mine")
    done = _command(run, "-o", output)
    assert isinstance(done.exception, CortexwaveError)
    assert output.read_bytes() == b"mine"


def test_a_picture_that_is_there_is_not_replaced_unasked(run, tmp_path):
    picture = tmp_path / "memory.png"
    picture.write_bytes(b"mine")
    done = _command(run, "-o", tmp_path / "memory.h5")
    assert isinstance(done.exception, CortexwaveError)
    assert f"{picture}: would be replaced" in str(done.exception)
    assert list(tmp_path.iterdir()) == [picture]  # and nothing was measured
    assert picture.read_bytes() == b"mine"
    assert check_page(tmp_path / "memory.h5", overwrite=True) == picture


def test_a_recording_without_a_protocol_is_asked_of_on_the_command_line(run, tmp_path):
    with cw.open_recording(run) as recording:
        saved = cw.save_recording(recording, tmp_path / "saved.h5")
    done = _command(saved, "-o", tmp_path / "m.h5")
    assert isinstance(done.exception, CortexwaveError)
    told = str(done.exception)
    assert told.startswith(f"{saved}: nothing to measure: it declares no `analyses`")
    assert "--analysis" in told and "--analyses" in told
    assert "protocol" not in told and "empty" not in told


def test_analyses_may_stand_in_a_file_of_their_own(run, tmp_path):
    asked = tmp_path / "asked.yaml"
    asked.write_text("analyses:\n  - {kind: lag_position, lags: 12, surrogates: 19}\n")
    done = _command(run, "-o", tmp_path / "m.h5", "--analyses", asked)
    assert done.exit_code == 0, done.output
    told = CliRunner().invoke(app, ["info", str(tmp_path / "m.h5")])
    assert "lag_position" in told.output
    asked.write_text("analyses:\n  - {kind: lag_positions, lags: 12}\n")
    done = _command(run, "-o", tmp_path / "n.h5", "--analyses", asked)
    assert "asked.yaml" in str(done.exception)
    assert "did you mean 'lag_position'" in str(done.exception)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("{kind: decode_identity, window: [0 ms, 100 ms]}", "are of class"),
        ("{kind: decode_identity, window: [0 ms, 9 s]}", "window"),
        ("{kind: sequence_readout, at: 1 s}", "sequence"),
        ("{kind: decode_interval, window: [0 ms, 50 ms]}", "2 of a trial"),
    ],
)
def test_what_a_recording_cannot_tell_is_one_message(run, tmp_path, asked, message):
    done = _command(run, "-o", tmp_path / "m.h5", "--analysis", asked)
    assert isinstance(done.exception, CortexwaveError)
    assert message in str(done.exception)
    assert not (tmp_path / "m.h5").exists()


def test_without_a_drive_a_memory_function_says_so(tmp_path):
    plain = PROTOCOL.replace("stimuli:\n  - {kind: white_noise, clock: 20 ms, places: "
                             "[{x: 0 mm}], amplitude: 0.5}\n", "")  # fmt: skip
    path = cw.run(cw.parse_protocol(plain), tmp_path / "run.h5")
    done = _command(path, "-o", tmp_path / "m.h5")
    assert isinstance(done.exception, CortexwaveError)
    assert "drive" in str(done.exception)


def test_info_of_a_reports_folder_names_its_page(tmp_path):
    for name in ("report.html", "report.json", "events.csv", "study.json"):
        (tmp_path / name).write_text("{}")
    done = CliRunner().invoke(app, ["info", str(tmp_path)])
    assert isinstance(done.exception, CortexwaveError)
    told = str(done.exception)
    assert told.startswith(f"{tmp_path}: the folder of a report: open ")
    assert "report.html" in told and "report.json" in told
    (tmp_path / "report.html").unlink()
    done = CliRunner().invoke(app, ["info", str(tmp_path)])
    assert "not the folder of a training" in str(done.exception)


def test_hidden_waves_is_a_command_of_its_own():
    done = _command("hidden-waves", "--help")
    assert done.exit_code == 0
    assert "trained on a history task" in done.output


CONTROLS = """analyses:
  - kind: decoding_controls
    window: [0 ms, 50 ms]
    times: [20 ms]
    covariates:
      - x
      - pupl
"""


def test_a_covariate_that_is_not_there_is_named_at_its_line(run, tmp_path):
    asked = tmp_path / "asked.yaml"
    asked.write_text(CONTROLS)
    done = _command(run, "-o", tmp_path / "m.h5", "--analyses", asked)
    told = str(done.exception)
    assert isinstance(done.exception, ProtocolError)
    assert "asked.yaml:7: analyses.0.covariates.1: there is no covariate 'pupl'" in told
    assert not (tmp_path / "m.h5").exists()


def test_a_protocol_may_name_columns_of_its_events_and_what_it_records():
    declared = PROTOCOL.split("analyses:")[0] + CONTROLS
    prepare(cw.parse_protocol(declared.replace("pupl", "h")))
    with pytest.raises(ProtocolError, match=r"covariates\.1: .* 'pupl'.*trial, h"):
        prepare(cw.parse_protocol(declared))
