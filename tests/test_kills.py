"""Some of the kills of kills.py; more of them: python tests/kills.py 100."""
from pathlib import Path

import pytest
from kills import main


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_killed_at_random_it_ends_with_the_same_bits():
    assert main(4, seed=1) == 0
