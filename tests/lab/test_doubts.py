"""What an import says of guesses, and what it keeps still about."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.lab.doubts import doubts_of
from cortexwave.lab.importing import import_recording
from cortexwave.lab.signals import Contacts, Signal

SIDECAR = "axes: [{}]\nrate: 1 kHz\nunits: uV\n"


def signal(tmp_path, frames=9, **attributes):
    return Signal(
        name="lfp", source=tmp_path / "a", reader="toy", rate=1e3, start=0.0,
        frames=frames, units="uV", read=lambda start, stop: np.zeros((0, 3)),
        contacts=Contacts.named(["a", "b", "c"]), attributes=attributes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"positions": "rel_x, rel_y taken as mm, neighbours 0.4 mm apart"},
         "positions of electrodes: rel_x, rel_y taken as mm"),
        ({"positions": "unknown: x, y put all contacts at one place"}, "one place"),
        ({"coordinates": "unknown: electrodes.tsv is in pixels"}, "is in pixels"),
        ({"electrodes_without": "b, c"}, "has no place for b, c"),
        ({"labels": "those of the column 'label' stand twice"}, "stand twice"),
    ],
)  # fmt: skip
def test_what_was_guessed_or_left_out_is_said(tmp_path, attributes, said):
    (sentence,) = doubts_of(signal(tmp_path, **attributes))
    assert said in sentence


@pytest.mark.parametrize(
    "attributes",
    [
        {}, {"positions": "rel_x, rel_y in um, neighbours 0.4 mm apart"},
        {"positions": "unknown: the electrodes table has none"},
        {"coordinates": "mni"}, {"coordinates": "unknown: no electrodes.tsv"},
    ],
)  # fmt: skip
def test_nothing_is_said_of_what_the_file_tells_or_plainly_lacks(tmp_path, attributes):
    assert doubts_of(signal(tmp_path, **attributes)) == ()


def test_axes_that_look_swapped_are_warned_of(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((50, 4)))
    (tmp_path / "a.yaml").write_text(SIDECAR.format("channel, time"))
    with pytest.warns(
        UserWarning, match=r"50 channels and only 4 frames; are its axes"
    ):
        import_recording(tmp_path / "a.npy", tmp_path / "a.h5")


def test_a_short_part_of_a_file_that_knows_its_axes_gives_no_warning(tmp_path):
    assert doubts_of(signal(tmp_path, frames=2)) == ()


def test_axes_as_they_are_meant_give_no_warning(tmp_path, recwarn):
    np.save(tmp_path / "a.npy", np.zeros((50, 4)))
    (tmp_path / "a.yaml").write_text(SIDECAR.format("time, channel"))
    import_recording(tmp_path / "a.npy", tmp_path / "a.h5")
    assert not [str(one.message) for one in recwarn if "axes" in str(one.message)]
