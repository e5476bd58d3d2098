"""`recording.wave.field(band=(5, 40))` and its kin: the public functions, forwarded."""

from __future__ import annotations

from typing import Any

import xarray as xr

import cortexwave


@xr.register_dataset_accessor("wave")
class Wave:
    """What can be measured of a recording, or of a wave field, by its functions.

    Every method is the function of `cortexwave` that its docstring names, with the
    dataset as its first argument.
    """

    def __init__(self, dataset: xr.Dataset):
        self._dataset = dataset

    def field(self, **given: Any) -> xr.Dataset:
        """`wave_field` of a recording."""
        return cortexwave.wave_field(self._dataset, **given)

    def band_pass(self, **given: Any) -> xr.Dataset:
        """`band_pass` of a recording."""
        return cortexwave.band_pass(self._dataset, **given)

    def rereference(self, **given: Any) -> xr.Dataset:
        """`rereference` of a recording."""
        return cortexwave.rereference(self._dataset, **given)

    def net_lags(self, **given: Any) -> xr.Dataset:
        """`net_lags` of a recording."""
        return cortexwave.net_lags(self._dataset, **given)

    def spectrum(self, **given: Any) -> xr.Dataset:
        """`wavenumber_frequency` of a recording or wave field."""
        return cortexwave.wavenumber_frequency(self._dataset, **given)

    def measure(self, names: list[str]) -> xr.Dataset:
        """`measure` of a wave field."""
        return cortexwave.measure(self._dataset, names)

    def find(self, **given: Any) -> xr.Dataset:
        """`find_waves` of a wave field."""
        return cortexwave.find_waves(self._dataset, **given)

    def plane(self) -> xr.Dataset:
        """`plane_wave` of a wave field."""
        return cortexwave.plane_wave(self._dataset)
