"""Images where and how large they are asked for; movies frame by frame, never whole."""

from __future__ import annotations

import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from sklearn.datasets import load_digits

from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.pictures import Images, Movie, Picture, placed
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.trials import Trials

SHEET = Lattice((16, 24), 0.1, ("open", "open"))
DT = 1e-3


def rendered(stimulus, folder, lattice=SHEET, steps=100, **trials):
    return render_drive(
        [stimulus], Trials(**trials), lattice=lattice, dt=DT, steps=steps,
        inputs={"drive": "1"}, seed=1, folder=folder,
    )  # fmt: skip


def first_fault(stimulus, folder):
    _, faults = rendered(stimulus, folder)
    assert len(faults) == 1
    return faults[0].message


def test_an_image_whose_pixels_are_sites_is_placed_as_it_is():
    image = np.random.default_rng(0).random((8, 8))
    # 8 pixels of 0.1 mm centred between sites 7 and 8
    field = placed(image, SHEET, y=0.75, x=0.75, width=0.8, name="a")
    expected = np.zeros((16, 24))
    expected[4:12, 4:12] = image
    assert np.abs(field - expected).max() < 1e-12


def test_a_larger_image_is_interpolated_linearly():
    row = np.arange(6.0)
    image = np.tile(row, (6, 1))
    field = placed(image, SHEET, y=0.75, x=1.15, width=2.4, name="a")
    pixel = 0.4
    column = (SHEET.x - 1.15) / pixel + 2.5
    assert field[8] == pytest.approx(np.clip(column, 0, 5), abs=1e-12)


@pytest.mark.parametrize("y, x", [(0.75, 1.15), (0.8, 1.1), (0.77, 1.13)])
def test_the_light_of_an_image_grows_with_its_area(y, x):
    flat = np.ones((8, 8))
    sums = [placed(flat, SHEET, y, x, width, name="a").sum() for width in (0.4, 0.8)]
    assert sums == [16, 64]


@pytest.mark.parametrize("digit, example", [(3, 0), (7, 12)])
def test_a_digit_is_the_bundled_one_upright(digit, example):
    bundled = load_digits()
    image = bundled.images[bundled.target == digit][example] / 16
    values = Picture(digit=digit, example=example).values(None)
    # row 0 of the picture is its top; row 0 of a sheet its bottom
    assert np.array_equal(values[::-1], image)


def test_a_png_stands_upright_on_the_sheet(tmp_path):
    from PIL import Image

    pixels = np.zeros((8, 8), dtype=np.uint8)
    pixels[0, :] = 255
    pixels[:, 0] = 128  # a bright top and a grey left side
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = Images(items=[Picture(path="a.png")], duration=DT, interval=DT, width=0.8,
                    y=0.75, x=0.75)  # fmt: skip
    drive, _ = rendered(images, tmp_path)
    field = drive.trial(0).at("drive", 0)[0]
    assert field[11, 5:12] == pytest.approx(1.0)  # high y
    assert field[4:11, 4] == pytest.approx(128 / 255)  # low x
    assert field[4:11, 5:12].max() == 0


def test_images_follow_one_another_and_are_centred_by_default():
    images = Images(items=[Picture(digit=1), Picture(digit=2, example=3)], onset=0.01,
                    duration=0.02, interval=0.03, width=0.8)  # fmt: skip
    drive, faults = rendered(images, None)
    assert not faults
    events = drive.events()
    assert events["item"].values.tolist() == ["1", "2"]
    assert events["onset"].values == pytest.approx([0.01, 0.04])
    assert events["y"].values == pytest.approx([0.75, 0.75])
    assert events["x"].values == pytest.approx([1.15, 1.15])
    second = drive.trial(0).at("drive", 40)[0]
    expected = placed(Picture(digit=2, example=3).values(None), SHEET, 0.75, 1.15, 0.8,
                      name="a")  # fmt: skip
    assert np.abs(second - expected).max() < 1e-12
    assert drive.trial(0).at("drive", 35) is None


def test_shuffled_images_are_named_in_the_order_shown():
    images = Images(items=[Picture(digit=n) for n in range(6)], duration=0.01,
                    interval=0.01, width=0.8, order="shuffled")  # fmt: skip
    drive, _ = rendered(images, None, count=5)
    items = drive.events()["item"].values.reshape(5, 6)
    assert {tuple(sorted(row)) for row in items} == {tuple("012345")}
    assert len({tuple(row) for row in items}) > 1
    for rank in range(6):
        shown = drive.trial(2).at("drive", 10 * rank)[0]
        picture = Picture(digit=int(items[2, rank])).values(None)
        expected = placed(picture, SHEET, 0.75, 1.15, 0.8, name="a")
        assert np.abs(shown - expected).max() < 1e-12


def test_one_image_of_a_stack(tmp_path):
    stack = np.random.default_rng(0).random((5, 8, 8))
    np.save(tmp_path / "s.npy", stack)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["images"] = stack
    for name in ("s.npy", "s.h5"):
        picture = Picture(path=name, index=3)
        assert np.array_equal(picture.values(tmp_path), stack[3])
        assert picture.label == f"{name}[3]"


@pytest.mark.parametrize(
    "given, message",
    [({}, "either a 'path' or a 'digit'"), ({"path": "a", "digit": 1}, "either"),
     ({"digit": 10}, "less than or equal to 9"), ({"digit": 1, "example": -1}, "or")],
)  # fmt: skip
def test_a_picture_is_one_thing(given, message):
    with pytest.raises(ValueError, match=message):
        Picture(**given)


def test_pictures_that_cannot_be_shown_say_why(tmp_path):
    np.save(tmp_path / "stack.npy", np.ones((5, 8, 8)))
    np.save(tmp_path / "nan.npy", np.full((2, 8, 8), np.nan))
    cases = {
        Picture(path="stack.npy"): "its shape is (5, 8, 8); an image is (y, x)",
        Picture(path="stack.npy", index=5): "no image 5 in an array of shape (5, 8, 8)",
        Picture(path="nan.npy", index=0): "image 0 has values not finite",
        Picture(path="none.png"): "none.png: there is no such file",
        Picture(digit=1, example=999): "examples of digit 1, no number 999",
    }
    for picture, message in cases.items():
        images = Images(items=[picture], duration=DT, interval=DT, width=0.8)
        assert message in first_fault(images, tmp_path)


def test_an_image_narrower_than_a_site_is_refused():
    images = Images(name="tiny", items=[Picture(digit=1)], duration=DT, interval=DT,
                    width=0.05)  # fmt: skip
    assert "the images of 'tiny' are 0.05 mm wide, less than one site" in first_fault(
        images, None
    )


def test_an_image_off_the_sheet_is_warned_of_by_name():
    images = Images(name="far", items=[Picture(digit=1)], duration=DT, interval=DT,
                    width=0.8, x=50.0)  # fmt: skip
    with pytest.warns(UserWarning, match=r"'far' at y 0.75, x 50 mm is off the sheet"):
        rendered(images, None)


def movie_file(folder: Path, kind: str, values: np.ndarray) -> dict:
    if kind == "npy":
        np.save(folder / "m.npy", values)
        return {"path": "m.npy"}
    with h5py.File(folder / "m.h5", "w") as file:
        file.create_dataset("frames", data=values, chunks=(1, *values.shape[1:]))
        file["other"] = np.ones(3)
    return {"path": "m.h5", "dataset": "frames"}


@pytest.mark.parametrize("kind", ["npy", "h5"])
@pytest.mark.parametrize("rate", [100.0, 250.0, 333.0, 1000.0, 1500.0])
def test_each_step_shows_the_frame_of_its_time(tmp_path, kind, rate):
    values = np.random.default_rng(0).random((20, 16, 24))
    movie = Movie(**movie_file(tmp_path, kind, values), rate=rate, onset=0.01,
                  amplitude=2)  # fmt: skip
    drive, faults = rendered(movie, tmp_path)
    assert not faults
    last = 10 + int(np.floor(20 / rate / DT + 0.5))
    for step in range(100):
        sample = drive.trial(0).at("drive", step)
        if 10 <= step < min(last, 100):
            place = min(int((step - 10) * DT * rate + 1e-9), 19)
            assert np.array_equal(sample[0], 2 * values[place])
        else:
            assert sample is None
    event = drive.events()
    assert event["item"].values.tolist() == [movie.path]
    assert event["duration"].values == pytest.approx([min(20 / rate, 0.09)])


def test_a_movie_may_have_features(tmp_path):
    lattice = Lattice((4, 6), 0.1, features=3)
    values = np.random.default_rng(0).random((5, 3, 4, 6))
    np.save(tmp_path / "m.npy", values)
    drive, _ = rendered(Movie(path="m.npy", rate=1000.0), tmp_path, lattice)
    assert np.array_equal(drive.trial(0).at("drive", 2), values[2])


@pytest.mark.parametrize(
    "shape", [(16, 24), (5, 24, 16), (5, 2, 16, 24), (5,), (0, 16, 24)]
)
def test_a_movie_of_another_shape_says_both_shapes(tmp_path, shape):
    np.save(tmp_path / "m.npy", np.ones(shape))
    message = first_fault(Movie(path="m.npy", rate=100.0), tmp_path)
    assert str(shape) in message
    assert "(time, 16, 24)" in message or "holds no numbers" in message


def test_a_truncated_movie_is_a_fault_before_the_run(tmp_path):
    np.save(tmp_path / "m.npy", np.ones((50, 16, 24)))
    raw = (tmp_path / "m.npy").read_bytes()
    (tmp_path / "m.npy").write_bytes(raw[: len(raw) // 2])
    message = first_fault(Movie(path="m.npy", rate=100.0), tmp_path)
    assert "m.npy: its header claims" in message


def test_a_movie_is_opened_once_for_all_trials(tmp_path, monkeypatch):
    import cortexwave.sheet.pictures as pictures

    np.save(tmp_path / "m.npy", np.ones((5, 16, 24)))
    opened, real = [], pictures.open_array
    monkeypatch.setattr(
        pictures, "open_array", lambda *given: opened.append(given) or real(*given)
    )
    rendered(Movie(path="m.npy", rate=100.0), tmp_path, count=500)
    assert len(opened) == 1


MEMORY = """
import resource, sys
from pathlib import Path
import h5py, numpy as np
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.pictures import Movie
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.trials import Trials
folder, name = Path(sys.argv[1]), sys.argv[2]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
drive, faults = render_drive(
    [Movie(path=name, rate=1000.0)], Trials(), lattice=Lattice((64, 64), 0.1), dt=1e-3,
    steps=65_000, inputs={"drive": "1"}, seed=0, folder=folder)
assert not faults, faults
trial = drive.trial(0)
total = sum(float(trial.at("drive", n)[0, 0, 0]) for n in range(0, 65_000, STRIDE))
print(peak() - before)
"""


@pytest.mark.parametrize("kind", ["npy", "h5"])
def test_a_movie_of_two_gigabytes_is_streamed_in_little_memory(tmp_path, kind):
    shape = (65_000, 64, 64)  # 2.1 GB of float64
    if kind == "npy":
        file = np.lib.format.open_memmap(tmp_path / "m.npy", "w+", "f8", shape)
        del file  # sparse: its zeros take no disk
    else:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            made = file.create_dataset("a", shape, "f8", chunks=(1000, 64, 64),
                                       compression="gzip")  # fmt: skip
            packed = zlib.compress(bytes(8 * 1000 * 64 * 64))
            for n in range(0, 65_000, 1000):
                made.id.write_direct_chunk((n, 0, 0), packed)
    code = MEMORY.replace("STRIDE", "1" if kind == "npy" else "5000")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), f"m.{kind}"], text=True,
        capture_output=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # KiB; the movie is 2,080,000 KiB, a chunk of the HDF5 file 32,000
    # and its cache 64,000
    assert int(done.stdout) < 200 * 1024


def test_a_black_image_is_no_reason_to_warn(tmp_path):
    np.save(tmp_path / "black.npy", np.zeros((8, 8)))
    images = Images(items=[Picture(path="black.npy")], duration=DT, interval=DT,
                    width=0.8)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rendered(images, tmp_path)
    assert issubclass(InputError, ValueError)
