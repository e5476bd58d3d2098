"""Training: what a step does, when a seed ends, and that a kill changes no bit."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import cortexwave.learning
from cortexwave.errors import (
    InputError,
    Interrupted,
    NotFiniteError,
    ProtocolError,
    RecordingError,
)
from cortexwave.learning import checkpoints
from cortexwave.learning.building import build_network
from cortexwave.learning.optimisation import evaluate, loss_of, optimiser_of, step
from cortexwave.learning.tasks import Batch, Shape
from cortexwave.learning.training import (
    load_network,
    resume_training,
    train,
    training_steps,
)
from cortexwave.learning.training_checks import check_training_document
from cortexwave.learning.training_document import (
    Cosine,
    Lesson,
    Optimisation,
    Steps,
    Training,
    load_training,
)
from cortexwave.recording.checkpoint import load_state, save_state
from cortexwave.whole_documents import json_schema


def arrays_of(folder):
    return load_state(folder / "seed-0" / "checkpoint.h5")[0]


def assert_same_bits(one, other):
    assert sorted(one) == sorted(other)
    for name, values in one.items():
        assert values.tobytes() == other[name].tobytes(), name


# What one step does


def linear(weights):
    network = torch.nn.Linear(2, 1, bias=False).double()
    network.weight.data = torch.tensor([weights], dtype=torch.float64)
    return network


# Loss (w.x - 0)^2 for one sample x = (3, 4), w = (1, 0): 9, gradient 2*3*(3, 4) =
# (18, 24), norm 30.
SHAPE = Shape(2, 1, 1, False, "mean_squared_error")
BATCH = Batch(np.array([[3.0, 4.0]]), np.array([[0.0]]))


@pytest.mark.parametrize(
    ("clip", "moved"), [(None, (18.0, 24.0)), (3.0, (1.8, 2.4)), (100.0, (18.0, 24.0))]
)
def test_a_step_follows_the_gradient_clipped_to_its_norm(clip, moved):
    network = linear([1.0, 0.0])
    chosen = Optimisation(optimiser="sgd", learning_rate=1, iterations=1, clip=clip)
    seen = step(network, optimiser_of(network, chosen), BATCH, SHAPE, chosen,
                rate=0.01, where="")  # fmt: skip
    assert seen.loss == pytest.approx(9.0)
    assert seen.gradient_norm == pytest.approx(30.0)
    expected = [1 - 0.01 * moved[0], -0.01 * moved[1]]
    # torch's clip divides by norm + 1e-6
    np.testing.assert_allclose(network.weight.data[0], expected, rtol=1e-6)


def test_the_loss_scale_scales_the_gradient_and_not_the_loss():
    network = linear([1.0, 0.0])
    chosen = Optimisation(
        optimiser="sgd", learning_rate=1, iterations=1, loss_scale=0.5
    )
    seen = step(network, optimiser_of(network, chosen), BATCH, SHAPE, chosen,
                rate=0.01, where="")  # fmt: skip
    assert (seen.loss, seen.gradient_norm) == (pytest.approx(9.0), pytest.approx(15.0))


def test_a_loss_that_is_not_finite_stops_before_the_weights_change():
    network = linear([1e200, 0.0])
    chosen = Optimisation(optimiser="sgd", learning_rate=1, iterations=1)
    with pytest.raises(NotFiniteError, match=r"seed 3, iteration 7: the loss is inf.*"
                       r"weight .*no clip"):  # fmt: skip
        step(network, optimiser_of(network, chosen), BATCH, SHAPE, chosen, rate=0.1,
             where="seed 3, iteration 7")  # fmt: skip
    assert network.weight.data[0, 0] == 1e200


def test_the_loss_is_of_the_answered_steps_alone():
    shape = Shape(2, 2, 5, True, "mean_squared_error", first_answer=3)
    outputs = torch.full((4, 5, 2), 1e9)
    outputs[:, 3:] = torch.tensor([1.0, 3.0])[:, None]
    # errors of 1 and 3 at the two steps: (1 + 9) / 2
    assert loss_of(outputs, torch.zeros(4, 2, 2), shape) == pytest.approx(5.0)


def test_classes_are_due_at_the_answered_steps_alone():
    shape = Shape(2, 2, 5, True, "cross_entropy", first_answer=4)
    outputs = torch.zeros(3, 5, 2)
    outputs[:, :4, 1] = 1e9  # would be a loss of 1e9
    targets = torch.zeros(3, 1, dtype=torch.int64)
    assert loss_of(outputs, targets, shape) == pytest.approx(math.log(2))


def test_schedules_follow_their_formulas():
    assert [Steps(every=2, times=0.1).factor(done, 6) for done in range(5)] == (
        pytest.approx([1, 1, 0.1, 0.1, 0.01])
    )
    cosine = Cosine(least=0.2)
    assert cosine.factor(0, 10) == 1
    assert cosine.factor(5, 10) == pytest.approx(0.6)
    assert cosine.factor(10, 10) == pytest.approx(0.2)


# What the scores are


@pytest.mark.parametrize(
    ("task", "classes"),
    [
        ({"kind": "digits"}, 10),
        ({"kind": "copy", "convention": "paper", "length": 5}, 10),
    ],
)
def test_an_untrained_network_scores_as_its_bias_alone(tiny, task, classes):
    """An identity RNN whose input weights are 0.001 knows nothing but its bias."""
    training = tiny(task=task, network={"kind": "identity_rnn", "units": 20})
    source = training.task.open(None, 0)
    network = build_network(training.network, shape=source.shape, seed=0)
    bias = torch.zeros(classes)
    for name, parameter in network.named_parameters():
        if "readout" in name and parameter.shape == (classes,):
            parameter.data = bias
        if "readout" in name and parameter.ndim > 1:
            parameter.data.mul_(1e-3)
    scores = evaluate(network, source, "valid", sequences=200, batch=50)
    # softmax of equal logits: ln K, up to what weights of 1e-3 let through
    assert scores["cross_entropy"] == pytest.approx(math.log(classes), rel=0.01)


def test_scores_do_not_depend_on_how_the_split_is_cut(tiny):
    source = tiny().with_changes({"task": {"kind": "digits"}}).task.open(None, 0)
    training = tiny(task={"kind": "digits"})
    network = build_network(training.network, shape=source.shape, seed=0)
    whole = evaluate(network, source, "valid", sequences=1, batch=176)
    pieces = evaluate(network, source, "valid", sequences=1, batch=50)
    # 176 = 3 * 50 + 26; sums of float32 in another order
    assert pieces == pytest.approx(whole, rel=1e-5)


def test_the_tiny_task_is_learned(tiny, tmp_path):
    summary = train(tiny(training__iterations=200), tmp_path / "run")
    assert summary["scores"]["test.symbol_accuracy"]["median"] == 1.0


# The folder


def test_the_folder_holds_what_its_docstring_says(tiny, tmp_path):
    training = tiny(seeds=[0, 5])
    train(training, tmp_path / "run")
    run = tmp_path / "run"
    assert (run / "training.yaml").read_text() == training.text
    assert {p.name for p in (run / "seed-5").iterdir()} == {
        "log.csv", "log.jsonl", "checkpoint.h5", "best.h5", "result.json", "sheet"
    }  # fmt: skip
    rows = [json.loads(s) for s in (run / "seed-5/log.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == [0, 10, 20, 30]
    with (run / "seed-5/log.csv").open() as file:
        table = list(csv.DictReader(file))
    for row, line in zip(rows, table, strict=True):
        for name, value in row.items():
            assert line[name] == ("" if value is None else str(value))


def test_the_summary_gives_median_and_range_over_seeds(tiny, tmp_path):
    goals = {"symbol_accuracy": 0.0, "sequence_accuracy": 1.1}
    summary = train(tiny(seeds=[0, 1, 2], goals=goals), tmp_path / "run")
    each = [
        json.loads((tmp_path / f"run/seed-{seed}/result.json").read_text())
        for seed in (0, 1, 2)
    ]
    values = sorted(result["test"]["cross_entropy"] for result in each)
    spread = summary["scores"]["test.cross_entropy"]
    assert [spread["lowest"], spread["median"], spread["highest"]] == values
    at_once = summary["scores"]["iteration of symbol_accuracy 0"]
    assert (at_once["median"], at_once["there"]) == (0, 3)
    never = summary["scores"]["iteration of sequence_accuracy 1.1"]
    assert (never["median"], never["there"]) == (None, 0)


def test_a_folder_of_another_kind_is_left_alone(tiny, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        train(tiny(), tmp_path, overwrite=True)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_training_is_not_overwritten_unasked(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    with pytest.raises(InputError, match=r"cortexwave resume .*run.*--overwrite"):
        train(tiny(), tmp_path / "run")
    train(tiny(training__iterations=10), tmp_path / "run", overwrite=True)
    result = json.loads((tmp_path / "run/seed-0/result.json").read_text())
    assert result["iterations"] == 10


# When a seed ends


@pytest.mark.parametrize(
    ("changes", "ended", "iterations"),
    [
        ({}, "length", 30),
        ({"goals": {"symbol_accuracy": 0.0}, "stop": {"at_goals": True}}, "goals", 10),
        ({"training.learning_rate": 1e-12, "stop": {"patience": 10},
          "evaluation.select": "symbol_accuracy"}, "patience", 10),
        ({"stop": {"budget": "1 us"}}, "budget", 10),
    ],
)  # fmt: skip
def test_a_seed_ends_for_the_reason_it_tells(
    tiny, tmp_path, changes, ended, iterations
):
    train(tiny().with_changes(changes), tmp_path / "run")
    result = json.loads((tmp_path / "run/seed-0/result.json").read_text())
    assert (result["ended"], result["iterations"]) == (ended, iterations)


def test_a_seed_that_diverges_does_not_take_the_others_with_it(tiny, tmp_path):
    training = tiny(seeds=[0, 1]).with_changes(
        {"training.learning_rate": 100, "training.optimiser": "sgd",
         "training.clip": None, "training.iterations": 200,
         "network.activation": "identity"}
    )  # fmt: skip
    with pytest.raises(NotFiniteError, match=r"2 of 2 seeds failed.*seed 0, iteration"):
        train(training, tmp_path / "run")
    for seed in (0, 1):
        result = json.loads((tmp_path / f"run/seed-{seed}/result.json").read_text())
        assert "norms of the gradient" in result["failed"]


def test_epochs_count_whole_passes_of_the_set(tiny, tmp_path):
    chosen = {"learning_rate": 1e-3, "batch": 500, "epochs": 2}
    training = tiny(task={"kind": "digits"}, training=chosen, evaluation={"every": 1})
    train(training, tmp_path / "run")
    result = json.loads((tmp_path / "run/seed-0/result.json").read_text())
    assert result["iterations"] == 2 * (1266 // 500)


# Lessons before the task

# Copying with a blank delimiter right after the symbols, then with two blanks.
SHORT = {"task": {"length": 0}, "until": {"symbol_accuracy": 0.7}}
HISTORY = {"kind": "history", "ids": [3, 0, 0], "dims": 2, "sites": 2, "horizon": 4}
ELMAN = {"kind": "identity_rnn", "units": 8, "activation": "tanh", "biases": "none",
         "recurrent": {"kind": "orthogonal"}, "input": {"kind": "uniform"},
         "readout": {"kind": "linear", "bias": False}}  # fmt: skip


def growing(tiny, **changes):
    """Repeat copy of two pairs, over one step, then two, then four."""
    lessons = [{"task": {"horizon": steps}, "until": {"bit_accuracy": 0.9}}
               for steps in (1, 2)]  # fmt: skip
    changes = {"curriculum": lessons, "training__iterations": 120, **changes}
    return tiny(task=HISTORY, network=ELMAN, **changes)


def log_of(folder):
    lines = (folder / "seed-0/log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def result_of(folder):
    return json.loads((folder / "seed-0/result.json").read_text())


def test_a_lesson_is_the_task_with_its_keys_changed(tiny):
    training = growing(tiny)
    assert [training.lesson(place).horizon for place in (0, 1, 2)] == [1, 2, 4]
    assert {training.lesson(place).ids for place in (0, 1, 2)} == {(3, 0, 0)}


def test_lessons_follow_one_another_up_to_the_task(tiny, tmp_path):
    train(growing(tiny), tmp_path / "run")
    first, second = result_of(tmp_path / "run")["lessons"]
    assert 1 <= first < second <= 120
    for row in log_of(tmp_path / "run"):
        at = row["iteration"]
        assert row["lesson"] == (at >= first) + (at >= second)


def test_a_lesson_trains_on_its_own_batches_until_its_scores_are_reached(
    tiny, tmp_path
):
    """Until a lesson is passed, the training is that of its task as the task."""
    never = [{"task": {"length": 1}, "until": {"symbol_accuracy": 1.1}}]
    train(tiny(curriculum=never), tmp_path / "lesson")
    train(tiny(task__length=1), tmp_path / "task")
    assert_same_bits(arrays_of(tmp_path / "lesson"), arrays_of(tmp_path / "task"))
    assert result_of(tmp_path / "lesson")["lessons"] == []


def test_a_lesson_passed_at_once_costs_one_iteration(tiny, tmp_path):
    given = [{"task": {"length": 1}, "until": {"symbol_accuracy": 0}}] * 3
    train(tiny(curriculum=given), tmp_path / "run")
    assert result_of(tmp_path / "run")["lessons"] == [1, 2, 3]


def test_a_lesson_may_wait_for_an_evaluation(tiny, tmp_path):
    waits = [{**SHORT, "until": {"cross_entropy": 100}, "on": "evaluation"}]
    train(tiny(curriculum=waits), tmp_path / "run")
    assert result_of(tmp_path / "run")["lessons"] == [10]  # the first that follows


def test_a_lesson_that_waits_is_not_passed_by_the_lesson_before(tiny, tmp_path):
    """The first is passed at an evaluation, on a batch: the second is at the next."""
    at_once = [{**SHORT, "until": {"symbol_accuracy": 0}, "on": on}
               for on in ("batch", "evaluation")]  # fmt: skip
    train(tiny(curriculum=at_once, evaluation__every=1), tmp_path / "run")
    assert result_of(tmp_path / "run")["lessons"] == [1, 2]
    assert [row["lesson"] for row in log_of(tmp_path / "run")[:4]] == [0, 1, 2, 2]


def test_all_scores_of_a_lesson_must_be_reached(tiny, tmp_path):
    both = [{**SHORT, "until": {"symbol_accuracy": 0, "cross_entropy": -1}}]
    train(tiny(curriculum=both), tmp_path / "run")
    assert result_of(tmp_path / "run")["lessons"] == []


def test_evaluations_are_of_the_task_as_it_is_written(tiny, tmp_path):
    never = [{"task": {"horizon": 1}, "until": {"bit_accuracy": 1.1}}]
    train(growing(tiny, curriculum=never, task__test_horizon=10), tmp_path / "run")
    assert "valid_bit_accuracy_at_10" in log_of(tmp_path / "run")[-1]


def test_a_training_stopped_within_its_lessons_resumes_to_the_same_bits(tiny, tmp_path):
    training = growing(tiny)
    train(training, tmp_path / "whole")
    first, second = result_of(tmp_path / "whole")["lessons"]
    steps = training_steps(training, tmp_path / "stopped")
    with pytest.raises(Interrupted):
        for now in steps:
            if now.iteration == (first + second) // 2:
                signal.raise_signal(signal.SIGINT)
    saved = checkpoints.load(tmp_path / "stopped/seed-0/checkpoint.h5")
    assert saved.standing.lessons == [first]
    resume_training(tmp_path / "stopped")
    assert result_of(tmp_path / "stopped")["lessons"] == [first, second]
    assert_same_bits(arrays_of(tmp_path / "whole"), arrays_of(tmp_path / "stopped"))


@pytest.mark.parametrize(
    ("lesson", "message"),
    [
        ({"task": {"horizn": 1}}, r"yaml:\d+: curriculum\.0\.task\.horizn: "),
        ({"task": {"horizon": 0}}, r"curriculum\.0\.task\.horizon: .*greater"),
        ({"task": {"kind": "copy"}}, r"curriculum\.0\.task\.kind"),
        ({"task": {}}, r"curriculum\.0\.task: "),
        ({"until": {}}, r"curriculum\.0\.until: "),
        ({"until": {"accuracy": 1}}, r"until\.accuracy: .*lesson's batch; .*bit_acc"),
        ({"until": {"bit_accuracy_at_10": 1}}, r"until\.bit_accuracy_at_10"),
        ({"task": {"ids": [7, 0, 0], "dims": 3}}, r"\.0\.task: the network of"),
    ],
)  # fmt: skip
def test_a_lesson_that_cannot_be_is_named_with_its_line(
    tiny, tmp_path, lesson, message
):
    whole = {"task": {"horizon": 1}, "until": {"bit_accuracy": 1}, **lesson}
    with pytest.raises(ProtocolError, match=message):
        train(growing(tiny, curriculum=[whole]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_lesson_of_other_length_needs_a_network_without_weights_for_steps(tiny):
    chosen = {"kind": "linear"}
    lesson = {"task": {"length": 8}, "until": {"mean_squared_error": 1}}
    training = tiny(task={"kind": "adding", "length": 9}, network=chosen,
                    curriculum=[lesson])  # fmt: skip
    with pytest.raises(ProtocolError, match="8 steps; this network has weights for"):
        check_training_document(training)


def test_a_lesson_needs_a_task_and_an_end():
    with pytest.raises(ValidationError, match="until"):
        Lesson(task={"length": 1})


# A kill changes no bit

_SCRIPT = """
import sys
from cortexwave.learning import seed_training
from cortexwave.learning import training as module
from cortexwave.learning.training_document import load_training
seed_training.CHECKPOINT_EVERY = 0.0
for now in module.training_steps(load_training(sys.argv[1]), sys.argv[2]):
    print(now.iteration, flush=True)
"""


def test_a_killed_training_resumes_to_the_same_bits(tiny, tmp_path):
    document = tmp_path / "tiny.yaml"
    document.write_text(tiny(training__iterations=300, evaluation__every=7).text)
    train(load_training(document), tmp_path / "whole")
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(document), str(tmp_path / "killed")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if int(line) >= 40:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert not (tmp_path / "killed/seed-0/result.json").exists()
    resume_training(tmp_path / "killed")
    assert_same_bits(arrays_of(tmp_path / "whole"), arrays_of(tmp_path / "killed"))
    logs = [
        [{**json.loads(line), "seconds": 0}
         for line in (tmp_path / name / "seed-0/log.jsonl").read_text().splitlines()]
        for name in ("whole", "killed")
    ]  # fmt: skip
    assert logs[0] == logs[1]


def test_ctrl_c_leaves_a_folder_that_resumes_to_the_same_bits(tiny, tmp_path):
    training = tiny()
    train(training, tmp_path / "whole")
    steps = training_steps(training, tmp_path / "stopped")
    with pytest.raises(Interrupted, match=r"after 12 of 30.*cortexwave resume"):
        for now in steps:
            if now.iteration == 12:
                signal.raise_signal(signal.SIGINT)
    saved = checkpoints.load(tmp_path / "stopped/seed-0/checkpoint.h5")
    assert saved.standing.iteration == 12
    resume_training(tmp_path / "stopped")
    assert_same_bits(arrays_of(tmp_path / "whole"), arrays_of(tmp_path / "stopped"))


def test_resuming_what_has_ended_changes_nothing(tiny, tmp_path):
    first = train(tiny(), tmp_path / "run")
    assert resume_training(tmp_path / "run") == first


# Checkpoints


def test_a_network_is_loaded_as_it_was_saved(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    path = tmp_path / "run/seed-0/checkpoint.h5"
    network = load_network(path)
    arrays = checkpoints.load(path).arrays
    for name, value in network.state_dict().items():
        assert value.numpy().tobytes() == arrays[f"network/{name}"].tobytes()


@pytest.fixture
def saved(tiny, tmp_path):
    train(tiny(training__iterations=1), tmp_path / "run")
    return tmp_path / "run/seed-0/checkpoint.h5"


def test_a_truncated_checkpoint_is_refused(saved):
    os.truncate(saved, saved.stat().st_size // 2)
    with pytest.raises(RecordingError, match=r"checkpoint\.h5: cut short"):
        load_network(saved)


def test_a_checkpoint_of_another_version_is_refused(saved):
    arrays, attributes = load_state(saved)
    save_state(saved, arrays, {**attributes, "version": 99})
    with pytest.raises(RecordingError, match=r"of version 99.*reads version"):
        load_network(saved)


def test_a_checkpoint_of_another_shape_is_refused(saved):
    arrays, attributes = load_state(saved)
    arrays["network/u"] = np.zeros((1, 1, 1, 3), np.float32)
    save_state(saved, arrays, attributes)
    with pytest.raises(RecordingError, match=r"'u' has the shape \(1, 1, 1, 3\), the"):
        load_network(saved)


def test_a_checkpoint_that_lacks_a_parameter_is_refused(saved):
    arrays, attributes = load_state(saved)
    del arrays["network/V"]
    save_state(saved, arrays, attributes)
    with pytest.raises(RecordingError, match="it lacks array 'V'"):
        load_network(saved)


def test_a_checkpoint_that_carries_more_than_numbers_is_refused(saved):
    import h5py

    with h5py.File(saved, "a") as file:
        file.create_dataset("arrays/999", data=["os.system"]).attrs["name"] = np.bytes_(
            "evil"
        )
    with pytest.raises(RecordingError, match=r"damaged"):
        load_network(saved)


def test_a_torch_file_is_refused_unread(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save(Evil(), tmp_path / "net.pt")
    with pytest.raises(RecordingError, match="can carry code and is not"):
        load_network(tmp_path / "net.pt")
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_weights_alone_cannot_be_trained_on(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    best = tmp_path / "run/seed-0/best.h5"
    (tmp_path / "run/seed-0/result.json").unlink()
    best.replace(tmp_path / "run/seed-0/checkpoint.h5")
    with pytest.raises(RecordingError, match="weights alone"):
        resume_training(tmp_path / "run")


# Bad documents


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"goals": {"acuracy": 1}}, r"tiny\.yaml:\d+: goals.acuracy: .* no score"),
        ({"evaluation.select": "mse"}, r"yaml:7: evaluation.select: 'mse' is no"),
        ({"training.iterations": None, "training.epochs": 3}, "on demand"),
        ({"run.device": "cuda:9"}, "there is no device 'cuda:9'.*there is cpu"),
        ({"task": {"kind": "digits"}, "training.batch": 2000}, "has 1266 sequences"),
        ({"network.kernel": 9}, "kernel.*9 sites"),
        (
            {"network.readout": {"kind": "time_course", "courses": 2}},
            r"yaml:5: network.readout: time_course gives one answer",
        ),
        ({"run.backend": "triton"}, "triton"),
    ],
)
def test_what_cannot_be_trained_is_told_before_there_is_a_folder(
    tiny, tmp_path, changes, message
):
    with pytest.raises(InputError, match=message):
        train(tiny().with_changes(changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_schema_in_the_package_is_the_one_the_code_makes():
    path = Path(cortexwave.learning.__file__).parent / "training.schema.json"
    assert json.loads(path.read_text()) == json_schema(Training), (
        "run `cortexwave schema training > cortexwave/learning/training.schema.json`"
    )


def test_every_training_file_of_the_project_is_sound():
    files = sorted((Path(__file__).parents[2] / "protocols/training").rglob("*.yaml"))
    assert len(files) > 80
    for file in files:
        assert load_training(file).title


def test_a_simulation_cannot_be_trained(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("cortexwave: 1\nkind: simulation\n")
    with pytest.raises(ProtocolError, match=r"a\.yaml:2: kind: 'simulation' is not"):
        load_training(path)


# What a hostile reader found


def test_the_norms_told_are_those_before_clipping():
    """Gradients of 1e30 and 1 have a norm beyond float32; each is told as it is."""
    network = torch.nn.Linear(2, 1, bias=True)
    network.weight.data = torch.tensor([[1e20, 0.0]])
    network.bias.data = torch.tensor([0.0])
    chosen = Optimisation(optimiser="sgd", learning_rate=1, iterations=1, clip=1.0)
    batch = Batch(np.array([[1e18, 0.0]]), np.array([[0.0]]))
    with pytest.raises(NotFiniteError, match=r"weight inf, bias 2e\+38.*clip 1"):
        step(network, optimiser_of(network, chosen), batch, SHAPE, chosen, rate=0.1,
             where="")  # fmt: skip


@pytest.fixture
def begun(tiny, tmp_path):
    """Two seeds that have begun and can be gone on with."""
    training = tiny(seeds=[0, 1])
    train(training, tmp_path / "run")
    for seed in (0, 1):
        (tmp_path / f"run/seed-{seed}/result.json").unlink()
    return tmp_path / "run"


def test_the_checkpoint_of_another_seed_is_refused(begun):
    (begun / "seed-1/checkpoint.h5").replace(begun / "seed-0/checkpoint.h5")
    with pytest.raises(RecordingError, match=r"belongs to seed 1, not to 0"):
        resume_training(begun)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [("units: 8", "units: 8, activation: tanh", "network"),
     ("learning_rate: 1e-2", "learning_rate: 1e-3, optimiser: rmsprop", "training"),
     ("length: 2", "length: 3", "task")],
)  # fmt: skip
def test_a_document_changed_after_the_start_is_refused(begun, old, new, key):
    document = begun / "training.yaml"
    document.write_text(document.read_text().replace(old, new))
    with pytest.raises(RecordingError, match=f"with another {key} than"):
        resume_training(begun)


def test_a_title_changed_after_the_start_is_not(begun):
    document = begun / "training.yaml"
    document.write_text(document.read_text().replace("Two symbols", "2 symbols"))
    assert resume_training(begun)["title"].startswith("2 symbols")


def test_plain_gradient_descent_can_be_resumed(tiny, tmp_path):
    training = tiny(training__optimiser="sgd")
    train(training, tmp_path / "whole")
    steps = training_steps(training, tmp_path / "stopped")
    with pytest.raises(Interrupted):
        for now in steps:
            if now.iteration == 12:
                signal.raise_signal(signal.SIGINT)
    resume_training(tmp_path / "stopped")
    assert_same_bits(arrays_of(tmp_path / "whole"), arrays_of(tmp_path / "stopped"))


def test_failed_seeds_stand_in_the_summary(tiny, tmp_path):
    goals = {"symbol_accuracy": 0.0}
    training = tiny(seeds=[0, 1, 2], goals=goals)
    train(training, tmp_path / "run")
    for seed in (1, 2):
        result = tmp_path / f"run/seed-{seed}/result.json"
        result.write_text(json.dumps({"failed": "its loss was nan"}))
    with pytest.raises(NotFiniteError, match="2 of 3 seeds failed"):
        resume_training(tmp_path / "run")
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["failed"] == {"1": "its loss was nan", "2": "its loss was nan"}
    scores = summary["scores"]
    assert scores["test.cross_entropy"]["there"] == 1
    assert scores["test.cross_entropy"]["of"] == 3
    # two of three never got there: no median
    assert scores["iteration of symbol_accuracy 0"]["median"] is None


def test_a_seed_ends_at_goals_only_while_all_hold(tiny, tmp_path):
    """One goal holds from the start, the other never: it must not end."""
    goals = {"symbol_accuracy": 0.0, "cross_entropy": 0.0}
    train(tiny(goals=goals, stop={"at_goals": True}), tmp_path / "run")
    result = json.loads((tmp_path / "run/seed-0/result.json").read_text())
    assert result["ended"] == "length"


def test_two_processes_cannot_train_in_one_folder(tiny, tmp_path):
    steps = training_steps(tiny(), tmp_path / "run")
    next(steps)
    with pytest.raises(InputError, match="another process is training in it"):
        resume_training(tmp_path / "run")
    steps.close()
    resume_training(tmp_path / "run")


def test_overwriting_leaves_what_is_not_ours(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    (tmp_path / "run/seed-notes").mkdir()
    (tmp_path / "run/seed-notes/a.txt").write_text("mine")
    (tmp_path / "run/seed-list.txt").write_text("mine")
    train(tiny(), tmp_path / "run", overwrite=True)
    assert (tmp_path / "run/seed-notes/a.txt").read_text() == "mine"
    assert (tmp_path / "run/seed-list.txt").read_text() == "mine"


def test_a_document_is_not_overwritten_by_its_own_training(tiny, tmp_path):
    (tmp_path / "training.yaml").write_text(tiny().text)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(InputError, match="is the document itself"):
        train(load_training(tmp_path / "training.yaml"), tmp_path, overwrite=True)
    assert (tmp_path / "training.yaml").read_text() == tiny().text


def test_a_kill_before_the_first_checkpoint_leaves_no_row_twice(tiny, tmp_path):
    steps = training_steps(tiny(), tmp_path / "run")
    next(steps)
    steps.close()  # as a kill would: no checkpoint yet
    resume_training(tmp_path / "run")
    lines = (tmp_path / "run/seed-0/log.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 10, 20, 30]


@pytest.mark.parametrize("damage", [b"[1]\n", b"\xff\xfe\n", b'{"iteration": 1'])
def test_damaged_lines_of_a_log_are_left_out(begun, damage):
    with (begun / "seed-0/log.jsonl").open("ab") as file:
        file.write(damage)
    resume_training(begun)
    lines = (begun / "seed-0/log.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 10, 20, 30]


@pytest.mark.parametrize("text", ["{}", "[]", "{"])
def test_a_damaged_result_is_named(tiny, tmp_path, text):
    train(tiny(), tmp_path / "run")
    (tmp_path / "run/seed-0/result.json").write_text(text)
    with pytest.raises(RecordingError, match=r"result\.json: damaged"):
        resume_training(tmp_path / "run")


@pytest.mark.parametrize("folder", ["/dev/null/x", "/proc/x"])
def test_a_folder_that_cannot_be_made_is_named(tiny, folder):
    with pytest.raises((RecordingError, InputError), match=folder):
        train(tiny(), folder)


def test_a_long_title_of_several_lines_is_trained_and_exported(tiny, tmp_path):
    train(tiny(title="a\n" + "b" * 390), tmp_path / "run")
    assert (tmp_path / "run/seed-0/sheet/sheet.yaml").exists()


def test_a_network_is_loaded_without_its_data_and_device(tiny, tmp_path):
    train(tiny(), tmp_path / "run")
    path = tmp_path / "run/seed-0/best.h5"
    arrays, attributes = load_state(path)
    text = attributes["document"].replace(
        "{kind: copy, convention: paper, length: 2, symbols: 2, items: 2}",
        "{kind: mnist, folder: nowhere}",
    )
    attributes["document"] = text + "run: {device: cuda}\n"
    save_state(path, arrays, attributes)
    assert load_network(path).u.shape == (2, 2, 1, 3)
