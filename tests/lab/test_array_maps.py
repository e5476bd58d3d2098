"""Electrode maps by name and from files: 96 sites of a Utah array, units that fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cortexwave.errors import InputError, UnitError
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.cmp_maps import read_cmp
from cortexwave.lab.electrodes import Electrodes, electrodes_at, electrodes_of, turned
from cortexwave.lab.grid_finding import find_grid
from cortexwave.lab.table_maps import read_table

_LAB = Path(__file__).resolve().parents[3] / "shared" / "lab"
CORNERS = {(0.0, 0.0), (3.6, 0.0), (0.0, 3.6), (3.6, 3.6)}


def lab(name: str) -> Path:
    if not (_LAB / name).exists():
        pytest.skip(f"lab/{name} is not beside this checkout")
    return _LAB / name


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def places(electrodes: Electrodes) -> set[tuple[float, float]]:
    return {(round(float(x), 6), round(float(y), 6))
            for x, y, _ in electrodes.positions}  # fmt: skip


def test_the_utah_array_has_96_sites_and_no_corners():
    utah = electrode_map("utah_10x10")
    assert utah.count == 96
    assert utah.pitch == pytest.approx(0.4)
    assert len(places(utah)) == 96
    assert not CORNERS & places(utah)


@pytest.mark.parametrize("what", [(2, 3, 0.5), "2x3 0.5 mm", "2 x 3 500 um"])
def test_a_plain_array_has_rows_along_y(what):
    array = electrode_map(what)
    assert array.labels[1] == "r0c1"
    assert np.allclose(array.positions[1, :2], (0.5, 0))
    assert np.allclose(array.positions[3, :2], (0, 0.5))
    assert array.pitch == pytest.approx(0.5)


def test_the_real_utah_map_is_the_same_from_both_files():
    folder = "utah_geometry_monkeyN"
    table = read_table(lab(f"{folder}/electrodes.tsv"))
    mapped = read_cmp(lab(f"{folder}/synthetic_from_electrodes.cmp"), pitch=0.4)
    assert table.count == mapped.count == 96
    assert table.pitch == pytest.approx(0.4)
    assert mapped.labels == tuple(f"chan{label}" for label in table.labels)
    assert np.allclose(table.positions[:, :2], mapped.positions[:, :2])
    assert places(table) == places(electrode_map("utah_10x10"))
    grid = find_grid(table.positions)
    assert grid.shape == (10, 10)
    assert grid.pitch == pytest.approx((0.4, 0.4))


CMP = """// made by hand
Utah 10x10
//col row bank elec label
0 0 A 1 chan1
1\t0\tA 2 chan2 // a comment
0 1 A 3 elec1-3
"""


def test_row_0_of_a_cmp_map_is_at_the_bottom(tmp_path):
    found = read_cmp(written(tmp_path, "a.cmp", CMP), pitch=0.4)
    assert found.labels == ("chan1", "chan2", "elec1-3")
    assert np.allclose(found.positions[:, :2], [(0, 0), (0.4, 0), (0, 0.4)])


@pytest.mark.parametrize(
    ("line", "message"),
    [("0 1 A 4 chan4", "line 7.*where 'elec1-3' is"), ("2 0 A x chan", "line 7"),
     ("5 5 A 5 chan1", "stand twice: chan1")],
)  # fmt: skip
def test_a_bad_line_of_a_cmp_map_is_named(tmp_path, line, message):
    path = written(tmp_path, "a.cmp", CMP + line + "\n")
    with pytest.raises(InputError, match=message):
        read_cmp(path, pitch=0.4)


def test_a_cmp_map_whose_first_site_is_spoilt_is_no_description(tmp_path):
    path = written(tmp_path, "a.cmp", "0 x A 1 chan1\n1 0 A 2 chan2\n")
    with pytest.raises(InputError, match="line 1"):
        read_cmp(path, pitch=0.4)


def test_a_cmp_map_needs_a_pitch(tmp_path):
    with pytest.raises(InputError, match=r"give `pitch` in mm"):
        electrode_map(written(tmp_path, "a.cmp", CMP))


def test_a_table_has_its_unit_in_the_header(tmp_path):
    text = "label,x_um,y [um],z (um),array,size_um\na,0,0,5,M1,40\nb,400,0,5,M1,40\n"
    found = electrode_map(written(tmp_path, "m.csv", text))
    assert np.allclose(found.positions, [(0, 0, 0.005), (0.4, 0, 0.005)])
    assert found.arrays == ("M1", "M1")
    assert found.size == pytest.approx(0.04)


def test_places_that_are_not_known_are_nan(tmp_path):
    text = "name\tx\ty\na\t0\t0\nb\tn/a\t1\nc\t1\t0\n"
    found = electrode_map(written(tmp_path, "electrodes.tsv", text))
    assert found.placed.tolist() == [True, False, True]
    assert np.isnan(found.positions[1]).all()


def test_the_pitch_is_within_arrays(tmp_path):
    positions = [(0, 0), (1, 0), (0.1, 0), (1.1, 0)]
    found = electrodes_at("abcd", np.array(positions), arrays=["p", "p", "q", "q"])
    assert found.pitch == pytest.approx(1.0)


def test_metres_taken_for_mm_are_caught_and_the_unit_named(tmp_path):
    text = "name\tx\ty\na\t0.04\t0\nb\t0.0404\t0\nc\t0.0408\t0\n"
    path = written(tmp_path, "electrodes.tsv", text)
    with pytest.raises(InputError, match=r"0\.0004 mm apart.*; 0\.4 mm in m: name it"):
        electrode_map(path)
    assert electrode_map(path, unit="m").pitch == pytest.approx(0.4)
    with pytest.raises(InputError, match="unit that is named cannot be meant"):
        electrode_map(path, unit="um")


def test_the_unit_of_bids_stands_beside_and_its_sizes_are_areas(tmp_path):
    text = "name\tx\ty\tsize\na\t0.04\t0\t3.14159265\nb\t0.05\t0\tn/a\n"
    path = written(tmp_path, "sub-1_space-mni_electrodes.tsv", text)
    beside = "sub-1_space-mni_coordsystem.json"
    written(tmp_path, beside, '{"iEEGCoordinateUnits": "m"}')
    found = electrode_map(path)
    assert found.pitch == pytest.approx(10.0)
    assert found.size == pytest.approx(2.0)  # pi mm^2
    written(tmp_path, beside, '{"iEEGCoordinateUnits": "pixels"}')
    with pytest.raises(InputError, match="pixels"):
        electrode_map(path)


def test_a_real_bids_table_in_metres_is_read_in_mm(tmp_path):
    ieeg = "py_neuromodulation_bids_ecog/sub-testsub/ses-EphysMedOff/ieeg"
    path = lab(f"{ieeg}/sub-testsub_ses-EphysMedOff_space-mni_electrodes.tsv")
    assert electrode_map(path).pitch == pytest.approx(10.13, abs=0.01)
    alone = written(tmp_path, "electrodes.tsv", path.read_text())
    with pytest.raises(InputError, match=r"0\.0101308 mm apart.*10\.1308 mm in m"):
        electrode_map(alone)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "empty"), ("label,x\na,1\n", "no column y"), ("label,x,y\na,1\n", "row 2"),
     ("label,x,y\na,1,up\n", "row 2: y is 'up'"), ("label,x,y\n", "no electrode"),
     ("label,x,y\na,inf,1\n", "row 2: x is 'inf'"),
     ("label,x,y\na,0,1\na,1,1\n", "stand twice: a")],
)  # fmt: skip
def test_a_table_that_is_none_says_where(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        electrode_map(written(tmp_path, "m.csv", text))


def test_binary_files_and_names_unknown_are_refused(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text"):
        electrode_map(path)
    with pytest.raises(InputError, match="names no electrodes"):
        electrode_map("utah_12x12")
    with pytest.raises(InputError, match="No such file"):
        electrode_map(tmp_path / "absent.csv")
    with pytest.raises(UnitError, match="no unit"):
        electrode_map("8x8 0.4")


def test_a_probe_of_probeinterface_is_in_mm(tmp_path):
    pi = pytest.importorskip("probeinterface")
    probe = pi.generate_multi_columns_probe(
        num_columns=2, num_contact_per_column=3, xpitch=400, ypitch=200,
        contact_shapes="circle", contact_shape_params={"radius": 20},
    )  # fmt: skip
    probe.set_contact_ids(list("abcdef"))
    pi.write_probeinterface(tmp_path / "p.json", probe)
    found = electrode_map(tmp_path / "p.json")
    assert found.labels == tuple("abcdef")
    assert np.ptp(found.positions[:, :2], axis=0) == pytest.approx((0.4, 0.4))
    assert (found.pitch, found.size, found.shape) == (pytest.approx(0.2), 0.04, "disc")


def test_json_that_is_no_probe_is_refused(tmp_path):
    pytest.importorskip("probeinterface")
    with pytest.raises(InputError, match="no probe of probeinterface"):
        electrode_map(written(tmp_path, "p.json", json.dumps({"x": 1})))


def test_a_turned_array_keeps_its_middle():
    array = turned(electrode_map((1, 3, 1.0)), position=None, rotation=90)
    assert np.allclose(array.positions[:, :2], [(1, -1), (1, 0), (1, 1)])
    moved = turned(electrode_map((1, 3, 1.0)), position=(5, 5), rotation=0)
    assert np.allclose(moved.positions[:, :2], [(4, 5), (5, 5), (6, 5)])


def test_electrodes_come_back_from_a_recording():
    from cortexwave.synthetic import plane_wave

    at = np.array([(0.0, 0.0), (0.4, 0.0), (0.0, 0.4)])
    recording = plane_wave(
        at, duration=0.1, rate=100, direction=0, frequency=10, wavelength=10
    )
    found = electrodes_of(recording)
    assert np.allclose(found.positions[:, :2], at)
    assert found.labels == ("e0", "e1", "e2")
