"""Published speeds: facts with a source, matched by modality or not at all."""

from __future__ import annotations

import pytest

from cortexwave.comparison.published_bands import (
    modalities,
    published,
    reference_bands,
)
from cortexwave.errors import InputError


def test_beta_waves_of_motor_cortex_go_a_tenth_to_a_third_of_a_metre_per_second():
    # Takahashi et al. 2011, doi 10.3389/fnhum.2011.00040
    (rubino, takahashi) = reference_bands(modality="LFP", area="M1", band=(15, 30))
    assert (takahashi.low, takahashi.high) == (100.0, 350.0)
    assert takahashi.doi == "10.3389/fnhum.2011.00040"
    assert (rubino.source, rubino.doi) == ("secondary", "")


def test_the_scalp_and_the_array_are_never_pooled():
    array = reference_bands(modality="LFP")
    scalp = reference_bands(modality="EEG")
    assert {row.modality for row in array} == {"LFP"}
    assert {row.modality for row in scalp} == {"EEG"}
    assert max(row.high or 0 for row in array) < max(row.high or 0 for row in scalp)


def test_no_row_is_better_than_one_of_another_band_or_area():
    assert reference_bands(modality="LFP", area="M1", band=(60, 90)) == []
    assert reference_bands(modality="ECoG", area="V1") == []


def test_a_band_that_a_source_does_not_state_is_not_guessed():
    stated = reference_bands(modality="spike-triggered LFP", area="V1")
    assert [row.typical for row in stated] == [250.0, 300.0]
    assert (
        reference_bands(modality="spike-triggered LFP", area="V1", band=(5, 40)) == []
    )


def test_modality_and_area_may_be_written_small():
    assert reference_bands(modality="lfp", area="mt", band=(5, 40))[0].year == 2020


@pytest.mark.parametrize("row", published(), ids=lambda row: f"{row.study} {row.year}")
def test_every_row_has_a_source_a_speed_and_an_order(row):
    speeds = [each for each in (row.low, row.typical, row.high) if each is not None]
    assert speeds == sorted(speeds)
    assert speeds and min(speeds) >= 50  # mm/s: nothing is left in m/s
    assert row.url.startswith("http")
    assert row.doi == "" or row.doi.startswith("10.")
    assert (row.low is None) == (row.high is None)
    assert 2000 < row.year < 2030


def test_an_unknown_modality_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="speeds are published for ECoG, EEG"):
        reference_bands(modality="fMRI")
    assert "LFP" in modalities()


def test_a_band_upside_down_is_refused():
    with pytest.raises(InputError, match=r"\(low, high\)"):
        reference_bands(modality="LFP", band=(30, 15))
