"""Fisher memory: how well a past input stands out of the noise a state gathers.

Of x_{t+1} = A x_t + v u_t + noise, J(k) = v' A'^k C^-1 A^k v, C the covariance that the
noise alone gives the state (Ganguli, Huh & Sompolinsky 2008, PNAS 105:18970). The total
is 1 for every normal operator (a leaky integrator, a wave on a ring) and grows only in
one that is not, such as a wave that leaves at an open end.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.arguments import check_surrogates, check_whole
from cortexwave.memory.driven import Driven, given, refuse_lags
from cortexwave.memory.held_out import standard
from cortexwave.memory.memory_function import LEVEL, patch_coordinates, whitened

_DEPTH = 200  # lags over which the residual's own memory is summed


def fisher_memory(
    operator: np.ndarray, drive: np.ndarray, *, noise: float | np.ndarray, lags: int
) -> xr.Dataset:
    """J(k) of a known operator (site, site), in closed form, and its total over all k.

    `drive` (site,) is what a unit of input adds to the state, or (site, input).
    `noise`: variance of the noise that each site gets per step, or its covariance
    (site, site). Over `input` and `lag`: `fisher`, in 1 / (unit of the input)^2; over
    `input`: `total`, of all lags to infinity, `within`, of those asked for. Raises
    `InputError` for an operator that grows, and where a direction that the input
    reaches has no noise.
    """
    operator = np.asarray(operator, dtype=float)
    drive = np.asarray(drive, dtype=float)
    drive = drive[:, None] if drive.ndim == 1 else drive
    sites = len(operator)
    if operator.shape != (sites, sites) or len(drive) != sites or drive.ndim != 2:
        raise InputError(
            f"the operator is {operator.shape} and the drive {drive.shape}; (site, "
            "site) and (site, input) are due"
        )
    covariance = np.asarray(noise, dtype=float)
    covariance = covariance * np.eye(sites) if covariance.ndim == 0 else covariance
    if covariance.shape != (sites, sites) or np.linalg.eigvalsh(covariance)[0] < 0:
        raise InputError("noise is a variance, or a covariance (site, site) that has "
                         "no negative eigenvalue")  # fmt: skip
    check_whole(lags, "lags", least=1)
    radius = float(np.abs(np.linalg.eigvals(operator)).max())
    if radius >= 1:
        raise InputError(
            f"the operator's greatest |eigenvalue| is {radius:.4g}: its noise grows "
            "without bound; below 1 is due"
        )
    state = _gathered(operator, covariance)
    if np.linalg.cond(state) > 1e14:
        raise InputError(
            "the noise leaves directions of the state free of it, where Fisher memory "
            "has no bound; give every site some"
        )
    inverse = np.linalg.inv(state)
    held, curve = drive, []
    for _ in range(lags):
        curve.append(np.einsum("si,st,ti->i", held, inverse, held))
        held = operator @ held
    whole = _gathered(operator.T, inverse)
    return xr.Dataset(
        {
            "fisher": (("input", "lag"), np.array(curve).T, {"units": "1"}),
            "total": ("input", np.einsum("si,st,ti->i", drive, whole, drive),
                      {"units": "1"}),
            "within": ("input", np.sum(curve, axis=0), {"units": "1"}),
        },
        {"lag": ("lag", np.arange(lags), {"units": "1"}),
         "input": np.arange(drive.shape[1])},
        {"measure": "fisher_memory", "sites": sites, "lags": lags, "radius": radius,
         "noise": float(np.trace(covariance) / sites), "reason": ""},
    )  # fmt: skip


def fisher_memory_from_data(
    states: xr.Dataset | Driven,
    *,
    variable: str | None = None,
    lags: int,
    blocks: int = 20,
    components: int = 50,
    surrogates: int = 99,
    seed: int,
) -> xr.Dataset:
    """J(k) of a driven recording, cross-validated: around 0 where nothing is held.

    Each of `blocks` stretches gives its own response h_k of the states to a unit of
    drive k values ago; J(k) is h_k' C^-1 h_k of two different stretches, the mean of
    all pairs, so that no stretch's error is squared. C is what the responses leave, its
    covariance shrunk (Ledoit & Wolf 2004), the inverse corrected by (n - N - 1) / n
    with n the independent values there are. `lags` must cover the response: what is
    older counts as noise. More than `components` sites are replaced by as many
    principal components, which can only lower J.

    Over `patch`, `lag` (`age` in s): `fisher`, in 1 / (standard deviation of the
    drive)^2, `low`, `high` (95 %, jackknife over stretches), `p` by shifts of the
    drive, of the largest of all lags and patches; over `patch`: `total`, with
    `total_low`, `total_high`; `threshold`. `freedom` is n.
    """
    from scipy.stats import t as students

    driven = given(states, variable)
    refuse_lags(driven, lags)
    check_surrogates(surrogates, seed)
    unknowns = lags * driven.patches + 1
    rows = driven.rows(lags - 1)
    different = rows // driven.copies
    if blocks < 4 or different < 2 * unknowns * blocks:
        raise InputError(
            f"{different} different values of the drive in {blocks} stretches; a "
            f"response to {lags} lags of {driven.patches} patches needs {2 * unknowns} "
            "in each of 4 stretches or more: run longer, or ask for fewer lags or "
            "stretches"
        )
    drive, white = whitened(driven.drive, lags)
    # by time, then trial, where trials show one drive: stretches are of other values
    frozen = driven.copies > 1
    values = driven.states[:, lags - 1 :]
    flat = (values.swapaxes(0, 1) if frozen else values).reshape(-1, driven.sites)
    if driven.sites > components:
        flat = flat @ np.linalg.eigh(np.cov(flat.T))[1][:, -components:]
    parts = np.array_split(np.arange(rows), blocks)
    sites = flat.shape[1]
    fitted, residual = _responses(flat, _history(drive, lags, frozen=frozen), parts)
    left = rows - blocks * unknowns
    freedom = _freedom(residual, left)
    reason = "" if freedom > sites + 2 else (
        f"the residuals hold {freedom:.0f} independent values for {sites} sites; more "
        f"than {sites + 2} are needed: run longer or ask for fewer components"
    )  # fmt: skip
    inverse = (
        _inverse(residual, left, freedom) if not reason
        else np.full((sites, sites), np.nan)
    )  # fmt: skip
    curve = _pairs(fitted, inverse)  # (lag and patch,)
    left_out = np.array([_pairs(np.delete(fitted, b, axis=0), inverse)
                         for b in range(blocks)])  # fmt: skip
    wide = float(students.ppf((1 + LEVEL) / 2, blocks - 1))

    def shaped(each: np.ndarray) -> np.ndarray:
        return np.moveaxis(each.reshape(*each.shape[:-1], lags, -1), -1, -2)

    draw = np.random.default_rng(seed)
    first, last = 2 * lags, drive.shape[1] - lags
    shifts = draw.choice(np.arange(first, last), min(surrogates, last - first),
                         replace=False)  # fmt: skip
    null = np.array([
        _pairs(_responses(
            flat, _history(np.roll(drive, int(s), axis=1), lags, frozen=frozen), parts
        )[0], inverse).max()
        for s in shifts
    ]) if not reason else np.array([np.nan])  # fmt: skip
    p = (1 + (null[:, None] >= curve).sum(axis=0)) / (1 + len(null))
    total, totals = shaped(curve).sum(axis=-1), shaped(left_out).sum(axis=-1)
    error, total_error = (wide * _jackknife(each) for each in (left_out, totals))
    per_lag = {"fisher": curve, "low": curve - error, "high": curve + error,
               "p": p if not reason else np.full(curve.shape, np.nan)}  # fmt: skip
    per_patch = {"total": total, "total_low": total - total_error,
                 "total_high": total + total_error}  # fmt: skip
    return xr.Dataset(
        {
            **{name: (("patch", "lag"), shaped(each), {"units": "1"})
               for name, each in per_lag.items()},
            **{name: ("patch", each, {"units": "1"})
               for name, each in per_patch.items()},
            "threshold": ((), float(np.quantile(null, LEVEL)), {"units": "1"}),
            "freedom": ((), freedom, {"units": "1"}),
        },
        {"lag": ("lag", np.arange(lags), {"units": "1"}),
         "age": ("lag", np.arange(lags) * driven.tick, {"units": "s"}),
         **patch_coordinates(driven)},
        {"measure": "fisher_memory_from_data", **driven.attributes, "lags": lags,
         "blocks": blocks, "components": sites, "surrogates": len(shifts),
         "seed": seed, "white": int(white), "values": rows, "reason": reason},
    )  # fmt: skip


def _gathered(operator: np.ndarray, added: np.ndarray) -> np.ndarray:
    """sum_k A^k Q A'^k, by doubling: each turn squares the operator."""
    total, power = added.copy(), operator.copy()
    for _ in range(200):  # 2^200 steps: a radius below 1 in floats has died out
        more = power @ total @ power.T
        total = total + more
        power = power @ power
        if np.abs(more).max() <= 1e-17 * np.abs(total).max():
            break
    return np.asarray((total + total.T) / 2)


def _history(drive: np.ndarray, lags: int, *, frozen: bool) -> np.ndarray:
    """The drive at each lag: (row, lag and patch), rows from lags - 1 on.

    By trial, then time; the other way round where the drive is `frozen`.
    """
    length = drive.shape[1]
    past = [drive[:, lags - 1 - k : length - k] for k in range(lags)]
    rows = np.stack(past, axis=2)
    rows = rows.swapaxes(0, 1) if frozen else rows
    return rows.reshape(-1, lags * drive.shape[2])


def _responses(
    flat: np.ndarray, history: np.ndarray, parts: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Responses (stretch, lag and patch, site) and what they leave (row, site)."""
    found, left = [], []
    for part in parts:
        inputs = np.column_stack([history[part], np.ones(part.size)])
        answer = np.linalg.lstsq(inputs, flat[part], rcond=None)[0]
        found.append(answer[:-1])
        left.append(flat[part] - inputs @ answer)
    return np.array(found), np.concatenate(left)


def _freedom(residual: np.ndarray, most: int) -> float:
    """Independent values in residuals that remember: n / (1 + 2 sum rho^2)."""
    values = standard(residual)
    depth = min(_DEPTH, len(values) // 4)
    squares = [np.mean(np.mean(values[k:] * values[:-k], axis=0) ** 2)
               for k in range(1, depth)]  # fmt: skip
    beyond = np.array(squares) - 1 / len(values)  # what chance alone gives
    return float(max(1.0, most / (1 + 2 * beyond.clip(0.0).sum())))


def _inverse(residual: np.ndarray, left: int, freedom: float) -> np.ndarray:
    """Inverse covariance of residuals of which the responses left `left` free rows."""
    from sklearn.covariance import ledoit_wolf

    covariance = ledoit_wolf(residual, assume_centered=True)[0] * len(residual) / left
    sites = len(covariance)
    return np.asarray(np.linalg.inv(covariance) * (freedom - sites - 1) / freedom)


def _pairs(responses: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Mean over pairs of different stretches of h' C^-1 h, (lag and patch,)."""
    count = len(responses)
    total = responses.sum(axis=0)
    all_pairs = np.einsum("ks,st,kt->k", total, inverse, total, optimize=True)
    with_self = np.einsum("bks,st,bkt->k", responses, inverse, responses, optimize=True)
    return np.asarray((all_pairs - with_self) / (count * (count - 1)))


def _jackknife(left_out: np.ndarray) -> np.ndarray:
    """Standard error from the estimates without each stretch, along axis 0."""
    count = len(left_out)
    change = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((count - 1) / count * np.sum(change**2, axis=0)))
