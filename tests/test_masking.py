"""What `repair` and `timeline` measure, on networks whose numbers are known."""
from types import SimpleNamespace

import numpy as np
import pytest
from small_models import examples
from test_measures import dataset, network

from npgm.attacks import FGSM, PGD
from npgm.data import MNIST_CHECKSUM
from npgm.diagnosis.battery import Outcome
from npgm.experiments.measures import masking
from npgm.network import MLP


def test_causes_of_a_network_that_is_known():
    """Leads of 12, 28 and 110; a row where no hidden unit is active, all logits equal;
    and a wrong one, behind by 12."""
    data = dataset(test=((2, 0.12, 0), (1, 0.28, 0), (3, 1.1, 0), (1, None, 0),
                         (1, 0.12, 1)))
    found = masking.causes(network(100), data)
    assert found.pop("lead_5") == pytest.approx(np.quantile(
        [12, 12, 28, 110, 110, 110, 0, -12], 0.05), rel=1e-5)
    assert found.pop("lead_50") == pytest.approx(20, rel=1e-5)
    assert found.pop("lead_95") == pytest.approx(110, rel=1e-5)
    # Where all of it is rounded no sign is right; without the label's entry the pixel
    # of the label stays, one in three. Where the layer is silent there are none.
    assert found.pop("signs_right") == pytest.approx(
        100 * np.mean([1, 1, 2 / 3, 0, 0, 0, 1]))
    assert found == {"cause_sound": 37.5, "cause_label_rounded": 12.5,
                     "cause_residual_rounded": 37.5, "cause_silent": 12.5,
                     "cause_other": 0}


def test_what_hid_an_image():
    yes, no = True, False
    outcome = Outcome(
        success={"natural": np.array([yes, no, no, no, no, no]),
                 "pgd": np.array([yes, yes, no, no, no, no]),
                 "pgd_repaired": np.array([yes, yes, yes, no, no, no]),
                 "square": np.array([yes, no, no, yes, yes, no])},
        lost={"pgd_repaired": np.array([no, no, no, yes, no, yes])}, rise={},
        still=None, random=False, distance=np.zeros(6), fooling=np.zeros((6, 1)))
    assert {name: list(np.flatnonzero(share))
            for name, share in outcome.parts.items()} == {
        "as_attacked": [0, 1], "rounding": [2], "silent": [3], "other": [4],
        "held": [5]}


def test_side_by_side_is_what_the_attacks_do():
    x, y = examples(30, "float32", classes=3)
    net = MLP.initialize((x.shape[1], 8, 3), seed=1, scheme="he")
    found = masking.side_by_side(net, SimpleNamespace(
        x_test=x, y_test=y, checksum=MNIST_CHECKSUM))
    for epsilon in masking.EPSILONS:
        for name, attack in (("fgsm", FGSM(epsilon)),
                             ("fgsm_repaired", FGSM(epsilon, "log_odds")),
                             ("pgd_margin", PGD(epsilon, 40, epsilon / 10, "margin"))):
            assert found[f"{name}_error_{epsilon}"] == pytest.approx(
                100 * attack(net, x, y).success.mean())
        of_all = [found[f"{part}_{epsilon}"] for part in (
            "as_attacked", "rounding", "silent", "other", "held")]
        assert sum(of_all) == pytest.approx(100)
        assert found[f"any_error_{epsilon}"] == pytest.approx(100 - of_all[-1])
