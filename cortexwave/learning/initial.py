"""Initial weights by name, in NumPy, float64; every draw a function of its seed.

Each part of a network draws from a stream of its own, so that two networks built
from one seed share all parts in which their documents agree: an ablation changes
what it names and nothing else.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np

from cortexwave.learning import initial_documents as named


def stream(seed: int, part: str) -> np.random.Generator:
    """The generator of one part of a network."""
    return np.random.default_rng([seed, zlib.crc32(part.encode())])


def uniform(draw: np.random.Generator, fan_in: int, size: Sequence[int]) -> np.ndarray:
    """Uniform in +-1/sqrt(fan_in): how torch starts its linear layers."""
    bound = 1 / math.sqrt(fan_in)
    return draw.uniform(-bound, bound, tuple(size))


def shift_kernel(
    velocities: Sequence[tuple[float, float]], sides: tuple[int, int]
) -> np.ndarray:
    """Upwind kernel (out, in, ky, kx) that carries channel o at (vy, vx) sites/step."""
    kernel = np.zeros((len(velocities), len(velocities), *sides))
    for channel, velocity in enumerate(velocities):
        y, x = (_upwind(v, side) for v, side in zip(velocity, sides, strict=True))
        kernel[channel, channel] = np.outer(y, x)
    return kernel


def _upwind(velocity: float, side: int) -> np.ndarray:
    """Taps along one axis; cross-correlation, so a tap at +1 carries to the left."""
    taps = np.zeros(side)
    taps[side // 2] = 1 - abs(velocity)
    if velocity:
        taps[side // 2 + (1 if velocity > 0 else -1)] = abs(velocity)
    return taps


def tied_kernel(
    recurrent: named.TiedRecurrent,
    channels: int,
    sides: tuple[int, int],
    draw: np.random.Generator,
) -> np.ndarray:
    """Initial kernel u (out, in, ky, kx)."""
    match recurrent:
        case named.Shift():
            return shift_kernel(recurrent.velocities(channels), sides)
        case named.Identity():
            return shift_kernel([(0.0, 0.0)] * channels, sides)
        case _:
            size = (channels, channels, *sides)
            return uniform(draw, channels * math.prod(sides), size)


def dense_matrix(recurrent: named.DenseRecurrent, units: int, seed: int) -> np.ndarray:
    """Initial U (units, units) of h_t = f(U h_{t-1} + ...)."""
    draw = stream(seed, "recurrent")
    match recurrent:
        case named.IdentityMatrix():
            return recurrent.scale * np.eye(units)
        case named.ShiftMatrix():
            return ring_shift(units, recurrent.velocity)
        case named.RandomMatrix():
            return uniform(draw, units, (units, units))
        case named.RandomCycle():
            return random_cycle(units, draw)
        case named.RelabelledShift():
            return relabelled(ring_shift(units, 1.0), relabelling(units, seed))
        case named.Orthogonal():
            return recurrent.scale * orthogonal(units, draw)
        case _:
            return chain(units, recurrent.scale, recurrent.feedback)


def ring_shift(units: int, velocity: float) -> np.ndarray:
    """Unit i hears (1 - |v|) h_i + |v| h_{i +- 1}, + for v > 0: towards lower i."""
    ahead = np.roll(np.eye(units), 1 if velocity >= 0 else -1, axis=1)
    return (1 - abs(velocity)) * np.eye(units) + abs(velocity) * ahead


def relabelling(units: int, seed: int) -> np.ndarray:
    """The new name of each unit of a relabelled shift."""
    return stream(seed, "labels").permutation(units)


def relabelled(matrix: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """P U P^T: the same dynamics with unit i called labels[i]."""
    other = np.empty_like(matrix)
    other[np.ix_(labels, labels)] = matrix
    return other


def random_cycle(units: int, draw: np.random.Generator) -> np.ndarray:
    """A permutation matrix that is one cycle through all units, uniform among them."""
    order = draw.permutation(units)
    matrix = np.zeros((units, units))
    matrix[np.roll(order, -1), order] = 1.0
    return matrix


def orthogonal(units: int, draw: np.random.Generator) -> np.ndarray:
    """A Haar-distributed orthogonal matrix (Mezzadri 2007, Notices AMS 54, 592)."""
    q, r = np.linalg.qr(draw.standard_normal((units, units)))
    return q * np.sign(np.diag(r))  # without it QR's own signs spoil the law


def chain(units: int, scale: float, feedback: float) -> np.ndarray:
    """Unit i + 1 hears `scale` times unit i, unit i `feedback` times unit i + 1."""
    along = np.eye(units, k=-1)
    return scale * along + feedback * along.T


def input_map(
    named_map: named.InputMap,
    inputs: int,
    field: tuple[int, int, int],
    draw: np.random.Generator,
) -> np.ndarray:
    """Initial V (input, feature, y, x)."""
    channels, sites = field[0], field[1] * field[2]
    weights = np.zeros((inputs, channels, sites))
    match named_map:
        case named.SingleSite():
            weights[:, :, named_map.site] = 1.0
        case named.SingleSitePerSymbol():
            sharing = math.ceil(inputs / channels)
            symbol = np.arange(inputs)
            site = symbol // channels * (sites // sharing)
            weights[symbol, symbol % channels, site] = 1.0
        case named.SparseRandom():
            active = named_map.active or min(channels, weights[0].size)
            for row in weights.reshape(inputs, -1):
                row[draw.choice(row.size, active, replace=False)] = 1.0
        case named.NormalInput():
            weights = draw.normal(0.0, named_map.std, weights.shape)
        case _:
            number = inputs if named_map.over == "inputs" else weights[0].size
            weights = uniform(draw, number, weights.shape)
    return weights.reshape(inputs, *field)
