"""A recording whose format is known is fitted by the rival that it is."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.comparison.rival_formats import FORMAT_RIVALS, rival_formats
from cortexwave.errors import InputError
from cortexwave.memory.trials import Trials, trials_from, trials_of
from cortexwave.synthetic.places import lattice_sites
from cortexwave.synthetic.rivals import rival

LINE = lattice_sites((1, 24), spacing=0.4)
SHORT = {"rate": 100.0, "duration": 0.06, "speed": 80.0, "classes": 4, "sites": LINE,
         "period": 0.04}  # fmt: skip
ASKED = {"speed": 80.0, "direction": 0.0, "width": 0.64, "longest": 0.04}


def trials_like(kind: str, *, trials: int, seed: int, noise: float = 0.55) -> Trials:
    recording = rival(kind, trials=trials, seed=seed, noise=noise, **SHORT)  # type: ignore[arg-type]
    return trials_of(recording, window=(0.0, 0.05))


def test_a_wave_of_twenty_trials_is_fitted_by_the_wave():
    given = trials_like("traveling_wave", trials=20, seed=1)
    found = rival_formats(given, repeats=5, seed=1,
                          kinds=("traveling_wave", "static_bump"), **ASKED)  # fmt: skip
    assert found.fit.best == "traveling_wave"
    assert np.diag(found.recovery["recovered"])[:2].tolist() == [1, 1]
    # the bump is as well told apart as the wave of .55 at noise of .55: same packets;
    # accuracies of 80 trials are known to .05, which is a fifth of the noise
    assert found.noise == pytest.approx(0.55, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMAT_RIVALS)
def test_every_format_of_forty_trials_is_fitted_by_its_own_rival(kind):
    given = trials_like(kind, trials=40, seed=2)
    found = rival_formats(given, repeats=15, seed=1, **ASKED)
    assert found.fit.best == kind
    assert np.diag(found.recovery["recovered"])[:4].min() > 0.9


@pytest.mark.parametrize(
    ("given", "changes", "culprit"),
    [
        (trials_like("static_bump", trials=5, seed=1), {"speed": 900.0}, "leaves an"),
        (trials_like("static_bump", trials=8, seed=1, noise=50.0), {}, "told apart"),
        (trials_from(np.ones((8, 5, 3)), list("abababab"), step=0.01), {}, "positions"),
        (trials_from(np.ones((8, 5, 3)), list("abababab"), step=0.01, start=-0.1,
                     positions=np.eye(3)[:, :2]), {}, "from the onset on"),
    ],
)  # fmt: skip
def test_trials_without_a_format_are_refused(given, changes, culprit):
    with pytest.raises(InputError, match=culprit):
        rival_formats(given, repeats=5, seed=1, **{**ASKED, **changes})
