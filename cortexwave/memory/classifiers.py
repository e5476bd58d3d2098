"""Linear classifiers of snapshots, fitted to many deals of the labels at once.

What a fit needs of the values alone (their principal axes) is computed once per
training set; a deal of the labels only changes the class sums, and those of all deals
are one matrix product. Each deal has its own strength of regularisation, as the truth
has, so that a permutation test with them is exact.

Sites are brought to unit variance on the training set first: a readout then does not
depend on units or on the gain of a channel. All classes count alike, however many
trials they have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError

Classifier = Literal["lda", "ridge"]

_RIDGES = np.logspace(-4, 4, 17)  # in units of the mean variance


def guesses(
    train: np.ndarray, test: np.ndarray, dealt: np.ndarray, classes: int,
    *, classifier: Classifier,
) -> np.ndarray:  # fmt: skip
    """Class (deal, test trial) guessed by fits to `train` under each deal of labels.

    `train` (trial, site), `test` (trial, site), `dealt` (deal, training trial) the
    codes 0 to `classes` - 1.
    """
    score = _chosen(classifier)
    scores = score(train, test, dealt, classes)
    present = (dealt[:, :, None] == np.arange(classes)).any(axis=1)
    return np.argmax(np.where(present[:, None], scores, -np.inf), axis=2)


def lda_scores(
    train: np.ndarray, test: np.ndarray, dealt: np.ndarray, classes: int
) -> np.ndarray:
    """Discriminants (deal, test trial, class) of shrinkage LDA with equal priors.

    The covariance within classes is S + g (tr S / p I - S), with g of Ledoit & Wolf
    (2004, J Multivar Anal 88:365, lemma 3.2) on the residuals. Within the principal
    axes of all values together, S = L - B B' with diagonal L and one column of B per
    class, so that its inverse is one of class by class (Woodbury).
    """
    z, seen, variance, sites = _principal(train, test)
    n, deals = len(z), len(dealt)
    if not sites:
        return np.zeros((deals, len(test), classes))
    sums, counts = _class_sums(z, dealt, classes)  # (deal, axis, class), (deal, class)
    safe = np.maximum(counts, 1)
    means = sums / safe[:, None]
    B = means * np.sqrt(counts / n)[:, None]
    shrinkage, scale = _ledoit_wolf(z, dealt, means, B, variance, sites)
    kept = (1 - shrinkage)[:, None, None]
    spread = kept[..., 0] * variance + (shrinkage * scale)[:, None]  # (deal, axis)
    V = B / np.maximum(spread, 1e-12 * variance.max(initial=1e-300))[:, :, None]
    A = B.transpose(0, 2, 1) @ V
    R = np.linalg.inv((1 + 1e-12) * np.eye(classes) - kept * A)
    flat = V.transpose(1, 0, 2).reshape(len(variance), -1)
    projected = (seen @ flat).reshape(-1, deals, classes).transpose(1, 0, 2)
    own = np.einsum("dij,dji->di", A, R) * n / safe
    return (projected @ R) * np.sqrt(n / safe)[:, None] - own[:, None] / 2


def shrinkage_of(train: np.ndarray, codes: np.ndarray, classes: int) -> float:
    """Ledoit and Wolf's intensity of the covariance within classes (0 to 1)."""
    z, _, variance, sites = _principal(train, train)
    sums, counts = _class_sums(z, codes[None], classes)
    means = sums / np.maximum(counts, 1)[:, None]
    B = means * np.sqrt(counts / len(z))[:, None]
    return float(_ledoit_wolf(z, codes[None], means, B, variance, sites)[0][0])


def ridge_scores(
    train: np.ndarray, test: np.ndarray, dealt: np.ndarray, classes: int
) -> np.ndarray:
    """Scores (deal, test trial, class) of ridge regression on one indicator per class.

    The score is relative to the class's share of the training set, so that frequent
    classes are not preferred. Strength by generalised cross-validation (Golub, Heath
    & Wahba 1979, Technometrics 21:215) over all classes together.
    """
    z, seen, variance, sites = _principal(train, test)
    n, deals = len(z), len(dealt)
    if not sites:
        return np.zeros((deals, len(test), classes))
    sums, counts = _class_sums(z, dealt, classes)
    share = np.maximum(counts, 0.5) / n
    power = n * variance  # squared singular values
    explained = np.sum(sums**2, axis=2) / power  # (deal, axis)
    total = np.sum(counts * (1 - counts / n), axis=1)  # of the centred indicators
    strengths = _RIDGES * power.mean()
    shrink = power / (power + strengths[:, None])  # (strength, axis)
    left = total[:, None] - explained @ (2 * shrink - shrink**2).T
    freedom = 1 - (1 + shrink.sum(axis=1)) / n
    error = left / np.maximum(freedom, 1e-6) ** 2
    best = strengths[np.argmin(error, axis=1)]
    weights = sums / (power[:, None] + best[:, None, None])
    flat = weights.transpose(1, 0, 2).reshape(len(power), -1)
    fitted = (seen @ flat).reshape(-1, deals, classes).transpose(1, 0, 2)
    return fitted / share[:, None] + 1


def _chosen(classifier: str) -> Callable[..., np.ndarray]:
    if classifier not in get_args(Classifier):
        raise InputError(f"classifier is {classifier!r}; it can be "
                         f"{get_args(Classifier)}")  # fmt: skip
    return lda_scores if classifier == "lda" else ridge_scores


def standardised(
    train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both sets by mean and standard deviation (site,) of the first; and which vary."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(mean), np.abs(train).max(axis=0))
    scale = np.where(varies, spread, np.inf)
    return (train - mean) / scale, (test - mean) / scale, varies


def _principal(
    train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Scores of both sets on the training set's axes, its variances, sites that vary.

    What lies outside the training set's span tells nothing to a linear rule.
    """
    one, other, varies = standardised(train, test)
    one, other = one[:, varies], other[:, varies]
    n, sites = one.shape
    if not sites:
        return np.zeros((n, 0)), np.zeros((len(test), 0)), np.zeros(0), 0
    if sites <= n:
        variance, axes = np.linalg.eigh(one.T @ one / n)
    else:
        variance, dual = np.linalg.eigh(one @ one.T / n)
        axes = one.T @ (dual / np.sqrt(n * np.maximum(variance, 1e-300)))
    kept = variance > 1e-10 * variance[-1]
    axes = axes[:, kept]
    return one @ axes, other @ axes, variance[kept], sites


def _class_sums(
    z: np.ndarray, dealt: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of each class (deal, axis, class), and its number of trials (deal, class)."""
    marks = (dealt.T[:, :, None] == np.arange(classes)).astype(float)
    sums = z.T @ marks.reshape(len(z), -1)
    return (
        sums.reshape(z.shape[1], len(dealt), classes).transpose(1, 0, 2),
        marks.sum(axis=0),
    )


def _ledoit_wolf(
    z: np.ndarray, dealt: np.ndarray, means: np.ndarray, B: np.ndarray,
    variance: np.ndarray, sites: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Intensity (deal,) and mean variance (deal,) of residuals within classes."""
    n, (deals, axes, classes) = len(z), means.shape
    if not sites:
        return np.ones(deals), np.ones(deals)
    along = z @ means.transpose(1, 0, 2).reshape(axes, -1)  # (trial, deal * class)
    at = np.arange(deals)[:, None] * classes + dealt  # (deal, trial)
    own = along[np.arange(n), at]
    squares = np.sum(means**2, axis=1)[np.arange(deals)[:, None], dealt]
    lengths = np.maximum(np.sum(z**2, axis=1) - 2 * own + squares, 0)
    fourth = np.mean(lengths**2, axis=1)
    across = B.transpose(0, 2, 1) @ B
    size = (
        np.sum(variance**2)
        - 2 * np.einsum("dac,a->d", B**2, variance)
        + np.sum(across**2, axis=(1, 2))
    )
    mean = np.mean(lengths, axis=1) / sites
    apart = size - sites * mean**2
    error = (fourth - size) / n
    ratio = np.minimum(error, apart) / np.maximum(apart, 1e-300)
    return np.clip(np.where(apart > 0, ratio, 1.0), 0, 1), mean
