"""The bytes of a chunk against zlib and the definition of HDF5's shuffle filter."""

import zlib

import numpy as np
import pytest

from cortexwave.recording.compression import blank, deflated, padded, shuffled


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_deflated_chunk_is_the_shuffled_bytes_to_zlib(dtype):
    chunk = np.random.default_rng(0).standard_normal((16, 5, 3)).astype(dtype)
    size = chunk.dtype.itemsize
    # HDF5's shuffle: byte k of every value, for k in turn
    expected = b"".join(chunk.tobytes()[byte::size] for byte in range(size))
    assert zlib.decompress(deflated(chunk, shuffle=True)) == expected
    assert shuffled(chunk).tobytes() == expected


def test_edges_of_a_chunk_are_nan():
    chunk = padded(np.ones((2, 3, 1)), (4, 3, 2), np.dtype("<f4"))
    assert chunk.dtype == "<f4"
    assert np.nansum(chunk) == 6
    assert np.isnan(chunk).sum() == 24 - 6


def test_blank_chunk_is_nan_and_tiny():
    data = blank((128, 16, 16), np.dtype("<f4"), shuffle=False)
    assert np.isnan(np.frombuffer(zlib.decompress(data), "<f4")).all()
    assert len(data) < 400


def test_value_too_large_for_float32_is_an_error_and_infinity_is_not():
    values = np.array([[[np.inf, 1e39]]])
    with pytest.raises(OverflowError, match=r"1e\+39, too large for float32"):
        padded(values, (1, 1, 2), np.dtype("<f4"))
    assert padded(values[..., :1], (1, 1, 2), np.dtype("<f4"))[0, 0, 0] == np.inf
