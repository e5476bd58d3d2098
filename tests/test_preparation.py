"""What shows only on the whole: stability, multiples of dt, what is recorded."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.documents import parse_document
from cortexwave.errors import ProtocolError
from cortexwave.preparation import prepare
from cortexwave.protocol.document import parse_protocol

HEAD = """\
cortexwave: 1
kind: simulation
title: a sheet
sheet: {{shape: {shape}, spacing: {spacing}, features: {features}}}
model:
  name: {model}
  parameters: {parameters}
  couplings: {couplings}
run: {{duration: {duration}, dt: {dt}}}
"""


def text(**changes):
    values = {"shape": "[16, 16]", "spacing": "0.1 mm", "features": 1,
              "model": "leaky_rate", "parameters": "{}", "couplings": "{}",
              "duration": None, "dt": "0.1 ms"}  # fmt: skip
    values |= changes
    # twenty steps, whatever dt is, written so that their number is exact
    number, unit = values["dt"].split()
    values["duration"] = values["duration"] or f"{20 * float(number)!r} {unit}"
    return HEAD.format(**values)


def problem(**changes):
    return prepare(parse_protocol(text(**changes), file="p.yaml"))


def faults(**changes):
    with pytest.raises(ProtocolError) as caught:
        problem(**changes)
    return caught.value.faults


KERNEL = "{lateral: {kernel: {kind: exponential, length: 0.2 mm, radius: 0.5 mm, normalise: sum}}}"  # noqa: E501

# Model, sheet, parameters, and the greatest dt in ms by the published condition.
LIMITS = {
    # Euler contracts monotonically up to tau: h <- (1 - dt/tau) h + ...
    "leaky_rate": ("[16, 16]", "{tau: 7 ms}", KERNEL, 7.0),
    # Euler of u' = -(u + q)/tau, q' = eps (u - beta q)/tau: see the spec's condition
    "neural_field": ("[16, 16]", "{tau: 6 ms, epsilon: 0.2, beta: 0.5}", KERNEL,
                     2 * 6 / 1.1),
    # 2 / (1/tau_e + 1/tau_i)
    "wilson_cowan": ("[16, 16]", "{tau_e: 5 ms, tau_i: 20 ms}", "{}", 8.0),
    # CFL of upwind differences: spacing / speed
    "one_way_wave": ("[1, 16]", "{speed: 0.25 m/s}", "{}", 0.4),
    # |strength| dt <= 1
    "kuramoto": ("[16, 16]", "{strength: -80 Hz}", "{}", 12.5),
}  # fmt: skip


@pytest.mark.parametrize("model", LIMITS)
def test_the_greatest_stable_dt_is_that_of_the_formula(model):
    shape, parameters, couplings, limit = LIMITS[model]
    sheet = {"model": model, "shape": shape, "parameters": parameters,
             "couplings": couplings}  # fmt: skip
    assert problem(dt=f"{limit!r} ms", **sheet).steps == 20
    found = faults(dt=f"{limit * 1.001!r} ms", **sheet)
    assert [fault.place for fault in found] == ["run.dt"]
    assert found[0].line == 9
    assert f"only up to dt = {limit:.6g} ms" in found[0].message
    assert model in found[0].message


@pytest.mark.parametrize("shape, axes", [("[1, 16]", 1), ("[16, 16]", 2)])
@pytest.mark.parametrize("damping, restoring", [(0.0, 0.0), (40.0, 0.0), (0.0, 300.0),
                                                (40.0, 300.0)])  # fmt: skip
def test_the_greatest_stable_dt_of_leapfrog_is_that_of_its_characteristic_roots(
    shape, axes, damping, restoring
):
    # z^2 - (2 - 2 g dt - w^2 dt^2) z + 1 - 2 g dt: stable while both |z| <= 1, for the
    # fastest wave, w^2 = w0^2 + 4 axes c^2 / h^2
    w2 = restoring**2 + 4 * axes * (200.0 / 0.1) ** 2

    def stable(dt):
        roots = np.roots(
            [1, -(2 - 2 * damping * dt - w2 * dt**2), 1 - 2 * damping * dt]
        )
        return np.abs(roots).max() <= 1 + 1e-7

    low, high = 1e-5, 1e-2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    sheet = {
        "model": "damped_wave", "shape": shape,
        "parameters": f"{{damping: {damping} Hz, restoring: {restoring} rad/s}}",
    }  # fmt: skip
    assert problem(dt=f"{low * 0.9999!r} s", **sheet).steps == 20
    found = faults(dt=f"{low * 1.001!r} s", **sheet)
    named = float(found[0].message.split("dt = ")[1].split(" ms")[0])
    # the double root at z = -1 makes the numerical edge soft to 1e-4
    assert named == pytest.approx(1e3 * low, rel=2e-4)


def test_stability_holds_at_every_site():
    field = "{tau: {kind: gradient, axis: x, first: 1 ms, last: 20 ms}}"
    assert problem(parameters=field, dt="1 ms").steps == 20
    found = faults(parameters=field, dt="1.1 ms")
    assert "only up to dt = 1 ms" in found[0].message


@pytest.mark.parametrize(
    "model, parameters, place",
    [
        ("leaky_rate", "{tau: 0 ms}", "tau"), ("leaky_rate", "{tau: -3 ms}", "tau"),
        ("wilson_cowan", "{tau_e: 0 ms, tau_i: 0 ms}", "tau_e"),
        ("wilson_cowan", "{tau_i: -10 ms}", "tau_i"),
        ("neural_field", "{tau: -1 ms}", "tau"),
        ("one_way_wave", "{speed: -0.2 m/s}", "speed"),
        ("leaky_rate", "{tau: {kind: random, mean: 1 ms, sd: 5 ms, seed: 0}}", "tau"),
    ],
)  # fmt: skip
def test_what_must_be_positive_is_refused_by_name(model, parameters, place):
    shape = "[1, 128]" if model in ("one_way_wave", "neural_field") else "[16, 16]"
    found = faults(model=model, parameters=parameters, shape=shape)
    assert found[0].place == f"model.parameters.{place}" and found[0].line == 7
    assert "is not positive" in found[0].message


@pytest.mark.parametrize("duration, nearest", [("10.04 ms", "10"), ("10.06 ms", "10.1"),
                                               ("0.01 ms", "0.1")])  # fmt: skip
def test_a_duration_that_is_no_multiple_of_dt_names_the_nearest(duration, nearest):
    found = faults(duration=duration)
    assert found[0].place == "run.duration"
    assert (
        f"no multiple of dt = 0.1 ms; the nearest is {nearest} ms" in found[0].message
    )


@pytest.mark.parametrize("dt, duration, steps", [("0.1 ms", "0.3 ms", 3), ("0.7 ms",
                         "4.9 ms", 7), ("0.1 ms", "1000 s", 10_000_000),
                         ("1 us", "10000 s", 10**10)])  # fmt: skip
def test_decimal_fractions_are_multiples_despite_binary(dt, duration, steps):
    assert problem(dt=dt, duration=duration).steps == steps


def test_more_steps_than_anyone_can_wait_for_are_refused():
    assert "steps are more than 10,000,000,000" in faults(duration="1e12 s")[0].message


@pytest.mark.parametrize(
    "record, place, message",
    [
        (
            "{variables: [u]}",
            "record.variables.0",
            "'u' cannot be recorded; leaky_rate has h, lateral, drive",
        ),
        ("{variables: [h, drive, h]}", "record.variables.2", "'h' is named twice"),
        ("{every: 0.25 ms}", "record.every", "no multiple of dt = 0.1 ms"),
    ],
)
def test_what_cannot_be_recorded_is_named(record, place, message):
    with pytest.raises(ProtocolError) as caught:
        prepare(parse_protocol(text() + f"record: {record}\n"))
    assert [fault.place for fault in caught.value.faults] == [place]
    assert message in str(caught.value) and caught.value.faults[0].line == 10


def test_states_couplings_and_drives_can_be_recorded():
    made = prepare(
        parse_protocol(text() + "record: {variables: [drive, lateral, h]}\n")
    )
    assert made.record == ("drive", "lateral", "h")
    assert problem().record == ("h",)


def test_frames_are_the_steps_recorded_and_the_first():
    made = prepare(parse_protocol(text() + "record: {every: 0.7 ms}\n"))
    assert (made.steps, made.every, made.frames) == (20, 7, 20 // 7 + 1)


def test_every_fault_of_the_whole_is_told_at_once_with_its_line():
    whole = """\
cortexwave: 1
kind: simulation
title: many faults
sheet: {shape: [1, 32], spacing: 0.1 mm}
model:
  name: leaky_rate
  parameters:
    tau: 10 ms
    bias: {kind: file, path: nowhere.npy}
  couplings:
    lateral:
      kernel: {kind: gaussian, sigma: 1 mm, radius: 9 mm, normalise: sum}
      gain_after: {kind: file, path: nowhere.h5}
  initial:
    h: {kind: bump, top: 1 mm, x: 1 mm, sigma: 1 mm}
  noise:
    h: -1 Hz**0.5
stimuli:
  - {kind: pulse, duration: 0.01 ms, place: {x: 1 mm}}
  - kind: pulse
    into: elsewhere
    duration: 10 ms
    place: {x: 1 mm}
  - kind: pulse
    amplitude: 3 mm
    duration: 10 ms
    place: {x: 1 mm}
run:
  duration: 10.3 ms
  dt: 20 ms
  backend: brain
record:
  variables: [q]
  every: 3 ms
"""
    with pytest.raises(ProtocolError) as caught:
        prepare(parse_protocol(whole, file="p.yaml"))
    lines = [fault.line for fault in caught.value.faults]
    assert lines == [9, 11, 13, 15, 17, 19, 21, 25, 29, 30, 31, 33, 34]
    assert all(row.startswith("p.yaml:") for row in str(caught.value).splitlines())


@pytest.mark.parametrize(
    "delay, message",
    [
        ("{fixed: 0.25 ms}", "no multiple of dt = 0.1 ms; the nearest is 0.3 ms"),
        ("{speed: 100 m/s}", "every delay over 0.1 mm rounds to 0 steps of 0.1 ms"),
        ("{speed: 1e-6 m/s}", "keeping that much of the past takes"),
    ],
)
def test_delays_that_cannot_be_meant_are_faults_of_their_coupling(delay, message):
    big = "[512, 512]" if "1e-6" in delay else "[16, 16]"
    found = faults(couplings=f"{{lateral: {{delay: {delay}}}}}", shape=big)
    assert found[0].place == "model.couplings.lateral" and found[0].line == 8
    assert message in found[0].message and "the model's own" not in found[0].message


def test_a_models_own_kernel_that_does_not_fit_is_called_that():
    found = faults(model="neural_field", shape="[1, 16]")
    assert "(the model's own kernel)" in found[0].message


def test_a_stimulus_off_the_sheet_is_a_warning_by_name():
    stimulus = "stimuli: [{kind: pulse, name: far, duration: 1 ms, place: {x: 9 m}}]\n"
    with pytest.warns(UserWarning, match=r"stimulus 'far' .* is off the sheet"):
        prepare(parse_protocol(text() + stimulus))


def test_gains_initial_states_and_noise_are_rendered_on_the_sheet():
    made = prepare(
        parse_protocol("""\
cortexwave: 1
kind: simulation
title: maps
sheet: {shape: [4, 6], spacing: 0.1 mm, boundary: {y: open, x: reflecting}, features: 2}
model:
  name: leaky_rate
  couplings:
    lateral:
      gain_before: {kind: gradient, axis: x, first: 0, last: 1}
      gain_after: 2
  initial:
    h: {kind: random, mean: 0, sd: 1, seed: 1}
  noise:
    h: 0.5 Hz**0.5
run: {duration: 1 ms, dt: 0.1 ms}
""")
    )
    lateral = made.couplings[0]
    assert made.lattice.boundary == ("open", "reflecting")
    assert lateral.before[1, 2] == pytest.approx(np.linspace(0, 1, 6))
    assert np.all(lateral.after == 2.0)
    assert made.initial["h"].shape == (2, 4, 6) and made.initial["h"].std() > 0.5
    assert made.noise == {"h": 0.5}


def test_a_gain_of_one_is_none():
    assert problem().couplings[0].before is None


@pytest.mark.parametrize("mode, steps, trials", [("independent", 20, 3),
                                                 ("continuous", 60, 1)])  # fmt: skip
def test_continuous_trials_are_one_long_one(mode, steps, trials):
    made = prepare(parse_protocol(text() + f"trials: {{count: 3, mode: {mode}}}\n"))
    assert (made.steps, made.trials) == (steps, trials)


def test_the_text_used_here_is_yaml():
    assert parse_document(text()).values["model"]["name"] == "leaky_rate"
