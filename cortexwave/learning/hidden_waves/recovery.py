"""The hidden waves of a trained network: the basis in which its state is a history.

h - h* = Psi x with x the vectors at the sites, so that W_hh = Psi Phi Psi^+ and Phi is
a shift with a boundary (Karuvally, Sejnowski & Siegelmann 2024, arXiv 2402.10163).
Psi is grounded on the readout or on the input (`grounding`), and a verdict says whether
to trust what came out.

Every grounding makes the shift true by construction, even for a random matrix: only
what the boundary reads (`readout`: the rows of the newest site, else the columns of the
oldest entries kept) can agree or disagree with a theory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.agreement import Agreement, agree
from cortexwave.learning.hidden_waves.fixed_point import (
    Linearisation,
    find_fixed_point,
    linearise,
)
from cortexwave.learning.hidden_waves.grounding import (
    Ground,
    Grounded,
    condition_of,
    from_input,
    from_pseudoinverse,
    from_readout,
    persistent_part,
)
from cortexwave.learning.hidden_waves.histories import check_size, checked_blocks
from cortexwave.learning.hidden_waves.needed import kept_by_lags, read_lags
from cortexwave.learning.hidden_waves.one_step import (
    OneStep,
    matrices_step,
    network_step,
)
from cortexwave.learning.hidden_waves.spectrum import (
    Comparison,
    companion,
    compare_spectra,
    eigenvalues,
)
from cortexwave.learning.hidden_waves.verdict import Evidence, reasons_against
from cortexwave.learning.sequence_reference import Activation


@dataclass(frozen=True)
class Recovered:
    """A basis of hidden waves, entries (site, dim) in the order of the sites.

    `kept` (site, dim) says which entries there are. Psi (state, entry) and `dual`
    (entry, state) hold their directions, Phi (entry, entry) is dual @ A @ Psi. The
    columns of Psi are not scaled: contents are in the units of the answers.
    `condition` is that of Psi with columns of length 1; `leak` (dim,) which share
    (of squares) of what the boundary reads or sends lies outside the basis, NaN for a
    dim without entries; `persistent` counts the eigenvalues beyond `radius`.
    `agreement` and `comparison` with a theory are None without one. `reasons` not to
    trust the basis are none if it can be.
    """

    dims: int
    sites: int
    ground: Ground
    radius: float
    kept: np.ndarray
    Psi: np.ndarray
    dual: np.ndarray
    Phi: np.ndarray
    linearisation: Linearisation
    eigenvalues: np.ndarray
    persistent: int
    condition: float
    leak: np.ndarray
    theory: np.ndarray | None
    agreement: Agreement | None
    comparison: Comparison | None
    reasons: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the basis."""
        return not self.reasons

    @property
    def verdict(self) -> str:
        """One line for a table or a figure."""
        if self.trusted:
            return "nothing speaks against this basis"
        return "do not trust this basis: " + "; ".join(self.reasons)


def recover(
    W_hh: ArrayLike, W_r: ArrayLike, *, sites: int, dims: int, activation: Activation,
    W_uh: ArrayLike | None = None, bias: ArrayLike | None = None,
    fixed_point: ArrayLike | None = None, lags: Sequence[int] | None = None,
    theory: np.ndarray | None = None, ground: Ground = "readout", radius: float = 0.9,
) -> Recovered:  # fmt: skip
    """The hidden waves of h' = f(W_hh h + W_uh u + bias), y = W_r h'.

    W_hh (state, state), W_r (dim, state), W_uh (state, dim). See `recover_network`.
    """
    step = matrices_step(W_hh, W_r, W_uh, activation=activation, bias=bias)
    if step.outputs != dims:
        raise InputError(
            f"W_r has {step.outputs} rows for {dims} dims; it reads one answer for each"
        )
    return recover_network(
        step, sites=sites, fixed_point=fixed_point, lags=lags, theory=theory,
        ground=ground, radius=radius,
    )  # fmt: skip


def recover_network(
    network: nn.Module | OneStep, *, sites: int, readout: ArrayLike | None = None,
    fixed_point: ArrayLike | None = None, starts: ArrayLike | None = None,
    lags: Sequence[int] | None = None, theory: np.ndarray | None = None,
    ground: Ground = "readout", radius: float = 0.9,
) -> Recovered:  # fmt: skip
    """The hidden waves of a network about a fixed point.

    `fixed_point` (state,) is sought from `starts` (start, state) if not given. `lags`
    (dim,) are the greatest at which each dim is read: older entries are left out (the
    rank reduction); without them they follow from `theory`, the blocks B (site, dim,
    dim) the network is to be compared with, or are `sites` for every dim. `radius`
    parts the eigenvalues that persist from those that fade.

    Raises `InputError` for a readout (or input) of deficient rank, lags that cannot
    be, or a network without any persistent eigenvalue.
    """
    step = (
        network
        if isinstance(network, OneStep)
        else network_step(network, readout=readout)
    )
    check_size(step.outputs, sites)
    kept = _kept(step.outputs, sites, lags, theory)
    _check_ground(step, ground)
    if fixed_point is None:
        linear = find_fixed_point(step, starts=starts)
    else:
        linear = linearise(step, fixed_point)
    basis = _grounded(step, linear, kept, ground, radius)
    spectrum = eigenvalues(linear.A)
    unjudged = Recovered(
        dims=step.outputs, sites=sites, ground=ground, radius=radius, kept=kept,
        Psi=basis.Psi, dual=basis.dual, Phi=basis.dual @ linear.A @ basis.Psi,
        linearisation=linear, eigenvalues=spectrum,
        persistent=int(np.sum(np.abs(spectrum) > radius)),
        condition=condition_of(basis.Psi), leak=basis.leak, theory=theory,
        agreement=None, comparison=None,
    )  # fmt: skip
    return _judged(unjudged)


def _kept(
    dims: int, sites: int, lags: Sequence[int] | None, theory: np.ndarray | None
) -> np.ndarray:
    if lags is not None and any(lag == 0 for lag in lags):
        raise InputError(
            f"lags {list(lags)}: a lag is 1 to {sites} (sites); that a dim is never "
            "read is taken from a theory alone"
        )
    if theory is not None:
        shape = checked_blocks(theory).shape
        if shape != (sites, dims, dims):
            raise InputError(
                f"the theory's B is {shape}; for {sites} sites and a network of "
                f"{dims} answers it is {(sites, dims, dims)}"
            )
        lags = read_lags(theory) if lags is None else lags
    lags = (sites,) * dims if lags is None else tuple(lags)
    if len(lags) != dims:
        raise InputError(f"there are {len(lags)} lags for {dims} dims, one for each")
    return kept_by_lags(lags, sites=sites)


def _check_ground(step: OneStep, ground: Ground) -> None:
    if ground not in get_args(Ground):
        raise InputError(f"ground is {ground!r}, not one of {get_args(Ground)}")
    if ground != "input":
        _check_rank(step.readout.numpy(), "readout", "input")
    elif step.inputs != step.outputs:
        raise InputError(
            f"the network has {step.inputs} inputs for {step.outputs} dims; ground "
            "'input' needs one for each (with matrices: give W_uh)"
        )


def _grounded(
    step: OneStep,
    linear: Linearisation,
    kept: np.ndarray,
    ground: Ground,
    radius: float,
) -> Grounded:
    C = step.readout.numpy()
    if ground == "pseudoinverse":
        return from_pseudoinverse(C, linear.A, kept)
    part = persistent_part(linear.A, radius)
    if ground == "readout":
        return from_readout(C, part, kept)
    _check_rank(linear.inputs.T, "input", "readout")
    return from_input(linear.inputs, linear.A, part, kept)


def _check_rank(rows: np.ndarray, name: str, other: str) -> None:
    rank = int(np.linalg.matrix_rank(rows))
    if rank < len(rows):
        raise InputError(
            f"the {name} has rank {rank} for {len(rows)} dims: {len(rows) - rank} of "
            "them are combinations of the others and their waves cannot be told "
            f"apart; leave those dims out, train the {name} further, or ground the "
            f"basis on the {other} (ground='{other}')"
        )


def _judged(found: Recovered) -> Recovered:
    agreement = comparison = None
    due = int(found.kept.sum())
    if found.theory is not None:
        operator = companion(checked_blocks(found.theory))
        entries = np.flatnonzero(found.kept)
        expected = eigenvalues(operator)
        due = int(np.sum(np.abs(expected) > found.radius))
        comparison = compare_spectra(expected, found.eigenvalues, radius=found.radius)
        agreement = agree(
            found.Phi, operator[np.ix_(entries, entries)], kept=found.kept,
            free="rows" if found.ground == "readout" else "columns",
        )  # fmt: skip
    evidence = Evidence(
        residual=found.linearisation.residual, kinked=found.linearisation.kinked,
        persistent=found.persistent, due=due, units=len(found.eigenvalues),
        radius=found.radius,
        condition=found.condition, leak=found.leak, agreement=agreement,
        comparison=comparison,
    )  # fmt: skip
    return replace(
        found, agreement=agreement, comparison=comparison,
        reasons=reasons_against(evidence),
    )  # fmt: skip
