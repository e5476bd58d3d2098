"""cortexwave: a cortical sheet described once, simulated, recorded, compared.

The public names, loaded when first used: `import cortexwave as cw` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cortexwave.analysis.aliasing import check_sampling as check_sampling
    from cortexwave.analysis.analyses import Analysis as Analysis
    from cortexwave.analysis.analyses import open_waves as open_waves
    from cortexwave.analysis.analysing import analyse as analyse
    from cortexwave.analysis.cluster_permutation import (
        cluster_permutation as cluster_permutation,
    )
    from cortexwave.analysis.coherence import (
        correlation_distance as correlation_distance,
    )
    from cortexwave.analysis.critical_points import critical_points as critical_points
    from cortexwave.analysis.critical_points import (
        phase_singularities as phase_singularities,
    )
    from cortexwave.analysis.decimation import decimation_test as decimation_test
    from cortexwave.analysis.dispersion import dispersion as dispersion
    from cortexwave.analysis.electrode_lattice import on_lattice as on_lattice
    from cortexwave.analysis.events import find_waves as find_waves
    from cortexwave.analysis.filters import band_pass as band_pass
    from cortexwave.analysis.flow import normal_flow as normal_flow
    from cortexwave.analysis.flow import robust_flow as robust_flow
    from cortexwave.analysis.flow_modes import flow_modes as flow_modes
    from cortexwave.analysis.gradient import phase_gradient as phase_gradient
    from cortexwave.analysis.lags import lag_velocity as lag_velocity
    from cortexwave.analysis.line_noise import line_noise as line_noise
    from cortexwave.analysis.line_noise import remove_line_noise as remove_line_noise
    from cortexwave.analysis.local_measures import curl_map as curl_map
    from cortexwave.analysis.local_measures import divergence_map as divergence_map
    from cortexwave.analysis.measures import MEASURES as MEASURES
    from cortexwave.analysis.measures import measure as measure
    from cortexwave.analysis.net_lags import net_lags as net_lags
    from cortexwave.analysis.notches import notch as notch
    from cortexwave.analysis.nulls import surrogate as surrogate
    from cortexwave.analysis.plane_fit import plane_wave as plane_wave
    from cortexwave.analysis.referencing import rereference as rereference
    from cortexwave.analysis.separability import separability as separability
    from cortexwave.analysis.source_measures import rho_threshold as rho_threshold
    from cortexwave.analysis.stimulus_locked import (
        stimulus_locked_lags as stimulus_locked_lags,
    )
    from cortexwave.analysis.velocity import space_time_spectrum as space_time_spectrum
    from cortexwave.analysis.velocity import velocity_spectrum as velocity_spectrum
    from cortexwave.analysis.wave_fields import wave_field as wave_field
    from cortexwave.analysis.wavefronts import wavefronts as wavefronts
    from cortexwave.analysis.wavenumber_spectrum import (
        directional_power as directional_power,
    )
    from cortexwave.analysis.wavenumber_spectrum import radial_power as radial_power
    from cortexwave.analysis.wavenumber_spectrum import velocity_lines as velocity_lines
    from cortexwave.analysis.wavenumber_spectrum import (
        wavenumber_frequency as wavenumber_frequency,
    )
    from cortexwave.comparison.comparing import compare as compare
    from cortexwave.comparison.comparing import compare_study as compare_study
    from cortexwave.comparison.cost import thorough_cost as thorough_cost
    from cortexwave.comparison.permutation import (
        session_permutation as session_permutation,
    )
    from cortexwave.comparison.published_bands import reference_bands as reference_bands
    from cortexwave.comparison.recovery import model_recovery as model_recovery
    from cortexwave.comparison.reporting import write_report as write_report
    from cortexwave.comparison.resampling import (
        hierarchical_bootstrap as hierarchical_bootstrap,
    )
    from cortexwave.comparison.rival_formats import rival_formats as rival_formats
    from cortexwave.comparison.study_document import Study as Study
    from cortexwave.comparison.study_document import load_study as load_study
    from cortexwave.comparison.study_document import parse_study as parse_study
    from cortexwave.lab.amplifier import Amplifier as Amplifier
    from cortexwave.lab.array_drawing import geometry_text as geometry_text
    from cortexwave.lab.array_maps import electrode_map as electrode_map
    from cortexwave.lab.digital_events import read_codes as read_codes
    from cortexwave.lab.electrodes import Electrodes as Electrodes
    from cortexwave.lab.electrodes import electrodes_at as electrodes_at
    from cortexwave.lab.grids import to_channels as to_channels
    from cortexwave.lab.grids import to_grid as to_grid
    from cortexwave.lab.importing import import_recording as import_recording
    from cortexwave.lab.marker_channels import corrected_onsets as corrected_onsets
    from cortexwave.lab.noise import Correlation as Correlation
    from cortexwave.lab.noise import Noise as Noise
    from cortexwave.lab.noise import correlation_of as correlation_of
    from cortexwave.lab.noise import spectrum_of as spectrum_of
    from cortexwave.lab.observing import observe as observe
    from cortexwave.lab.quality import channel_quality as channel_quality
    from cortexwave.lab.reading import ReaderOptions as ReaderOptions
    from cortexwave.lab.reading import read_lab as read_lab
    from cortexwave.lab.sorted_units import sorted_units as sorted_units
    from cortexwave.lab.sources import Term as Term
    from cortexwave.learning.building import build_network as build_network
    from cortexwave.learning.hidden_states import hidden_recording as hidden_recording
    from cortexwave.learning.hidden_states import read_out as read_out
    from cortexwave.learning.hidden_states import save_hidden as save_hidden
    from cortexwave.learning.sequence_op import run_sequence as run_sequence
    from cortexwave.learning.sheets import export_sheet as export_sheet
    from cortexwave.learning.training import load_network as load_network
    from cortexwave.learning.training import resume_training as resume_training
    from cortexwave.learning.training import train as train
    from cortexwave.learning.training_document import Training as Training
    from cortexwave.learning.training_document import load_training as load_training
    from cortexwave.learning.training_document import parse_training as parse_training
    from cortexwave.learning.weights_file import load_weights as load_weights
    from cortexwave.memory.alignment import (
        shift_aligned_generalisation as shift_aligned_generalisation,
    )
    from cortexwave.memory.causal_ladder import causal_ladder as causal_ladder
    from cortexwave.memory.causal_ladder import relabelled as relabelled
    from cortexwave.memory.controls import decoding_controls as decoding_controls
    from cortexwave.memory.covariates import covariates_of as covariates_of
    from cortexwave.memory.cross_temporal import cross_temporal as cross_temporal
    from cortexwave.memory.driven import driven_from as driven_from
    from cortexwave.memory.elapsed_time import (
        decode_elapsed_time as decode_elapsed_time,
    )
    from cortexwave.memory.features import features as features
    from cortexwave.memory.features import phasor_trials as phasor_trials
    from cortexwave.memory.features import phasors as phasors
    from cortexwave.memory.features import wave_trials as wave_trials
    from cortexwave.memory.fisher_memory import fisher_memory as fisher_memory
    from cortexwave.memory.fisher_memory import (
        fisher_memory_from_data as fisher_memory_from_data,
    )
    from cortexwave.memory.generalisation import (
        temporal_generalisation as temporal_generalisation,
    )
    from cortexwave.memory.identity import decode_identity as decode_identity
    from cortexwave.memory.intervals import decode_interval as decode_interval
    from cortexwave.memory.joint_information import (
        joint_information as joint_information,
    )
    from cortexwave.memory.lag_position import lag_position as lag_position
    from cortexwave.memory.measuring import open_memory as open_memory
    from cortexwave.memory.memory_function import memory_function as memory_function
    from cortexwave.memory.mode_share import wave_mode_share as wave_mode_share
    from cortexwave.memory.past_decoder import decode_order as decode_order
    from cortexwave.memory.past_decoder import decode_past as decode_past
    from cortexwave.memory.processing_capacity import (
        processing_capacity as processing_capacity,
    )
    from cortexwave.memory.propagator import propagator as propagator
    from cortexwave.memory.propagator import rank_errors as rank_errors
    from cortexwave.memory.ringing import filter_control as filter_control
    from cortexwave.memory.sequence_items import sequence_items as sequence_items
    from cortexwave.memory.sequences import sequence_readout as sequence_readout
    from cortexwave.memory.site_phase import phase_at_site as phase_at_site
    from cortexwave.memory.site_subsets import accuracy_by_sites as accuracy_by_sites
    from cortexwave.memory.snapshot import past_from_snapshot as past_from_snapshot
    from cortexwave.memory.strength_contrast import (
        information_by_wave_strength as information_by_wave_strength,
    )
    from cortexwave.memory.topographic import topographic_shift as topographic_shift
    from cortexwave.memory.trials import trials_from as trials_from
    from cortexwave.memory.trials import trials_of as trials_of
    from cortexwave.memory.verdict import format_of as format_of
    from cortexwave.models import model as model
    from cortexwave.models import model_names as model_names
    from cortexwave.preparation import prepare as prepare
    from cortexwave.protocol.document import Protocol as Protocol
    from cortexwave.protocol.document import load_protocol as load_protocol
    from cortexwave.protocol.document import parse_protocol as parse_protocol
    from cortexwave.recording.cutting import epochs as epochs
    from cortexwave.recording.description import describe as describe
    from cortexwave.recording.export import export_events_csv as export_events_csv
    from cortexwave.recording.export import export_nwb as export_nwb
    from cortexwave.recording.mat_file import export_matlab as export_matlab
    from cortexwave.recording.nwb_session import Session as Session
    from cortexwave.recording.nwb_session import Subject as Subject
    from cortexwave.recording.reader import open_recording as open_recording
    from cortexwave.recording.recovery import recover as recover
    from cortexwave.recording.saving import save_recording as save_recording
    from cortexwave.recording.unit_table import open_units as open_units
    from cortexwave.recording.unit_table import spike_times as spike_times
    from cortexwave.schema import drive as drive
    from cortexwave.schema import events as events
    from cortexwave.sheet.lattice import Lattice as Lattice
    from cortexwave.sheet.spec import ModelSpec as ModelSpec
    from cortexwave.simulation import resume as resume
    from cortexwave.simulation import run as run
    from cortexwave.simulation import simulate as simulate

_HOME = {
    "Amplifier": "lab.amplifier",
    "Analysis": "analysis.analyses",
    "Correlation": "lab.noise",
    "Electrodes": "lab.electrodes",
    "Lattice": "sheet.lattice",
    "MEASURES": "analysis.measures",
    "ModelSpec": "sheet.spec",
    "Noise": "lab.noise",
    "Protocol": "protocol.document",
    "ReaderOptions": "lab.reading",
    "Session": "recording.nwb_session",
    "Study": "comparison.study_document",
    "Subject": "recording.nwb_session",
    "Term": "lab.sources",
    "Training": "learning.training_document",
    "accuracy_by_sites": "memory.site_subsets",
    "analyse": "analysis.analysing",
    "band_pass": "analysis.filters",
    "build_network": "learning.building",
    "causal_ladder": "memory.causal_ladder",
    "channel_quality": "lab.quality",
    "check_sampling": "analysis.aliasing",
    "cluster_permutation": "analysis.cluster_permutation",
    "compare": "comparison.comparing",
    "compare_study": "comparison.comparing",
    "corrected_onsets": "lab.marker_channels",
    "correlation_distance": "analysis.coherence",
    "correlation_of": "lab.noise",
    "covariates_of": "memory.covariates",
    "critical_points": "analysis.critical_points",
    "cross_temporal": "memory.cross_temporal",
    "curl_map": "analysis.local_measures",
    "decimation_test": "analysis.decimation",
    "decode_elapsed_time": "memory.elapsed_time",
    "decode_identity": "memory.identity",
    "decode_interval": "memory.intervals",
    "decode_order": "memory.past_decoder",
    "decode_past": "memory.past_decoder",
    "decoding_controls": "memory.controls",
    "describe": "recording.description",
    "directional_power": "analysis.wavenumber_spectrum",
    "dispersion": "analysis.dispersion",
    "divergence_map": "analysis.local_measures",
    "drive": "schema",
    "driven_from": "memory.driven",
    "electrode_map": "lab.array_maps",
    "electrodes_at": "lab.electrodes",
    "epochs": "recording.cutting",
    "events": "schema",
    "export_events_csv": "recording.export",
    "export_matlab": "recording.mat_file",
    "export_nwb": "recording.export",
    "export_sheet": "learning.sheets",
    "features": "memory.features",
    "filter_control": "memory.ringing",
    "find_waves": "analysis.events",
    "fisher_memory": "memory.fisher_memory",
    "fisher_memory_from_data": "memory.fisher_memory",
    "flow_modes": "analysis.flow_modes",
    "format_of": "memory.verdict",
    "geometry_text": "lab.array_drawing",
    "hidden_recording": "learning.hidden_states",
    "hierarchical_bootstrap": "comparison.resampling",
    "import_recording": "lab.importing",
    "information_by_wave_strength": "memory.strength_contrast",
    "joint_information": "memory.joint_information",
    "lag_position": "memory.lag_position",
    "lag_velocity": "analysis.lags",
    "line_noise": "analysis.line_noise",
    "load_network": "learning.training",
    "load_protocol": "protocol.document",
    "load_study": "comparison.study_document",
    "load_training": "learning.training_document",
    "load_weights": "learning.weights_file",
    "measure": "analysis.measures",
    "memory_function": "memory.memory_function",
    "model": "models",
    "model_names": "models",
    "model_recovery": "comparison.recovery",
    "net_lags": "analysis.net_lags",
    "normal_flow": "analysis.flow",
    "notch": "analysis.notches",
    "observe": "lab.observing",
    "on_lattice": "analysis.electrode_lattice",
    "open_memory": "memory.measuring",
    "open_recording": "recording.reader",
    "open_units": "recording.unit_table",
    "open_waves": "analysis.analyses",
    "parse_protocol": "protocol.document",
    "parse_study": "comparison.study_document",
    "parse_training": "learning.training_document",
    "past_from_snapshot": "memory.snapshot",
    "phase_at_site": "memory.site_phase",
    "phase_gradient": "analysis.gradient",
    "phase_singularities": "analysis.critical_points",
    "phasor_trials": "memory.features",
    "phasors": "memory.features",
    "plane_wave": "analysis.plane_fit",
    "prepare": "preparation",
    "processing_capacity": "memory.processing_capacity",
    "propagator": "memory.propagator",
    "radial_power": "analysis.wavenumber_spectrum",
    "rank_errors": "memory.propagator",
    "read_codes": "lab.digital_events",
    "read_lab": "lab.reading",
    "read_out": "learning.hidden_states",
    "recover": "recording.recovery",
    "reference_bands": "comparison.published_bands",
    "relabelled": "memory.causal_ladder",
    "remove_line_noise": "analysis.line_noise",
    "rereference": "analysis.referencing",
    "resume": "simulation",
    "resume_training": "learning.training",
    "rho_threshold": "analysis.source_measures",
    "rival_formats": "comparison.rival_formats",
    "robust_flow": "analysis.flow",
    "run": "simulation",
    "run_sequence": "learning.sequence_op",
    "save_hidden": "learning.hidden_states",
    "save_recording": "recording.saving",
    "separability": "analysis.separability",
    "sequence_items": "memory.sequence_items",
    "sequence_readout": "memory.sequences",
    "session_permutation": "comparison.permutation",
    "shift_aligned_generalisation": "memory.alignment",
    "simulate": "simulation",
    "sorted_units": "lab.sorted_units",
    "space_time_spectrum": "analysis.velocity",
    "spectrum_of": "lab.noise",
    "spike_times": "recording.unit_table",
    "stimulus_locked_lags": "analysis.stimulus_locked",
    "surrogate": "analysis.nulls",
    "temporal_generalisation": "memory.generalisation",
    "thorough_cost": "comparison.cost",
    "to_channels": "lab.grids",
    "to_grid": "lab.grids",
    "topographic_shift": "memory.topographic",
    "train": "learning.training",
    "trials_from": "memory.trials",
    "trials_of": "memory.trials",
    "velocity_lines": "analysis.wavenumber_spectrum",
    "velocity_spectrum": "analysis.velocity",
    "wave_field": "analysis.wave_fields",
    "wave_mode_share": "memory.mode_share",
    "wave_trials": "memory.features",
    "wavefronts": "analysis.wavefronts",
    "wavenumber_frequency": "analysis.wavenumber_spectrum",
    "write_report": "comparison.reporting",
}
_ROOMS = ("synthetic", "view")  # used by their own names
__all__ = sorted([*_HOME, *_ROOMS])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from cortexwave.provenance import package_version

        return package_version()
    if name in _ROOMS:
        return importlib.import_module(f"cortexwave.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'cortexwave' has no attribute '{name}'")
    importlib.import_module("cortexwave.accessor")  # `recording.wave`
    module = importlib.import_module(f"cortexwave.{_HOME[name]}")
    value = getattr(module, name)
    globals()[name] = value  # so that a submodule of the same name does not hide it
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
