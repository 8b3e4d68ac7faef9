"""A sample of fuzz.py's damaged files; more of them: python tests/fuzz.py 1000000."""
import gzip

import fuzz
import numpy as np
import pytest

from npgm.data import read_idx
from npgm.errors import DataError
from npgm.network import MLP
from npgm.storage import read_json


@pytest.mark.slow
def test_damaged_files_are_told_in_one_line():
    wrong, tried = fuzz.main(3000, seed=1)
    assert not wrong, wrong[0]
    assert min(tried.values()) > 300


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_the_files_that_are_damaged_were_good(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(fuzz.KINDS[kind][0])
    fuzz.KINDS[kind][1](path)


def within_memory(read, path):
    fuzz.tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            read(path)
        used = fuzz.tracemalloc.get_traced_memory()[1]
    finally:
        fuzz.tracemalloc.stop()
    assert "\n" not in str(error.value)
    assert used < 10 * path.stat().st_size + 50e6


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "net.npz"
    np.savez_compressed(path, W1=np.zeros((40_000, 500), np.float32),
                        b1=np.zeros(500, np.float32))
    assert path.stat().st_size < 500_000
    within_memory(MLP.load, path)


def test_a_lying_header_costs_nothing(tmp_path):
    path = tmp_path / "idx.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3, 0, 0, 255, 255, 0, 0, 0, 128,
                                          0, 0, 0, 128]) + bytes(100)))
    within_memory(lambda path: read_idx(path, 3), path)


@pytest.mark.parametrize("content", [b"[" * 3_000_000, b"[]," * 2_000_000,
                                     b'{"a":' * 1_000_000],
                         ids=["deep", "wide", "both"])
def test_json_beyond_reason_is_refused(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    within_memory(read_json, path)
