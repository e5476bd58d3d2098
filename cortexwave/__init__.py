"""cortexwave: a cortical sheet described once, simulated, recorded, compared.

The public names, loaded when first used: `import cortexwave as cw` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cortexwave.analysis.lags import lag_velocity as lag_velocity
    from cortexwave.analysis.velocity import space_time_spectrum as space_time_spectrum
    from cortexwave.analysis.velocity import velocity_spectrum as velocity_spectrum
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
    from cortexwave.learning.weights import load_weights as load_weights
    from cortexwave.memory.cross_temporal import cross_temporal as cross_temporal
    from cortexwave.memory.past_decoder import decode_order as decode_order
    from cortexwave.memory.past_decoder import decode_past as decode_past
    from cortexwave.memory.propagator import propagator as propagator
    from cortexwave.memory.propagator import rank_errors as rank_errors
    from cortexwave.memory.snapshot import past_from_snapshot as past_from_snapshot
    from cortexwave.memory.topographic import topographic_shift as topographic_shift
    from cortexwave.models import model as model
    from cortexwave.models import model_names as model_names
    from cortexwave.preparation import prepare as prepare
    from cortexwave.protocol.document import Protocol as Protocol
    from cortexwave.protocol.loading import load_protocol as load_protocol
    from cortexwave.protocol.loading import parse_protocol as parse_protocol
    from cortexwave.recording.cutting import epochs as epochs
    from cortexwave.recording.description import describe as describe
    from cortexwave.recording.reader import open_recording as open_recording
    from cortexwave.recording.recovery import recover as recover
    from cortexwave.schema import drive as drive
    from cortexwave.schema import events as events
    from cortexwave.sheet.lattice import Lattice as Lattice
    from cortexwave.sheet.spec import ModelSpec as ModelSpec
    from cortexwave.simulation import resume as resume
    from cortexwave.simulation import run as run
    from cortexwave.simulation import simulate as simulate

_HOME = {
    "Lattice": "sheet.lattice",
    "ModelSpec": "sheet.spec",
    "Protocol": "protocol.document",
    "Training": "learning.training_document",
    "build_network": "learning.building",
    "cross_temporal": "memory.cross_temporal",
    "decode_order": "memory.past_decoder",
    "decode_past": "memory.past_decoder",
    "describe": "recording.description",
    "drive": "schema",
    "epochs": "recording.cutting",
    "events": "schema",
    "export_sheet": "learning.sheets",
    "hidden_recording": "learning.hidden_states",
    "lag_velocity": "analysis.lags",
    "load_network": "learning.training",
    "load_protocol": "protocol.loading",
    "load_training": "learning.training_document",
    "load_weights": "learning.weights",
    "model": "models",
    "model_names": "models",
    "open_recording": "recording.reader",
    "parse_protocol": "protocol.loading",
    "parse_training": "learning.training_document",
    "past_from_snapshot": "memory.snapshot",
    "prepare": "preparation",
    "propagator": "memory.propagator",
    "rank_errors": "memory.propagator",
    "read_out": "learning.hidden_states",
    "recover": "recording.recovery",
    "resume": "simulation",
    "resume_training": "learning.training",
    "run": "simulation",
    "run_sequence": "learning.sequence_op",
    "save_hidden": "learning.hidden_states",
    "simulate": "simulation",
    "space_time_spectrum": "analysis.velocity",
    "topographic_shift": "memory.topographic",
    "train": "learning.training",
    "velocity_spectrum": "analysis.velocity",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from cortexwave.provenance import package_version

        return package_version()
    if name not in _HOME:
        raise AttributeError(f"module 'cortexwave' has no attribute '{name}'")
    module = importlib.import_module(f"cortexwave.{_HOME[name]}")
    value = getattr(module, name)
    globals()[name] = value  # so that a submodule of the same name does not hide it
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
