"""Working memory as waves on a lattice with a boundary (Karuvally et al. 2024).

The names to use, loaded when first used: documents name tasks of this room, and must
not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Basis": "basis",
    "FunctionBoundary": "boundary",
    "HistorySystem": "systems",
    "LinearBoundary": "boundary",
    "SelfAttentionBoundary": "attention",
    "SignedCopy": "systems",
    "TASKS": "systems",
    "attention_of": "attention",
    "boundary_of": "boundary",
    "compare_spectra": "spectrum",
    "copying_attention": "attention",
    "cycle_eigenvalues": "spectrum",
    "eigenvalues": "spectrum",
    "export_substrate": "sheet",
    "fibonacci": "systems",
    "hidden_movie": "labelled",
    "linear_gradient": "gradient",
    "linear_system": "systems",
    "memory_gradient": "gradient",
    "operator_dataset": "labelled",
    "polynomial_eigenvalues": "spectrum",
    "random_basis": "basis",
    "random_linear": "systems",
    "recover": "recovery",
    "recover_network": "recovery",
    "register_gradient": "gradient",
    "residual_directions": "labelled",
    "run_substrate": "substrate",
    "score_fixed_decoder": "decoder",
    "signed_copy": "systems",
    "site_contents": "decoder",
    "spectrum_dataset": "labelled",
    "substrate_recording": "recording",
    "uncover": "report",
    "wave_gradient": "gradient",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
