"""The past read from one frame: when and on which channel each input came.

Two readings of a single snapshot of a hidden field. The closed form holds where the
field is a shift register: an input that entered at site x0 at time s stands at time t
at x0 + v (t - s), so that its place gives its onset and its feature the channel
(Keller et al. 2024, figure 1). The fitted decoder makes no such assumption: a linear
map from the frame to the symbol of k steps ago, tested on sequences it has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.stats import norm
from sklearn.model_selection import KFold

from cortexwave import schema
from cortexwave.errors import InputError

_RIDGES = np.logspace(-6, 4, 11)  # in units of the mean variance of the features


def past_from_snapshot(
    recording: xr.Dataset,
    *,
    variable: str,
    time: float,
    velocity: float,
    entry: float,
    threshold: float,
    amplitude: float,
    periodic: bool,
) -> xr.Dataset:
    """Onset (s) and channel of each past input that the frame at `time` still shows.

    The field has dims (feature, x) at its one row; `velocity` in mm/s, positive
    towards +x; `entry` the place in mm where inputs enter. At a whole number of sites
    per step every site above `threshold` is an input; otherwise packets have spread
    and each local maximum is one. `amplitude` is what one input leaves.

    Over `input`, the latest first: `onset`, `age` (s), `feature`, `x` (mm), `value`;
    `onset_sd` (s), how far a packet of fewer than one site per step has spread,
    sqrt(v (1 - v) age) / v in steps; `laps`, how many whole laps older the input may
    be (on a ring that is older than its horizon nothing in the frame tells); and
    `collision`, true where the value exceeds 1.5 amplitudes: two inputs a lap apart.
    `horizon` (attribute, s) is n / v on a ring, on a line the way left to its end.
    """
    frame, now, earliest, step = _frame(recording, variable, time)
    x = np.asarray(frame["x"].values, dtype=float)
    sites, spacing = x.size, float((x[-1] - x[0]) / max(1, x.size - 1))
    if not np.isfinite(velocity) or velocity == 0:
        raise InputError(f"velocity is {velocity} mm/s; a wave has one, not 0")
    start = int(np.argmin(np.abs(x - entry)))
    if abs(x[start] - entry) > spacing / 2:
        raise InputError(f"entry is {entry} mm, off the line from {x[0]:g} to "
                         f"{x[-1]:g} mm")  # fmt: skip
    speed = abs(velocity) * step / spacing  # sites per step
    away = (np.arange(sites) - start) * (1 if velocity > 0 else -1)
    path = sites if periodic else int(away.max()) + 1
    away = away % sites if periodic else np.where(away >= 0, away, -1)
    values = np.asarray(frame.values, dtype=float)  # (feature, x)
    shown = (values > threshold) & (away >= 0)
    if abs(speed - round(speed)) < 1e-9 and round(speed) >= 1:
        speed = float(round(speed))
        shown &= away % int(speed) == 0  # between them no input of this lap can be
    else:
        shown &= _maxima(values, periodic)
    feature, site = np.nonzero(shown)
    age = away[site] / speed  # steps
    order = np.argsort(age, kind="stable")
    feature, site, age = feature[order], site[order], age[order]
    elapsed = (now - earliest) / step
    lap = path / speed
    older = np.floor((elapsed - age) / lap + 1e-9).astype(int) if periodic else 0
    spread = np.sqrt(max(0.0, speed * (1 - speed)) * age) / speed
    columns = {
        "onset": (now - age * step, "s"), "age": (age * step, "s"),
        "feature": (feature, "1"), "x": (x[site], "mm"),
        "value": (values[feature, site], str(recording[variable].attrs["units"])),
        "onset_sd": (spread * step, "s"),
        "laps": (np.broadcast_to(older, age.shape).clip(0), "1"),
        "collision": (values[feature, site] > 1.5 * amplitude, "1"),
    }  # fmt: skip
    return xr.Dataset(
        {name: ("input", column, {"units": units})
         for name, (column, units) in columns.items()},
        attrs={"time": now, "velocity": velocity, "entry": float(x[start]),
               "horizon": lap * step, "horizon_steps": lap,
               "periodic": int(periodic)},
    )  # fmt: skip


def _frame(
    recording: xr.Dataset, variable: str, time: float
) -> tuple[xr.DataArray, float, float, float]:
    """The frame (feature, x) nearest to a time, that time, the first and the step."""
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    if variable not in names:
        raise InputError(f"no field '{variable}' in the recording; it has {names}")
    field = recording[variable]
    for dim in ("trial", "y"):
        if field.sizes.get(dim, 1) > 1:
            raise InputError(
                f"field '{variable}' has {field.sizes[dim]} along '{dim}'; a snapshot "
                "is read on one line of one trial, so choose with .isel"
            )
    field = field.squeeze([d for d in ("trial", "y") if d in field.dims])
    field = field if "feature" in field.dims else field.expand_dims("feature")
    if "x" not in field.dims or field.sizes["x"] < 2 or field.sizes["time"] < 2:
        raise InputError(
            f"field '{variable}' has {dict(field.sizes)}; a snapshot needs two sites "
            "along x and two frames"
        )
    clock = np.asarray(field["time"].values, dtype=float)
    step = float((clock[-1] - clock[0]) / (clock.size - 1))
    if not clock[0] - step / 2 <= time <= clock[-1] + step / 2:
        raise InputError(f"time is {time} s; the recording runs from {clock[0]:g} to "
                         f"{clock[-1]:g} s")  # fmt: skip
    at = int(np.argmin(np.abs(clock - time)))
    frame = field.isel(time=at).transpose("feature", "x")
    return frame, float(clock[at]), float(clock[0]), step


def _maxima(values: np.ndarray, periodic: bool) -> np.ndarray:
    """Where a value exceeds its left and is not below its right neighbour."""
    padded = np.pad(values, ((0, 0), (1, 1)), mode="wrap") if periodic else np.pad(
        values, ((0, 0), (1, 1)), constant_values=-np.inf
    )  # fmt: skip
    return (values > padded[:, :-2]) & (values >= padded[:, 2:])


def decode_past(
    states: np.ndarray | xr.DataArray,
    inputs: np.ndarray | xr.DataArray,
    lags: Sequence[int] | np.ndarray,
    seed: int,
    *,
    folds: int = 5,
    permutations: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """How well one frame tells which symbol came k steps ago, for every lag k.

    `states` (sequence, unit) or (sequence, feature, y, x): ONE frame of each sequence;
    `inputs` (sequence, time): whole numbers, the symbols, the last at the step of the
    frame, so that lag 0 is `inputs[:, -1]`.

    Over `lag` (steps): `accuracy`, balanced (mean over symbols of the part recalled),
    each sequence decoded by a fit to the others' folds; `low` and `high`, its 95 %
    interval by Wilson (1927, J Am Stat Assoc 22:209) at the effective number of
    sequences C^2 / sum(1/n_c); `chance`, `chance_low`, `chance_high`, mean and 95 %
    range of the same decoder after whole sequences of symbols were dealt to other
    frames; `p` and `p_family` (greatest score over the lags); `ridge`. NaN where a
    lag has only one symbol. Attribute `horizon`: the last lag with p_family <= alpha
    (NaN without any), `unbroken`: the last before the first lag that fails.

    The decoder is linear: ridge regression on one indicator per symbol, the strength
    by leave-one-out on the training sequences (on the true symbols, also for the
    dealt ones), then the symbol whose score is greatest relative to its share.
    """
    frames, symbols = _checked_pair(states, inputs)
    wanted = _checked_lags(lags, symbols.shape[1], most=symbols.shape[1] - 1)
    targets = [symbols[:, -1 - lag] for lag in wanted]
    return _decoded(
        frames, targets, wanted, seed, folds, permutations, alpha, what="symbol"
    )


def decode_order(
    states: np.ndarray | xr.DataArray,
    inputs: np.ndarray | xr.DataArray,
    lags: Sequence[int] | np.ndarray,
    seed: int,
    *,
    folds: int = 5,
    permutations: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Whether one frame tells which of two neighbouring symbols came first.

    As `decode_past`, of the order of the symbols k and k + 1 steps ago, among the
    sequences where they differ; chance is one half. A pool that only counts symbols
    says which came, and is at chance here.
    """
    frames, symbols = _checked_pair(states, inputs)
    wanted = _checked_lags(lags, symbols.shape[1], most=symbols.shape[1] - 2)
    targets = []
    for lag in wanted:
        later, earlier = symbols[:, -1 - lag], symbols[:, -2 - lag]
        # -1 is left out
        targets.append(np.where(later == earlier, -1, (later > earlier).astype(int)))
    return _decoded(
        frames, targets, wanted, seed, folds, permutations, alpha, what="order"
    )


def _checked_pair(
    states: np.ndarray | xr.DataArray, inputs: np.ndarray | xr.DataArray
) -> tuple[np.ndarray, np.ndarray]:
    frames, symbols = np.asarray(states, dtype=float), np.asarray(inputs)
    if frames.ndim not in (2, 4):
        raise InputError(
            f"states have shape {frames.shape}; one frame of each sequence is "
            "(sequence, unit) or (sequence, feature, y, x), so choose a time"
        )
    if symbols.ndim != 2 or not np.array_equal(symbols, np.round(symbols)):
        raise InputError(
            f"inputs have shape {symbols.shape} and type {symbols.dtype}; they are "
            "symbols as whole numbers (sequence, time): one-hot ones by argmax"
        )
    if len(frames) != len(symbols):
        raise InputError(f"{len(frames)} frames and {len(symbols)} sequences of inputs")
    if not np.isfinite(frames).all():
        raise InputError("states are not finite everywhere")
    return frames.reshape(len(frames), -1), symbols.astype(int)


def _checked_lags(
    lags: Sequence[int] | np.ndarray, steps: int, most: int
) -> np.ndarray:
    wanted = np.asarray(lags)
    if (
        wanted.ndim != 1
        or not wanted.size
        or wanted.dtype.kind not in "iu"
        or np.any(np.diff(wanted) <= 0)
        or wanted[0] < 0
        or wanted[-1] > most
    ):
        raise InputError(f"lags {lags} are not whole numbers of steps, in order, from "
                         f"0 to {most} (the inputs have {steps} steps)")  # fmt: skip
    return wanted


def _decoded(
    frames: np.ndarray, targets: list[np.ndarray], lags: np.ndarray, seed: int,
    folds: int, permutations: int, alpha: float, *, what: str,
) -> xr.Dataset:  # fmt: skip
    if not 2 <= folds <= len(frames) // 2:
        raise InputError(
            f"folds is {folds}; {len(frames)} sequences allow 2 to {len(frames) // 2}"
        )
    if permutations < 19:
        raise InputError(f"permutations is {permutations}; p below 0.05 needs 19")
    draw = np.random.default_rng(seed)
    # row 0 is the truth; the others deal each frame another sequence's symbols
    dealt = [draw.permutation(len(frames)) for _ in range(permutations)]
    deals = np.stack([np.arange(len(frames)), *dealt])
    splits = list(KFold(folds, shuffle=True, random_state=seed).split(frames))
    found = np.full((1 + permutations, lags.size), np.nan)
    effective, chosen = np.full(lags.size, np.nan), np.full(lags.size, np.nan)
    fits = [_Fit(frames[train], frames[test]) for train, test in splits]
    for k, target in enumerate(targets):
        classes = np.unique(target[target >= 0])
        if classes.size < 2:
            continue
        hits, strengths = _hits(target, classes, deals, splits, fits)
        found[:, k] = hits
        counts = np.array([np.sum(target == c) for c in classes])
        effective[k] = classes.size**2 / np.sum(1 / counts)
        chosen[k] = np.median(strengths)
    return _labelled(found, effective, chosen, lags, alpha, seed, len(frames), what)


class _Fit:
    """Ridge regression on one training set, for any targets: no fit is repeated."""

    def __init__(self, train: np.ndarray, test: np.ndarray):
        mean = train.mean(axis=0)
        self.left, self.values, right = np.linalg.svd(train - mean, full_matrices=False)
        self.forward = (test - mean) @ right.T  # (test, component)
        self.scale = max(float(np.mean(self.values**2)), np.finfo(float).tiny)

    def strength(self, y: np.ndarray) -> float:
        """The ridge of least leave-one-out error on centred targets (train, class)."""
        errors = []
        projected = self.left.T @ y
        for ridge in _RIDGES * self.scale:
            shrink = self.values**2 / (self.values**2 + ridge)
            fitted = self.left @ (shrink[:, None] * projected)
            leverage = (self.left**2) @ shrink + 1 / len(y)
            gap = np.maximum(1 - leverage, 1e-12)
            errors.append(np.mean(((y - fitted) / gap[:, None]) ** 2))
        return float(_RIDGES[int(np.argmin(errors))] * self.scale)

    def predict(self, y: np.ndarray, ridge: float) -> np.ndarray:
        """Scores of the test set for centred targets (train, any)."""
        shrink = self.values / (self.values**2 + ridge)
        return self.forward @ (shrink[:, None] * (self.left.T @ y))


def _hits(
    target: np.ndarray, classes: np.ndarray, deals: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]], fits: list[_Fit],
) -> tuple[np.ndarray, list[float]]:  # fmt: skip
    """Balanced accuracy of the truth and of every deal, and the strengths chosen."""
    right = np.zeros((len(deals), classes.size))
    strengths = []
    for (train, test), fit in zip(splits, fits, strict=True):
        ridge = 0.0
        for row, deal in enumerate(deals):
            dealt = target[deal]
            known = dealt[train] >= 0
            marked = (dealt[train][:, None] == classes).astype(float)
            share = np.maximum(marked.sum(axis=0), 0.5) / max(1, known.sum())
            # what is left out has the expected score, and so pulls nowhere
            centred = np.where(known[:, None], marked - share, 0.0)
            if row == 0:
                ridge = fit.strength(centred)
                strengths.append(ridge)
            score = (fit.predict(centred, ridge) + share) / share
            guess = classes[np.argmax(score, axis=1)]
            truth = dealt[test]
            for column, symbol in enumerate(classes):
                right[row, column] += np.sum((guess == symbol) & (truth == symbol))
    counts = np.array([np.sum(target == symbol) for symbol in classes])
    return (right / counts).mean(axis=1), strengths


def _labelled(
    found: np.ndarray, effective: np.ndarray, chosen: np.ndarray, lags: np.ndarray,
    alpha: float, seed: int, sequences: int, what: str,
) -> xr.Dataset:  # fmt: skip
    accuracy, dealt = found[0], found[1:]
    low, high = _wilson(accuracy, effective)
    spread = np.maximum(found.std(axis=0), 1e-12)
    score = (found - found.mean(axis=0)) / spread
    known = np.isfinite(accuracy)
    greatest = np.max(score[1:], axis=1, initial=-np.inf, where=known)
    count = len(dealt)
    p = (1 + np.sum(dealt >= accuracy, axis=0)) / (1 + count)
    p_family = (1 + np.sum(greatest[:, None] >= score[0], axis=0)) / (1 + count)
    above = known & (p_family <= alpha)
    last = float(lags[above][-1]) if above.any() else np.nan
    until = int(np.argmin(above)) if not above.all() else above.size
    bounds = np.quantile(dealt, [0.025, 0.975], axis=0)
    columns = {
        "accuracy": accuracy, "low": low, "high": high,
        "chance": dealt.mean(axis=0), "chance_low": bounds[0],
        "chance_high": bounds[1], "p": np.where(known, p, np.nan),
        "p_family": np.where(known, p_family, np.nan), "ridge": chosen,
    }  # fmt: skip
    return xr.Dataset(
        {name: ("lag", column, {"units": "1"}) for name, column in columns.items()},
        {"lag": ("lag", lags, {"units": "step"})},
        {"horizon": last, "unbroken": float(lags[until - 1]) if until else np.nan,
         "alpha": alpha, "seed": seed, "sequences": sequences, "permutations": count,
         "decoded": what},
    )  # fmt: skip


def _wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = norm.ppf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count)
    half = half * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    # at a share of 0 or 1 the bound is that share, which rounding must not cross
    return np.minimum(centre - half, share), np.maximum(centre + half, share)
