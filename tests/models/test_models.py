"""Models as text: their dimensions, and a new one as one file or one entry point."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pint
import pytest

from cortexwave.errors import ModelError
from cortexwave.models import model, model_names
from cortexwave.sheet.expressions import FUNCTIONS, evaluate
from cortexwave.sheet.kernels import Laplacian

ROOT = Path(__file__).parents[2]
REGISTRY = pint.UnitRegistry()


def quantity_of(unit: str, value: float = 0.7) -> pint.Quantity:
    """A value in a unit; an angle is a pure number, as in any equation."""
    unit = unit.replace("rad", "1")
    return REGISTRY.Quantity(value, REGISTRY.parse_units("" if unit == "1" else unit))


def pure(function):
    """A function that takes only numbers without a unit, as sin and exp do."""

    def of(value):
        return function(REGISTRY.Quantity(value).to("").magnitude)

    return of


# What keeps the unit of its argument, and what has none.
LINEAR = {"relu": lambda q: q, "identity": lambda q: q, "abs": abs}
WITH_UNITS = {name: LINEAR.get(name, pure(f)) for name, f in FUNCTIONS.items()}
WITH_UNITS["step"] = lambda q: 1.0  # the sign of anything


def values_of(spec):
    values = {name: quantity_of(unit) for name, unit in spec.units.items()}
    values |= {name: quantity_of(unit) for name, unit in spec.drives.items()}
    values |= {name: quantity_of(param.unit) for name, param in spec.params.items()}
    values |= {name: quantity_of(c.unit) for name, c in spec.couplings.items()}
    return {**values, "spacing": quantity_of("mm"), "dt": quantity_of("s"), "axes": 2}


@pytest.mark.parametrize("name", model_names())
def test_each_rate_has_the_unit_of_its_state_per_second(name):
    spec = model(name)
    options = {own: WITH_UNITS[choice[0]] for own, choice in spec.functions.items()}
    for state, rate in spec.rates.items():
        found = evaluate(rate, values_of(spec), {**WITH_UNITS, **options})
        expected = quantity_of(spec.units[state]) / quantity_of("s")
        assert found.dimensionality == expected.dimensionality, (state, rate)


@pytest.mark.parametrize("name", model_names())
def test_each_coupling_has_the_unit_of_its_source_times_its_weights(name):
    spec = model(name)
    for coupling in spec.couplings.values():
        source = evaluate(coupling.source, values_of(spec), WITH_UNITS)
        curvature = isinstance(coupling.kernel, Laplacian)
        weight = quantity_of("1/mm**2" if curvature else "1")
        found = REGISTRY.Quantity(source) * weight
        assert found.dimensionality == quantity_of(coupling.unit).dimensionality


@pytest.mark.parametrize("name", model_names())
def test_both_sides_of_the_stability_condition_have_the_same_unit(name):
    spec = model(name)
    left, right = spec.stability.split("<=")
    sides = [
        evaluate(side.strip(), values_of(spec), WITH_UNITS) for side in (left, right)
    ]
    found = [REGISTRY.Quantity(side).dimensionality for side in sides]
    assert found[0] == found[1], spec.stability


@pytest.mark.parametrize("name", model_names())
def test_each_model_has_a_title_a_paper_and_meanings(name):
    spec = model(name)
    assert len(spec.title) > 10
    assert any(str(year) in spec.paper for year in range(1900, 2030))
    assert all(param.meaning for param in spec.params.values())


def test_the_models_of_the_package_are_all_there():
    expected = {"leaky_rate", "damped_wave", "one_way_wave", "wilson_cowan",
                "neural_field", "kuramoto"}  # fmt: skip
    assert expected <= set(model_names())


@pytest.mark.parametrize(
    "name, near", [("leaky_rat", "leaky_rate"), ("kuramato", "kuramoto")]
)
def test_a_misspelt_model_is_answered_with_the_nearest(name, near):
    with pytest.raises(ModelError, match=f"no model '{name}'; did you mean '{near}'"):
        model(name)


@pytest.mark.parametrize("name", ["", "os", "__init__", "../models", "leaky_rate.SPEC"])
def test_what_is_no_model_is_not_imported(name):
    with pytest.raises(ModelError, match="there is no model"):
        model(name)


# A model of FitzHugh and Nagumo: two states, a parameter with a unit, a coupling with
# diffusion, as a user of the package would write it.
PLUGIN = """
from cortexwave.sheet.kernels import Laplacian
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

SPEC = ModelSpec(
    name="{name}",
    title="FitzHugh-Nagumo excitable sheet",
    paper="FitzHugh 1961, Biophys J 1:445",
    rates={{
        "v": "(v - v**3/3 - w + drive) / tau + diffusion * spread",
        "w": "epsilon * (v + a - b*w) / tau",
    }},
    units={{"v": "1", "w": "1"}},
    params={{
        "tau": Param("5 ms", "time constant", positive=True),
        "epsilon": Param("0.08", "rate of recovery"),
        "a": Param("0.7", "threshold"), "b": Param("0.8", "recovery"),
        "diffusion": Param("0.4 mm**2/s", "spread of excitation"),
    }},
    couplings={{"spread": Coupling("v", Laplacian(), "curvature", "1/mm**2")}},
    initial={{"v": "-1.2", "w": "-0.6"}},
    stability="dt * (2/tau + 8*diffusion/spacing**2) <= 2",
    observable="v",
)
"""

RUN = """
import json, sys
import numpy as np
import cortexwave as cw
from cortexwave.backends import backend, backend_names
from cortexwave.catalogue import catalogue
from cortexwave.errors import InputError
from cortexwave.models import model_names
from cortexwave.protocol.document import parse_protocol
name = sys.argv[1]
assert name in model_names() and catalogue()["models"][name].startswith("FitzHugh")
protocol = parse_protocol('''
cortexwave: 1
kind: simulation
title: an excitable sheet
sheet: {shape: [12, 14], spacing: 0.1 mm, boundary: {y: reflecting, x: open}}
model:
  name: %s
  couplings: {spread: {gain_after: {kind: gradient, axis: x, first: 0.5, last: 1}}}
  noise: {v: 0.3 Hz**0.5}
  initial: {w: {kind: random, mean: 0, sd: 0.3, seed: 2}}
stimuli:
  - {kind: pulse, duration: 10 ms, amplitude: 5,
     place: {x: 0.3 mm, y: 0.5 mm, shape: disc, radius: 0.2 mm}}
run: {duration: 12 ms, dt: 0.1 ms, seed: 4}
record: {variables: [v, w, spread], every: 1 ms, dtype: float64}
''' % name)
fields = {}
for engine in backend_names():
    try:
        backend(engine)
    except InputError:
        continue  # a package that this machine does not have
    fields[engine] = cw.simulate(protocol, backend=engine)
reference = fields["reference"]
assert float(reference.v.max()) > 0.0, "it was not excited"
worst = {}
for engine, field in fields.items():
    worst[engine] = max(
        float(np.abs(field[n].values - reference[n].values).max()
              / np.abs(reference[n].values).max()) for n in ("v", "w", "spread"))
print("WORST", json.dumps(worst))
"""


def run_plugin(name: str, path: list[Path], folder: Path) -> dict[str, float]:
    import json
    import os

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)),
                   "OMP_NUM_THREADS": "1"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", RUN, name], env=environment, text=True,
                          capture_output=True, check=False, cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("WORST")[1])


def installed(folder: Path, name: str, module: str, source: str) -> None:
    """A package as pip leaves it: a module, and its metadata with an entry point."""
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n"
    )
    (info / "entry_points.txt").write_text(
        f"[cortexwave.models]\n{name} = {module}:SPEC\n"
    )


def test_a_model_of_another_package_runs_on_every_engine(tmp_path):
    installed(tmp_path, "fitzhugh", "excitable", PLUGIN.format(name="fitzhugh"))
    worst = run_plugin("fitzhugh", [ROOT, tmp_path], tmp_path)
    assert "reference" in worst
    # a cubic amplifies rounding a little over 120 steps; the contract is 1e-12
    assert all(difference < 1e-12 for difference in worst.values()), worst


def test_a_model_added_as_one_file_runs_on_every_engine(tmp_path):
    shutil.copytree(ROOT / "cortexwave", tmp_path / "cortexwave",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    file = tmp_path / "cortexwave" / "models" / "excitable_sheet.py"
    file.write_text(PLUGIN.format(name="excitable_sheet"))
    worst = run_plugin("excitable_sheet", [tmp_path], tmp_path)
    assert all(difference < 1e-12 for difference in worst.values()), worst


def load(folder: Path, monkeypatch, name: str):
    monkeypatch.syspath_prepend(str(folder))
    model.cache_clear()
    try:
        return model(name)
    finally:
        model.cache_clear()


@pytest.mark.parametrize(
    "source, message",
    [
        ("import a_package_not_there", "'odd' in odd_one:SPEC cannot be loaded"),
        ("SPEC = = 1", "'odd' in odd_one:SPEC cannot be loaded"),
        ("OTHER = 1", "'odd' in odd_one:SPEC cannot be loaded"),
        ("SPEC = 'text'", "odd_one:SPEC holds no ModelSpec named SPEC, but 'text'"),
        (PLUGIN.format(name="even"), "the model calls itself 'even', not 'odd'"),
        (PLUGIN.format(name="odd").replace("v**3", "v.real"), "Attribute is not"),
        (PLUGIN.format(name="odd").replace("mm**2/s", "furlongz"), "'furlongz' is"),
        (PLUGIN.format(name="odd").replace("v**3", "9**9**9"), "a power"),
    ],
)  # fmt: skip
def test_a_broken_model_says_which_and_leaves_the_others(
    tmp_path, monkeypatch, source, message
):
    monkeypatch.delitem(sys.modules, "odd_one", raising=False)
    installed(tmp_path, "odd", "odd_one", source)
    with pytest.raises(ModelError) as caught:
        load(tmp_path, monkeypatch, "odd")
    assert message in str(caught.value) and "odd" in str(caught.value)
    assert load(tmp_path, monkeypatch, "leaky_rate").name == "leaky_rate"
    from cortexwave.catalogue import catalogue

    listed = catalogue()["models"]
    assert listed["odd"].startswith("cannot be used") and "kuramoto" in listed


def test_two_models_of_one_name_are_refused(tmp_path, monkeypatch):
    installed(tmp_path, "kuramoto", "another", PLUGIN.format(name="kuramoto"))
    with pytest.raises(ModelError, match="2 models are called 'kuramoto'"):
        load(tmp_path, monkeypatch, "kuramoto")


def test_what_is_listed_is_what_a_protocol_can_name():
    from cortexwave.catalogue import catalogue

    listed = catalogue()
    assert set(listed["models"]) == set(model_names())
    stimuli = "pulse pulse_train paired_pulse flashes moving_bar grating plane_drive"
    assert set(listed["stimuli"]) == {
        *stimuli.split(),
        "white_noise",
        "images",
        "movie",
        "sequence",
    }
    kernels = "shift laplacian gaussian difference_of_gaussians exponential box stored"
    assert set(listed["kernels"]) == {*kernels.split(), "anisotropic_gaussian"}
    fields = "gradient patch random file bump twist sum"
    assert set(listed["fields"]) == set(fields.split())
    assert all(text for group in listed.values() for text in group.values())


def test_the_functions_of_a_model_keep_shapes():
    values = np.linspace(-2, 2, 24).reshape(2, 3, 4)
    for function in FUNCTIONS.values():
        with np.errstate(invalid="ignore"):
            assert function(values).shape == values.shape
