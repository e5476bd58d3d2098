"""A recovery as labelled data sets: its spectrum, operator, and the movie of contents.

Sites count from 0, the oldest. What was not kept is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.recovery import Recovered
from cortexwave.learning.hidden_waves.spectrum import companion, eigenvalues


@dataclass(frozen=True)
class ResidualDirections:
    """What a basis does not hold of the states of a trajectory.

    `directions` (state, direction) are orthonormal, those of most variance first;
    `shares` (direction,) their parts of the squared length outside the basis;
    `outside` the part of the states' squared length (about h*) that is outside.
    """

    directions: np.ndarray
    shares: np.ndarray
    outside: float


def residual_directions(
    recovered: Recovered, states: np.ndarray, *, count: int = 10
) -> ResidualDirections:
    """Principal components of h - Psi dual h over states (..., state)."""
    away = _checked_states(recovered, states).reshape(-1, len(recovered.Psi))
    away = away - recovered.linearisation.point
    left_over = away - away @ recovered.dual.T @ recovered.Psi.T
    whole = float((left_over**2).sum())
    components = np.linalg.svd(left_over - left_over.mean(0), full_matrices=False)
    found = components.Vh[:count].T
    along = ((left_over @ found) ** 2).sum(axis=0)
    return ResidualDirections(
        directions=found,
        shares=along / whole if whole else np.zeros(found.shape[1]),
        outside=whole / float((away**2).sum()),
    )


def spectrum_dataset(recovered: Recovered) -> xr.Dataset:
    """Eigenvalues of the network and, if there is one, of the theory.

    Variables `real`, `imaginary` (eigenvalue), `theory_real`, `theory_imaginary`
    (theory).
    """
    found = recovered.eigenvalues
    variables: dict[str, Any] = {
        "real": ("eigenvalue", found.real, _ONE),
        "imaginary": ("eigenvalue", found.imag, _ONE),
    }
    attrs = {**_attributes(recovered), "persistent": recovered.persistent}
    if recovered.theory is not None and recovered.comparison is not None:
        expected = eigenvalues(companion(np.asarray(recovered.theory, dtype=float)))
        variables["theory_real"] = ("theory", expected.real, _ONE)
        variables["theory_imaginary"] = ("theory", expected.imag, _ONE)
        attrs |= {
            "theory_count": recovered.comparison.counts[0],
            "network_count": recovered.comparison.counts[1],
            "angle_error": recovered.comparison.angle_error,
            "modulus_error": recovered.comparison.modulus_error,
        }
    return xr.Dataset(variables, attrs=attrs)


def operator_dataset(
    recovered: Recovered, *, residual: ResidualDirections | None = None
) -> xr.Dataset:
    """Phi among all (site, dim), then the residual directions: `Phi` (row, column).

    Row and column count site * dims + dim; `theory` has the same dims and entries, if
    there is one. Residual directions are their own duals.
    """
    entries = np.flatnonzero(recovered.kept)
    size = recovered.kept.size
    Psi, dual = recovered.Psi, recovered.dual
    extra = 0
    if residual is not None:
        extra = residual.directions.shape[1]
        Psi = np.concatenate([Psi, residual.directions], axis=1)
        dual = np.concatenate([dual, residual.directions.T])
        entries = np.concatenate([entries, size + np.arange(extra)])
    whole = np.full((size + extra,) * 2, np.nan)
    whole[np.ix_(entries, entries)] = dual @ recovered.linearisation.A @ Psi
    variables: dict[str, Any] = {"Phi": (("row", "column"), whole, _ONE)}
    attrs: dict[str, Any] = {**_attributes(recovered), "residual_directions": extra}
    if recovered.theory is not None and recovered.agreement is not None:
        due = np.full_like(whole, np.nan)
        held = np.ix_(*(np.flatnonzero(recovered.kept),) * 2)
        due[held] = companion(np.asarray(recovered.theory, dtype=float))[held]
        variables["theory"] = (("row", "column"), due, _ONE)
        attrs |= {
            "same": recovered.agreement.same,
            "free_same": recovered.agreement.free_same,
            "lines": recovered.agreement.lines,
            "lines_same": recovered.agreement.lines_same,
        }
    index = np.arange(size + extra)
    outside = index >= size
    coords = {
        "row": index, "column": index,
        "site": ("row", np.where(outside, -1, index // recovered.dims)),
        "dim": ("row", np.where(outside, index - size, index % recovered.dims)),
    }  # fmt: skip
    return xr.Dataset(variables, coords, attrs)


def hidden_movie(recovered: Recovered, states: np.ndarray) -> xr.Dataset:
    """What states hold at every site: `content` (trial, time, site, dim).

    `states` are (trial, time, state), or (time, state) and then there is no trial;
    contents are in the units of the answers.
    """
    given = _checked_states(recovered, states)
    if given.ndim not in (2, 3):
        raise InputError(
            f"the states are {given.shape}; they are (time, state) or (trial, time, "
            "state)"
        )
    held = (given - recovered.linearisation.point) @ recovered.dual.T
    content = np.full((*given.shape[:-1], recovered.kept.size), np.nan)
    content[..., recovered.kept.ravel()] = held
    content = content.reshape(*given.shape[:-1], recovered.sites, recovered.dims)
    dims = ("trial", "time", "site", "dim")[-content.ndim :]
    coords = {name: np.arange(n) for name, n in zip(dims, content.shape, strict=True)}
    attrs = _attributes(recovered)
    return xr.Dataset({"content": (dims, content, _ONE)}, coords, attrs)


_ONE = {"units": "1"}


def _attributes(recovered: Recovered) -> dict[str, Any]:
    return {
        "sites": recovered.sites, "dims": recovered.dims, "ground": recovered.ground,
        "radius": recovered.radius, "condition": recovered.condition,
        "verdict": recovered.verdict, "trusted": int(recovered.trusted),
        "residual_speed": recovered.linearisation.residual,
    }  # fmt: skip


def _checked_states(recovered: Recovered, states: np.ndarray) -> np.ndarray:
    given = np.asarray(states, dtype=np.float64)
    if given.ndim < 2 or given.shape[-1] != len(recovered.Psi):
        raise InputError(
            f"the states are {given.shape}; a state of this network has "
            f"{len(recovered.Psi)} values"
        )
    if not np.isfinite(given).all():
        raise InputError("the states hold numbers that are not finite")
    return given
