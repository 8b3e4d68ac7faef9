"""Every kernel against the NumPy it stands for; with the JIT, and without it."""
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from npgm import losses
from npgm.compiled import kernels

ROOT = Path(__file__).parents[1]
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}

# Rows of A, columns of A, columns of B: around 64 columns and the block of 48, and
# widths that are no multiple of any vector.
SHAPES = [(1, 1, 1), (1, 63, 7), (7, 64, 10), (63, 65, 16), (64, 130, 1),
          (65, 128, 128), (125, 10, 7), (125, 64, 600), (3, 784, 10), (128, 16, 130),
          (8, 97, 65), (9, 49, 63), (5, 200, 400)]

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
DENSITIES = pytest.mark.parametrize("density", [0, 0.2, 1])
MATRICES = pytest.mark.parametrize("shape", SHAPES, ids=str)


def draw(rows, columns, dtype, density=1.0):
    """A random matrix of which that share is not zero."""
    rng = np.random.default_rng([rows, columns])
    A = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < density)
    return A.astype(dtype)


def dense(sparse, columns):
    """Sparse rows as a dense matrix."""
    A = np.zeros((len(sparse.starts), columns), sparse.values.dtype)
    for row, starts in zip(A, sparse.starts):
        for block, (start, stop) in enumerate(zip(starts, starts[1:])):
            at = sparse.columns[start:stop]
            assert (at // kernels.BLOCK == block).all()
            assert (np.diff(at.astype(np.int64)) > 0).all()
            row[at] = sparse.values[start:stop]
    return A


def sparse(A):
    rows, entries = kernels.compress(A, kernels.room([A.shape], A.dtype))
    assert entries == np.count_nonzero(A)
    return rows


def assert_near(found, expected, tolerance):
    """Relative error in the norm; what should be zero must be exactly zero."""
    assert found.dtype == expected.dtype and found.shape == expected.shape
    error = np.linalg.norm((found - expected).astype("float64"))
    assert error <= tolerance * np.linalg.norm(expected.astype("float64"))


@DTYPES
@DENSITIES
@MATRICES
def test_compress_keeps_every_nonzero_entry(shape, density, dtype):
    A = draw(*shape[:2], dtype, density)
    np.testing.assert_array_equal(dense(sparse(A), A.shape[1]), A)


@DTYPES
def test_compress_keeps_nan_infinity_and_the_smallest_number(dtype):
    A = np.zeros((2, 70), dtype)
    A[0, 3], A[0, 69], A[1, 0], A[1, 64] = np.nan, np.inf, 0, np.nextafter(
        A[0, 0], A.dtype.type(1))
    np.testing.assert_array_equal(dense(sparse(A), 70), A)


@DTYPES
@MATRICES
def test_transpose_of_some_rows(shape, dtype):
    A = draw(*shape[:2], dtype)
    for rows in (np.arange(len(A)), np.flatnonzero(np.arange(len(A)) % 3 != 1)):
        transposed = np.full((A.shape[1], rows.size), np.nan, dtype)
        kernels.transpose(A, rows, transposed)
        np.testing.assert_array_equal(transposed, A[rows].T)


@DTYPES
def test_whatever_the_layout(dtype):
    A = draw(40, 50, dtype, 0.4)
    for B in (np.asfortranarray(A), A[:, ::2], A[::-1]):
        np.testing.assert_array_equal(dense(sparse(B), B.shape[1]), B)
        transposed = np.full(B.T.shape, np.nan, dtype)
        kernels.transpose(B, np.arange(len(B)), transposed)
        np.testing.assert_array_equal(transposed, B.T)


@pytest.mark.slow
@pytest.mark.parametrize("variable, value", [
    ("NUMBA_CPU_NAME", "generic"), ("NUMBA_CPU_FEATURES", "-avx2")])
def test_for_other_processors(variable, value, tmp_path):
    """Compiled without some of what this machine has."""
    program = """
import numpy as np
from npgm import MLP
net, rng = MLP.initialize(), np.random.default_rng(0)
x = rng.random((30, 784), np.float32) * (rng.random((30, 784)) < 0.2)
y = rng.integers(0, 10, 30)
found, expected = net.compiled().mean_gradient(x, y)[1], net.mean_gradient(x, y)[1]
assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, variable: value, "NUMBA_CACHE_DIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr[-2000:]


@DTYPES
@MATRICES
def test_kept_rows(shape, dtype):
    A = draw(*shape[:2], dtype)
    A[1::3] = 0
    B, kept = A.copy(), np.flatnonzero(A.any(axis=1))
    np.testing.assert_array_equal(kernels.kept_rows(B), kept)
    np.testing.assert_array_equal(B[:kept.size], A[kept])


@DTYPES
@DENSITIES
@MATRICES
def test_product(shape, density, dtype):
    rows, inner, width = shape
    A, B = draw(rows, inner, dtype, density), draw(inner, width, dtype)
    b = draw(1, width + 3, dtype)[0]        # longer than the rows, as zeros are
    out = np.full((rows, width), np.nan, dtype)
    kernels.product(sparse(A), B, b, out)
    assert_near(out, A @ B + b[:width], TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("width", [1, 10, 64])
def test_a_product_over_nothing_is_what_it_began_with(width, dtype):
    out, b = np.full((3, width), np.nan, dtype), draw(1, width, dtype)[0]
    A, B = np.empty((3, 0), dtype), np.empty((0, width), dtype)
    kernels.multiply(A, kernels.room([A.shape], dtype), B, b, out)
    np.testing.assert_array_equal(out, [b] * 3)


@DTYPES
@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("shape", [(8, 1, 24), (9, 63, 25), (11, 64, 47), (13, 9, 128),
                                   (125, 784, 600)], ids=str)
def test_dense_product_adds_the_same_terms_in_the_same_order(shape, layout, dtype):
    rows, inner, width = shape
    A, B = draw(rows, inner, dtype, 0.5), draw(inner, width, dtype)
    b = draw(1, width + 3, dtype)[0]
    out, expected = (np.full((rows, width), np.nan, dtype) for _ in range(2))
    kernels.dense_product(np.asarray(A, order=layout), B, b, out)
    kernels.product(sparse(A), B, b, expected)
    assert_near(out, A @ B + b[:width], TOLERANCE[dtype])
    np.testing.assert_array_equal(out, expected)


@DTYPES
@DENSITIES
@MATRICES
def test_multiply_chooses_by_density(shape, density, dtype):
    rows, inner, width = shape
    A, B = draw(rows, inner, dtype, density), draw(inner, width, dtype)
    room = kernels.room([A.shape], dtype)
    out = np.full((rows, width), np.nan, dtype)
    chosen = kernels.multiply(A, room, B, np.zeros(width, dtype), out)
    assert_near(out, A @ B, TOLERANCE[dtype])
    assert chosen or density == 1
    if density == 1 and min(rows, inner) >= 8 and width >= 24:
        assert not chosen


@DTYPES
@MATRICES
def test_sum_rows(shape, dtype):
    A = draw(shape[0], shape[2], dtype)
    total = np.full(shape[2], np.nan, dtype)
    kernels.sum_rows(A, total)
    assert_near(total, A.sum(axis=0), 10 * TOLERANCE[dtype])


@DTYPES
@MATRICES
def test_relu_and_its_derivative(shape, dtype):
    Z = draw(shape[0], shape[2], dtype, 0.7)
    H, rows = Z.copy(), np.arange(len(Z))[::2]
    dH = draw(*Z.shape, dtype)[rows][::-1].copy()
    expected = dH * (Z[rows] > 0)
    kernels.relu(H)
    kernels.relu_backward(dH, H, rows)
    np.testing.assert_array_equal(H, np.maximum(Z, 0))
    np.testing.assert_array_equal(dH, expected)


@DTYPES
def test_nan_survives_relu(dtype):
    Z = np.array([[np.nan, -1, np.inf], [-np.inf, 2, np.nan]], dtype)
    kernels.relu(Z)
    np.testing.assert_array_equal(Z, np.array([[np.nan, 0, np.inf],
                                               [0, 2, np.nan]], dtype))


@DTYPES
@pytest.mark.parametrize("lead", [0, 1, 20, 80, 110, 1000])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_cross_entropy(classes, lead, dtype):
    """Whatever the lead of the right class, the loss keeps its precision."""
    N = 125
    z = draw(N, classes, dtype)
    y = np.arange(N) % classes
    z[np.arange(N), y] += lead
    z[::10] -= 3 * lead                     # the whole row: nothing may change
    dz, loss = np.empty_like(z), np.empty(N, dtype)
    kernels.cross_entropy(z, y, dz, loss)
    expected_loss, expected_dz = losses.cross_entropy(z, y)
    np.testing.assert_allclose(loss, expected_loss, 10 * TOLERANCE[dtype])
    np.testing.assert_allclose(N * dz, expected_dz, 10 * TOLERANCE[dtype],
                               atol=4 * np.finfo(dtype).eps)


@DTYPES
def test_cross_entropy_of_nan_is_nan(dtype):
    z = np.array([[0, 1, np.nan], [np.nan, 1, 2], [0, 1, 2]], dtype)
    dz, loss = np.empty_like(z), np.empty(3, dtype)
    kernels.cross_entropy(z, np.array([0, 0, 0]), dz, loss)
    np.testing.assert_array_equal(np.isnan(loss), [True, True, False])
    np.testing.assert_array_equal(np.isnan(dz).all(axis=1), [True, True, False])


@pytest.mark.slow
def test_all_of_this_with_the_jit_disabled():
    """The kernels are ordinary Python functions too, and mean the same."""
    command = [sys.executable, "-m", "pytest", __file__,
               ROOT / "tests/test_compiled_network.py",
               ROOT / "tests/test_compiled_update.py", "-q", "-k", "not disabled",
               "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 200
    assert "skipped" not in done.stdout
