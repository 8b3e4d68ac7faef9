"""Some of the kills of kills.py; more of them: python tests/kills.py 100."""
from pathlib import Path

import pytest
from kills import main

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="needs /proc")]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_it_ends_with_the_same_bits(seed):
    assert main(3, seed) == 0
