"""Each kind of stimulus against its formula in space and time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.sheet.drive import TrialDrive
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.stimuli import Flashes, PairedPulse, Place, Pulse, PulseTrain
from cortexwave.sheet.trials import Trials
from cortexwave.sheet.wide_stimuli import Grating, MovingBar, PlaneDrive

SHEET = Lattice((24, 32), 0.1, ("open", "open"))
DT = 1e-3


def rendered(*stimuli, lattice=SHEET, dt=DT, steps=100, unit="1", **trials):
    drive, faults = render_drive(
        stimuli, Trials(**trials), lattice=lattice, dt=dt, steps=steps,
        inputs={"drive": unit}, seed=1, folder=None,
    )  # fmt: skip
    assert not faults, faults
    return drive


def samples(drive: TrialDrive, lattice=SHEET, steps=100) -> np.ndarray:
    """All samples of a drive, (step, feature, y, x)."""
    zero = np.zeros(lattice.field_shape)
    found = [drive.at("drive", step) for step in range(steps)]
    return np.array([zero if sample is None else sample for sample in found])


def course(*stimuli, at=(3, 4), **kwargs) -> np.ndarray:
    """The drive at one site over time."""
    return samples(rendered(*stimuli, **kwargs).trial(0))[:, 0, *at]


HERE = Place(y=0.3, x=0.4)


@pytest.mark.parametrize(
    "onset, duration, first, last",
    [(0.01, 0.005, 10, 15), (0.0, 0.001, 0, 1), (0.0104, 0.005, 10, 15),
     (0.0106, 0.005, 11, 16), (0.0125, 0.005, 13, 18), (0.01, 0.0016, 10, 12)],
)  # fmt: skip
def test_a_pulse_is_on_from_its_rounded_onset_to_its_rounded_end(
    onset, duration, first, last
):
    on = course(Pulse(place=HERE, onset=onset, duration=duration, amplitude=3))
    expected = np.zeros(100)
    expected[first:last] = 3.0
    assert np.array_equal(on, expected)


def test_a_point_is_the_nearest_site():
    field = samples(rendered(Pulse(place=Place(y=0.34, x=0.36), duration=DT)).trial(0))[
        0
    ]
    assert np.argwhere(field[0]).tolist() == [[3, 4]]


def test_a_disc_and_a_gaussian_have_their_shapes():
    y, x = np.meshgrid(SHEET.y, SHEET.x, indexing="ij")
    away = np.hypot(y - 1.0, x - 1.5)
    disc = Pulse(place=Place(y=1.0, x=1.5, shape="disc", radius=0.5), duration=DT)
    hill = Pulse(place=Place(y=1.0, x=1.5, shape="gaussian", sigma=0.2), duration=DT)
    first = samples(rendered(disc).trial(0))[0, 0]
    assert np.array_equal(first, (away <= 0.5 + 1e-9).astype(float))
    first = samples(rendered(hill).trial(0))[0, 0]
    assert np.abs(first - np.exp(-(away**2) / (2 * 0.2**2))).max() < 1e-14


def test_a_raised_cosine_rises_to_its_amplitude_and_back():
    on = course(Pulse(place=HERE, onset=0.01, duration=0.04, course="raised_cosine"))
    middles = (np.arange(40) + 0.5) / 40
    assert on[10:50] == pytest.approx(np.sin(np.pi * middles) ** 2, abs=1e-14)
    # the integral of sin^2 over its period is half of it, exact for the midpoint rule
    assert on.sum() * DT == pytest.approx(0.04 / 2, rel=1e-12)
    assert on[10:50] == pytest.approx(on[10:50][::-1], abs=1e-14)


def test_a_train_has_count_pulses_at_its_interval():
    on = course(PulseTrain(place=HERE, onset=0.005, duration=0.002, count=4,
                           interval=0.02))  # fmt: skip
    assert np.flatnonzero(np.diff(on, prepend=0) > 0).tolist() == [5, 25, 45, 65]
    assert on.sum() == 8


def test_paired_pulses_are_one_interval_apart():
    on = course(PairedPulse(place=HERE, onset=0.005, duration=0.002, interval=0.03))
    assert np.flatnonzero(on).tolist() == [5, 6, 35, 36]


def test_pulses_that_overlap_add():
    on = course(PairedPulse(place=HERE, duration=0.01, interval=0.005, amplitude=2))
    assert on[:16].tolist() == [2] * 5 + [4] * 5 + [2] * 5 + [0]


def test_stimuli_add_and_may_weigh_features():
    lattice = Lattice((1, 8), 0.1, features=3)
    drive = rendered(
        Pulse(place=Place(x=0.3), duration=0.002, amplitude=2, features=[1, 0, -1]),
        Pulse(place=Place(x=0.3), onset=0.001, duration=0.002, amplitude=0.5),
        lattice=lattice,
    )
    values = samples(drive.trial(0), lattice, 4)[:, :, 0, 3]
    assert values.tolist() == [[2, 0, -2], [2.5, 0.5, -1.5], [0.5] * 3, [0] * 3]


def test_an_amplitude_is_in_the_unit_of_the_input():
    pulse = Pulse(place=HERE, duration=DT, amplitude="0.2 1/ms")
    assert course(pulse, unit="1/s")[0] == pytest.approx(200.0, rel=1e-14)


@pytest.mark.parametrize("amplitude, unit", [(2, "1/s"), ("2 ms", "1"), ("2 m", "1/s")])
def test_an_amplitude_in_another_unit_is_a_fault_at_its_place(amplitude, unit):
    pulse = Pulse(place=HERE, duration=DT, amplitude=amplitude)
    _, faults = render_drive(
        [pulse, pulse], Trials(), lattice=SHEET, dt=DT, steps=10,
        inputs={"drive": unit}, seed=1, folder=None,
    )  # fmt: skip
    assert [fault.place for fault in faults] == ["stimuli.0.amplitude",
                                                 "stimuli.1.amplitude"]  # fmt: skip


def test_stimuli_of_the_same_name_and_place_keep_their_own_strength():
    weak = Pulse(name="a", place=HERE, duration=DT)
    strong = Pulse(name="a", place=HERE, onset=0.01, duration=DT, amplitude=5)
    on = course(weak, strong)
    assert on[0] == 1 and on[10] == 5


def test_gratings_of_the_same_name_keep_their_own_wavelength():
    def grating(wavelength):
        return Grating(name="g", mode="reversing", direction=0.0, wavelength=wavelength,
                       frequency=10.0, duration=0.01)  # fmt: skip

    both = samples(rendered(grating(0.8), grating(1.6)).trial(0))[0, 0, 0]
    alone = [samples(rendered(grating(w)).trial(0))[0, 0, 0] for w in (0.8, 1.6)]
    assert np.abs(both - sum(alone)).max() < 1e-14


def test_flashes_visit_every_site_in_order():
    places = [Place(y=0.1 * n, x=0.2 * n) for n in range(4)]
    drive = rendered(Flashes(sites=places, duration=0.002, interval=0.01, onset=0.001))
    field = samples(drive.trial(0))
    for n in range(4):
        on = np.flatnonzero(field[:, 0, n, 2 * n])
        assert on.tolist() == [1 + 10 * n, 2 + 10 * n]
    assert drive.events()["item"].values.tolist() == ["0", "1", "2", "3"]


def test_shuffled_flashes_visit_every_site_once_in_new_orders():
    places = [Place(y=0.1, x=0.2 * n) for n in range(8)]
    drive = rendered(Flashes(sites=places, duration=0.002, interval=0.01,
                             order="shuffled"), count=20)  # fmt: skip
    events = drive.events()
    orders = np.array(events["item"].values, dtype=int).reshape(20, 8)
    assert np.array_equal(np.sort(orders, axis=1), np.tile(np.arange(8), (20, 1)))
    assert len({tuple(order) for order in orders}) > 15
    for trial in (0, 7):
        field = samples(drive.trial(trial))
        shown = [int(np.argmax(field[10 * rank, 0, 1])) // 2 for rank in range(8)]
        assert shown == orders[trial].tolist()


def test_jittered_flashes_start_within_their_bound():
    places = [Place(x=0.2)] * 5
    drive = rendered(Flashes(sites=places, duration=0.002, interval=0.01, jitter=0.005),
                     count=50)  # fmt: skip
    late = drive.events()["onset"].values.reshape(50, 5) - 0.01 * np.arange(5)
    assert late.min() >= 0 and late.max() < 0.005
    # 250 uniform draws: mean 2.5 ms, five standard errors
    assert late.mean() == pytest.approx(0.0025, abs=5 * 0.005 / np.sqrt(12 * 250))


@pytest.mark.parametrize("degrees", [0, 30, 90, -135])
def test_a_gaussian_bar_is_centred_where_its_speed_takes_it(degrees):
    angle = np.radians(degrees)
    bar = MovingBar(direction=angle, speed=20.0, width=0.3, start=-1.0, duration=0.1)
    field = samples(rendered(bar).trial(0))[:, 0]
    y, x = np.meshgrid(SHEET.y - 1.15, SHEET.x - 1.55, indexing="ij")
    along = x * np.cos(angle) + y * np.sin(angle)
    for step in (0, 30, 60, 99):
        centre = -1.0 + 20.0 * step * DT
        # `width` is two standard deviations
        expected = np.exp(-((along - centre) ** 2) / (2 * 0.15**2))
        assert np.abs(field[step] - expected).max() < 1e-12


def test_a_box_bar_is_as_wide_as_it_says():
    bar = MovingBar(direction=0.0, speed=10.0, width=0.5, start=-0.5, duration=0.1,
                    profile="box")  # fmt: skip
    field = samples(rendered(bar).trial(0))[:, 0, 0]
    # 5 sites of 0.1 mm, or one more where both edges touch a site
    assert set(field[10:90].sum(axis=1)) <= {5.0, 6.0}


def spectrum_peak(field, lattice):
    """Wave vector (rad/mm) and angular frequency (rad/s) of the greatest power."""
    power = np.abs(np.fft.fftn(field)) ** 2
    n, ny, nx = field.shape
    w = 2 * np.pi * np.fft.fftfreq(n, DT)
    ky = 2 * np.pi * np.fft.fftfreq(ny, lattice.spacing)
    kx = 2 * np.pi * np.fft.fftfreq(nx, lattice.spacing)
    power[w <= 0] = 0  # of the two equal peaks of a real wave, that with w > 0
    t, y, x = np.unravel_index(power.argmax(), power.shape)
    # exp(i (w t + k x)) with w > 0 travels towards -k
    return np.array([-kx[x], -ky[y]]), w[t]


@pytest.mark.parametrize("cycles", [(4, 0), (0, 3), (4, 3), (-4, 3), (-4, 0)])
@pytest.mark.parametrize("kind", ["grating", "plane"])
def test_a_wave_travels_towards_its_direction_at_its_speed(cycles, kind):
    k = 2 * np.pi * np.array(cycles) / np.array([3.2, 2.4])  # closes on the sheet
    sizes = {"direction": np.arctan2(k[1], k[0]), "frequency": 20.0, "duration": 0.1,
             "wavelength": 2 * np.pi / np.linalg.norm(k)}  # fmt: skip
    wave = (Grating(mode="drifting", **sizes) if kind == "grating"
            else PlaneDrive(mode="traveling", **sizes))  # fmt: skip
    found, w = spectrum_peak(samples(rendered(wave).trial(0))[:, 0], SHEET)
    assert found == pytest.approx(k, abs=1e-9)
    assert w == pytest.approx(2 * np.pi * 20.0)


def test_a_traveling_wave_is_its_formula():
    wave = PlaneDrive(mode="traveling", direction=0.7, wavelength=1.1, frequency=13.0,
                      duration=0.1, phase=0.4, amplitude=2)  # fmt: skip
    field = samples(rendered(wave).trial(0))[:, 0]
    y, x = np.meshgrid(SHEET.y - 1.15, SHEET.x - 1.55, indexing="ij")
    along = x * np.cos(0.7) + y * np.sin(0.7)
    t = DT * np.arange(100)[:, None, None]
    expected = 2 * np.cos(2 * np.pi * (along / 1.1 - 13.0 * t) + 0.4)
    assert np.abs(field - expected).max() < 1e-12


def test_standing_and_traveling_waves_have_the_same_power():
    sizes = {"direction": 0.0, "wavelength": 0.8, "frequency": 20.0, "duration": 0.1}
    power = [
        (samples(rendered(PlaneDrive(mode=mode, **sizes)).trial(0)) ** 2).mean()
        for mode in ("traveling", "standing")
    ]
    # whole periods in space and time
    assert power == pytest.approx([0.5, 0.5], rel=1e-12)


def test_a_standing_wave_does_not_travel():
    wave = PlaneDrive(mode="standing", direction=0.0, wavelength=0.8, frequency=20.0,
                      duration=0.1)  # fmt: skip
    field = samples(rendered(wave).trial(0))[:, 0, 0]
    assert np.linalg.matrix_rank(field, tol=1e-9) == 1


def test_a_reversing_grating_reverses_twice_a_period():
    wave = Grating(mode="reversing", direction=0.0, wavelength=0.8, frequency=20.0,
                   duration=0.1)  # fmt: skip
    field = samples(rendered(wave).trial(0))[:, 0]
    assert field[25] == pytest.approx(-field[0], abs=1e-12)
    assert field[50] == pytest.approx(field[0], abs=1e-12)


SIZES = {"direction": 0.0, "duration": 0.05}


@pytest.mark.parametrize(
    "stimulus, message",
    [
        (Pulse(place=HERE, duration=1e-5), "'pulse_0' lasts 0.01 ms, less than one"),
        (Grating(mode="drifting", wavelength=0.19, frequency=10.0, **SIZES),
         "wavelength of 0.19 mm; sites 0.1 mm apart carry none below 0.2 mm"),
        (Grating(mode="drifting", wavelength=1.0, frequency=501.0, **SIZES),
         "frequency of 501 Hz; steps of 1 ms carry none above 500 Hz"),
        (Pulse(place=HERE, duration=DT, features=[1, 2]), "has 2 feature weights, the"),
        (Pulse(place=HERE, duration=1e12), "ends after 1e.15 steps"),
    ],
)  # fmt: skip
def test_a_stimulus_that_cannot_be_rendered_is_a_fault(stimulus, message):
    _, faults = render_drive(
        [stimulus], Trials(), lattice=SHEET, dt=0.9999e-3 if "e.15" in message else DT,
        steps=100, inputs={"drive": "1"}, seed=1, folder=None,
    )  # fmt: skip
    import re

    assert len(faults) == 1 and re.search(message, faults[0].message), faults


RING = Lattice((1, 32), 0.1)


@pytest.mark.parametrize(
    "stimulus, lattice, message",
    [
        (Pulse(name="far", place=Place(y=1, x=99), duration=DT), SHEET,
         "'far' at y 1, x 99 mm is off the sheet .* no effect"),
        (Pulse(place=Place(y=1, x=99, shape="gaussian", sigma=1), duration=DT), SHEET,
         "'pulse_0' at y 1, x 99 mm is off the sheet"),
        (Pulse(place=Place(y=1, x=9, shape="disc", radius=1), duration=DT), SHEET,
         "is off the sheet"),
        (Pulse(place=Place(x=99), duration=DT), RING,
         "x 99 mm is off the sheet .* where the ring closes, at 3 mm"),
        (MovingBar(speed=10.0, width=0.2, start=5.0, **SIZES), SHEET,
         "'moving_bar_0' moves from 5 to 5.5 mm .* never on the sheet"),
        (MovingBar(speed=10.0, width=0.2, start=-9.0, **SIZES), SHEET, "never on the"),
        (Pulse(name="late", place=HERE, onset=0.2, duration=DT), SHEET,
         "'late' begins at 200 ms, after the end of the trial of 100 ms: never shown"),
    ],
)  # fmt: skip
def test_a_stimulus_without_effect_is_warned_of_by_name(stimulus, lattice, message):
    with pytest.warns(UserWarning, match=message):
        rendered(stimulus, lattice=lattice)


@pytest.mark.parametrize(
    "place, lattice",
    [(Place(y=-0.05, x=3.15), SHEET), (Place(x=3.2), RING), (Place(x=-0.05), RING),
     (Place(y=-1, x=1, shape="gaussian", sigma=0.5), SHEET)],
)  # fmt: skip
def test_a_stimulus_at_the_edge_is_not_warned_of(place, lattice):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rendered(Pulse(place=place, duration=DT), lattice=lattice)


@pytest.mark.parametrize(
    "given, message",
    [({"shape": "disc"}, "a disc needs 'radius'"), ({"radius": 1.0}, "a point has no"),
     ({"shape": "gaussian", "radius": 1.0}, "has no 'radius'|needs 'sigma'"),
     ({"shape": "square"}, "Input should be 'point', 'disc' or 'gaussian'")],
)  # fmt: skip
def test_a_place_has_the_size_that_its_shape_needs(given, message):
    with pytest.raises(ValueError, match=message):
        Place(x=1.0, **given)


def test_an_onset_before_the_trial_is_refused():
    with pytest.raises(ValueError, match="onset is -1 ms, before the trial"):
        Pulse(place=HERE, duration=DT, onset=-1e-3)


def test_input_errors_are_those_of_the_package():
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("y, x", [(-0.8, 0.2), (80.0, 0.2), (0.2, -0.8)])
def test_a_place_beyond_the_end_of_a_ring_warns_where_it_is_shown(y, x):
    from cortexwave.sheet.lattice import Lattice
    from cortexwave.sheet.stimuli import Place

    lattice = Lattice((16, 16), 0.1, ("periodic", "periodic"))
    with pytest.warns(UserWarning, match="flash") as caught:
        pattern = Place(y=y, x=x).pattern(lattice, "flash")
    assert pattern.sum() == 1.0
    length = 1.6
    shown = (y if y not in (0.2,) else x) % length
    expected = f"at {round(shown, 9) % length:g} mm"
    assert expected in str(caught[0].message)
