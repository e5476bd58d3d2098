"""A model like the animals is told from one of another speed, by the whole pipeline."""

from __future__ import annotations

import numpy as np
import pytest

import cortexwave as cw
from cortexwave import synthetic
from cortexwave.comparison.comparing import comparing, finished
from cortexwave.comparison.study_document import parse_study

SITES = synthetic.lattice_sites((5, 5), spacing=0.4)
STUDY = """\
cortexwave: 1
kind: study
title: Three animals against a model of the same waves
band: [6 Hz, 16 Hz]
surrogates: 39
lab:
  subjects:
    - {name: a, sessions: [{name: one, files: [a.h5]}]}
    - {name: b, sessions: [{name: one, files: [b.h5]}]}
    - {name: c, sessions: [{name: one, files: [c.h5]}]}
model:
  kind: recordings
  subjects:
    - {name: m, sessions: [{name: one, files: [MODEL.h5]}]}
primaries: [speed, wavelength]
"""


def record(name, folder, *, speed, seed):
    """Twelve plane waves of half a second at 10 Hz, in noise a quarter as strong."""
    rng = np.random.default_rng(seed)
    parts = [
        synthetic.plane_wave(
            SITES, duration=12.0, rate=100.0, frequency=10.0, direction=20.0,
            speed=speed * rng.normal(1.0, 0.05), phase=float(rng.uniform(0, 2 * np.pi)),
            window=(0.6 + 0.9 * k, 1.2 + 0.9 * k),
        )
        for k in range(12)
    ]  # fmt: skip
    parts.append(synthetic.smooth_noise(SITES, duration=12.0, rate=100.0, length=0.4,
                                        seed=seed, amplitude=0.25))  # fmt: skip
    made = synthetic.mixture(*parts).assign_attrs(origin="lab")
    cw.save_recording(made, folder / f"{name}.h5")


@pytest.mark.slow
def test_a_second_realisation_is_within_and_a_wrong_speed_well_outside(tmp_path):
    # animals of 57 to 63 mm/s, 6 mm in 2 mm of array; the model is one of their kind
    for seed, (name, speed) in enumerate(
        {"a": 57.0, "b": 60.0, "c": 63.0, "own": 60.0, "wrong": 26.0}.items()
    ):
        record(name, tmp_path, speed=speed, seed=seed)
    ratios = {}
    for model in ("own", "wrong"):
        study = parse_study(STUDY.replace("MODEL", model),
                            file=str(tmp_path / "study.yaml"))  # fmt: skip
        found = finished(comparing(study, tmp_path / "report", jobs=1, overwrite=True))
        for name in ("speed", "wavelength"):
            row = found.rows[name]
            assert row.ratio is not None, row.statement.text
            ratios[model, name] = row.ratio.ratio
    for name in ("speed", "wavelength"):
        # one of their kind lies as far from animals as they from each other; with
        # three animals that is known to a factor of about two
        assert 0.3 < ratios["own", name] < 2.0
        # 34 mm/s away, where animals are 3 to 6 apart
        assert ratios["wrong", name] > 4.0
