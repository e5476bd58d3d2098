"""Figures, movies and pages of recordings; nothing here is loaded until asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Reference": "wave_distributions",
    "WavePage": "wave_page",
    "draw": "drawing",
    "draw_causal_ladder": "causal_ladder",
    "greatest_difference": "agreement",
    "draw_difference": "figures",
    "draw_frames": "figures",
    "draw_space_time": "figures",
    "draw_traces": "figures",
    "draw_cones": "waves",
    "draw_cross_temporal": "propagator",
    "draw_propagator": "propagator",
    "draw_topographic_shift": "propagator",
    "draw_snapshot_decoding": "waves",
    "draw_velocity_spectrum": "waves",
    "draw_direction_distribution": "wave_distributions",
    "draw_event_masses": "wave_spectra",
    "draw_event_raster": "wave_events",
    "draw_frequency_distribution": "wave_distributions",
    "draw_phase_map": "phase_maps",
    "draw_phase_sequence": "phase_maps",
    "draw_speed_distribution": "wave_distributions",
    "draw_surrogate_test": "wave_spectra",
    "draw_wave_page": "wave_page",
    "draw_wavelength_distribution": "wave_distributions",
    "draw_wavenumber_frequency": "wave_spectra",
    "save_figure": "figures",
    "write_wave_movie": "wave_movie",
    "write_movie": "movie",
    "write_page": "page",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cortexwave.view' has no attribute '{name}'")
    return getattr(import_module(f"cortexwave.view.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
