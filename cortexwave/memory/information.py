"""Bits that a decoder's confusions hold of what it decodes.

I = sum p(s, r) log2 p(s, r) / (p(s) p(r)) of true s and guessed r is a lower bound of
the information in the snapshot. From few trials it comes out too large; the bias is
taken away to first order (Panzeri & Treves 1996, Network 7:87), with the number of
responses that each class could give estimated, not counted.
"""

from __future__ import annotations

import numpy as np


def confusion_bits(counts: np.ndarray) -> np.ndarray:
    """Information (...) in bits of confusions (..., true, guessed), bias taken away."""
    return plug_in_bits(counts) - panzeri_treves_bias(counts)


def plug_in_bits(counts: np.ndarray) -> np.ndarray:
    """Information (...) in bits of counts (..., true, guessed) as they stand."""
    counts = np.asarray(counts, dtype=float)
    total = np.maximum(counts.sum(axis=(-2, -1), keepdims=True), 1e-300)
    joint = counts / total
    apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log2(joint / apart), 0.0)
    return terms.sum(axis=(-2, -1))


def panzeri_treves_bias(counts: np.ndarray) -> np.ndarray:
    """Bias (...) in bits of `plug_in_bits`: [sum_s (R_s - 1) - (R - 1)] / (2 n ln 2).

    R is the number of responses that ever occur, R_s the number that class s could
    give, of these. A class of few trials shows fewer than it could; the R_s taken is
    the one that makes the number it shows the expected one, after a guess of the
    probabilities of shown and hidden responses (Panzeri & Treves 1996, section 3).
    """
    counts = np.asarray(counts, dtype=float)
    total = np.maximum(counts.sum(axis=(-2, -1)), 1)
    occurring = (counts.sum(axis=-2) > 0).sum(axis=-1)  # (...)
    could = possible_responses(counts, occurring[..., None])
    present = counts.sum(axis=-1) > 0
    terms = np.sum(np.where(present, could - 1, 0), axis=-1)
    terms = terms - np.maximum(occurring - 1, 0)
    return terms / (2 * total * np.log(2))


def possible_responses(counts: np.ndarray, most: np.ndarray) -> np.ndarray:
    """How many responses each row of counts (..., response) could give, up to `most`.

    Of every number of hidden responses the one whose expected number of shown ones is
    nearest to what is shown.
    """
    trials = counts.sum(axis=-1)
    shown = (counts > 0).sum(axis=-1)
    n = np.maximum(trials, 1)
    best = shown.astype(float)
    certain = np.where(counts > 0, counts / n[..., None], 0)
    missed = np.sum(np.where(counts > 0, (1 - certain) ** n[..., None], 0), axis=-1)
    off = np.abs(missed)
    for hidden in range(1, counts.shape[-1]):
        share = hidden * (1 - (n / (n + shown)) ** (1 / n))
        of_shown = (1 - share)[..., None] * (counts + 1) / (n + shown)[..., None]
        expected = np.sum(
            np.where(counts > 0, 1 - (1 - of_shown) ** n[..., None], 0), axis=-1
        ) + hidden * (1 - (1 - share / hidden) ** n)
        away = np.abs(shown - expected)
        better = (away < off) & (shown + hidden <= most)
        best = np.where(better, shown + hidden, best)
        off = np.where(better, away, off)
    return best


def drawn_bits(
    guessed: np.ndarray, true: np.ndarray, classes: int, weights: np.ndarray
) -> np.ndarray:
    """Bits (draw,), a mean over times, of trials drawn again."""
    cell = true[:, None] * classes + guessed
    marks = (cell[:, :, None] == np.arange(classes**2)).reshape(len(true), -1)
    counts = (weights @ marks).reshape(len(weights), -1, classes, classes)
    return confusion_bits(counts).mean(axis=1)
