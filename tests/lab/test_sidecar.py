"""The sidecar says what an array is; what it cannot mean is named with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cortexwave.errors import InputError, ProtocolError
from cortexwave.lab.contact_units import positions_in_mm
from cortexwave.lab.sidecar import Sidecar, lattice_axes, sidecar_of
from cortexwave.lab.sidecar_template import Shown, template
from cortexwave.lab.tables import number_of, read_table

GOOD = "axes: [time, channel]\nrate: 1 kHz\nunits: uV\n"


def _read(folder: Path, text: str) -> Sidecar:
    (folder / "a.yaml").write_text(text)
    return sidecar_of(folder / "a.npy", [Shown("", (20, 3), "int16")])


def test_quantities_arrive_in_base_units(tmp_path):
    said = _read(tmp_path, GOOD + "start: 250 ms\nsubject: 7\nreference: common\n")
    assert (said.rate, said.start) == (1000.0, 0.25)
    assert said.attributes == {"subject": "7", "reference": "common"}


@pytest.mark.parametrize(("units", "unit", "factor"), [
    ("uV", "uV", 1.0), ("V", "uV", 1e6), ("mV", "uV", 1e3), ("1", "1", 1.0),
    ("counts\ngain: 0.25 uV", "uV", 0.25), ("counts\ngain: 2 nV", "uV", 2e-3),
    ("\u03bcV", "uV", 1.0), ("\u00b5V", "uV", 1.0), ("kHz", "Hz", 1e3),
])  # fmt: skip
def test_values_are_scaled_to_our_units(tmp_path, units, unit, factor):
    said = _read(tmp_path, f"axes: [time]\nrate: 1 Hz\nunits: {units}\n")
    assert said.scale[0] == unit
    # one rounding of the conversion in double precision
    assert said.scale[1] == pytest.approx(factor, rel=1e-12)


def test_all_faults_are_told_at_once_with_their_lines(tmp_path):
    wrong = "axes: [time, chanel]\nrate: 1000\nunits: bananas\nrat: 3\n"
    with pytest.raises(ProtocolError) as caught:
        _read(tmp_path, wrong)
    assert [fault.line for fault in caught.value.faults] == [1, 2, 3, 4]
    assert "did you mean 'channel'" in str(caught.value)
    assert "1000 has no unit" in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [
    ("axes: [channel]\nrate: 1 Hz\nunits: uV\n", "allowed are time alone"),
    ("axes: [time, time]\nrate: 1 Hz\nunits: uV\n", "allowed are time alone"),
    ("axes: [time]\nrate: -1 Hz\nunits: uV\n", "not positive"),
    ("axes: [time]\nrate: 1 Hz\nunits: counts\n", "gain: units are counts"),
    ("axes: [time]\nrate: 1 Hz\nunits: uV\ngain: 2 uV\n", "only counts have a gain"),
    (GOOD + "positions: {pitch: 1 mm, file: e.csv}\n", "not file and pitch"),
    (GOOD + "positions: {unit: mm}\n", "is due, not none"),
    (GOOD + "positions: {pitch: 1 mm}\n", "positions.first: this key is missing"),
    (GOOD + "positions: {table: {a: [0, 1]}}\n", "positions.unit: this key"),
    (GOOD + "positions: {unit: mm, table: {a: [0]}}\n", "x, y, z, not 1"),
    (GOOD + "positions: !!python/object:os.system {}\n", "tag"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path, text, message):
    with pytest.raises(ProtocolError, match=r"a\.yaml") as caught:
        _read(tmp_path, text)
    assert message in str(caught.value)


def test_without_a_sidecar_a_filled_template_is_shown(tmp_path):
    with pytest.raises(InputError, match=r"write .*b\.yaml") as caught:
        sidecar_of(tmp_path / "b.npy", [Shown("", (20, 3), "int16")])
    assert "axes: [time, channel]  # of 20 x 3 (int16)" in str(caught.value)


@pytest.mark.parametrize(("shape", "axes"), [
    ((681, 1), "axes: [time, channel]"), ((3, 500), "axes: [channel, time]"),
    ((16, 16, 113), "axes: [row, column, time]"), ((9,), "axes: [time]"),
    ((113, 8, 8), "axes: [time, row, column]"),
])  # fmt: skip
def test_the_longest_axis_is_proposed_as_time(shape, axes):
    assert axes in template(Path("a.npy"), [Shown("", shape, "float64")])


def test_a_template_is_refused_until_it_is_filled_and_then_read(tmp_path):
    text = template(tmp_path / "a.mat", [Shown("x", (20, 3), "double")])
    with pytest.raises(ProtocolError) as caught:
        _read(tmp_path, text)
    assert {fault.place for fault in caught.value.faults} == {"rate", "units"}
    filled = text.replace("rate: ___", "rate: 500").replace("units: ___", "units: uV")
    said = _read(tmp_path, filled)
    assert (said.variable, said.rate) == ("x", 500.0)


@pytest.mark.parametrize(("first", "y", "x"), [
    ("upper left", [0.4, 0.0], [0.0, 0.4, 0.8]),
    ("upper right", [0.4, 0.0], [0.8, 0.4, 0.0]),
    ("lower left", [0.0, 0.4], [0.0, 0.4, 0.8]),
    ("lower right", [0.0, 0.4], [0.8, 0.4, 0.0]),
])  # fmt: skip
def test_rows_grow_downwards_from_an_upper_corner(first, y, x):
    at = lattice_axes((2, 3), 0.4, first)
    np.testing.assert_allclose(at[0], y)
    np.testing.assert_allclose(at[1], x)


@pytest.mark.parametrize(("unit", "factor"), [
    ("m", 1e-3), ("cm", 0.1), ("mm", 1.0), ("um", 1e3),
])  # fmt: skip
def test_positions_arrive_in_mm(unit, factor):
    at = np.array([[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [np.nan, 0.0, 1.0]])
    np.testing.assert_allclose(positions_in_mm(at * factor, unit), at)


@pytest.mark.parametrize(("pitch", "unit", "fits"), [
    (0.004, "mm", "they would fit in cm (0.04 mm) or m (4 mm)"),  # metres taken for mm
    (4.0, "m", "mm (4 mm)"),  # mm taken for metres
    (400.0, "mm", "um (0.4 mm)"),  # micrometres taken for mm
    (0.4, "um", "mm (0.4 mm)"),  # mm taken for micrometres
])  # fmt: skip
def test_a_unit_that_no_array_has_is_caught_and_the_right_one_named(pitch, unit, fits):
    at = pitch * np.stack(np.meshgrid(np.arange(4), np.arange(3)), -1).reshape(-1, 2)
    with pytest.raises(InputError, match=f"positions in {unit}") as caught:
        positions_in_mm(at, unit)
    assert fits in str(caught.value)


def test_contacts_at_one_place_do_not_make_the_unit_wrong():
    at = np.array([[0.0, 0.0], [0.0, 0.0], [0.4, 0.0]])
    assert positions_in_mm(at, "mm")[2, 0] == 0.4


@pytest.mark.parametrize(("text", "message"), [
    ("name,x,x\n", ":1: the row of column names names x twice"), ("", "is absent"),
    ("a,b\n1\n", ":2: 1 values, but 2 columns"), ("a\x00b", "table of at most"),
    ("a,b\n\n1,2\n", ":2: 0 values"),
])  # fmt: skip
def test_a_broken_table_is_named_with_its_line(tmp_path, text, message):
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "e.csv")
    assert f"{tmp_path / 'e.csv'}" in str(caught.value)
    assert message in str(caught.value)


def test_missing_numbers_are_nan_and_others_must_be_finite():
    assert np.isnan([number_of(text, "here") for text in ("", "n/a", "NaN")]).all()
    with pytest.raises(InputError, match="here: 'inf' is not a number"):
        number_of("inf", "here")
