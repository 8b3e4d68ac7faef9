"""PGD: one step is FGSM, many keep to epsilon, clip and seed."""
import numpy as np
import pytest
from small_models import assert_same, examples, network

from npgm.attacks import FGSM, PGD
from npgm.losses import cross_entropy, log_odds


def test_pgd_of_one_whole_step_is_fgsm():
    net, (x, y) = network(), examples(30)
    for loss in (cross_entropy, log_odds):
        pgd = PGD(0.1, steps=1, step_size=0.5, loss=loss)(net, x, y)
        fgsm = FGSM(0.1, loss)(net, x, y)
        np.testing.assert_allclose(pgd.x_adv, fgsm.x_adv)
        np.testing.assert_array_equal(pgd.status, fgsm.status)


def test_pgd_raises_the_loss_at_least_as_far_as_fgsm():
    net, (x, y) = network(), examples(300)
    losses = [cross_entropy(net.logits(attack(net, x, y).x_adv), y)[0].mean()
              for attack in (FGSM(0.2), PGD(0.2, steps=20, step_size=0.03))]
    assert losses[1] > losses[0]


def test_pgd_keeps_to_clip_and_seed():
    net, (x, y) = network(), examples(30)
    attack = PGD(0.3, 4, 0.1, clip=(0, 1), seed=5)
    result = attack(net, x, y)
    assert 0 <= result.x_adv.min() and result.x_adv.max() <= 1
    assert_same(attack(net, x, y), result)
    other = PGD(0.3, 4, 0.1, clip=(0, 1), seed=6)(net, x, y)
    assert (other.x_adv != result.x_adv).any()


def test_more_steps_fool_no_fewer():
    """The same way, farther: what fooled or had the highest loss is kept."""
    net, (x, y) = network(), examples(300)
    results = [PGD(0.2, steps, 0.1)(net, x, y) for steps in (2, 3, 7, 20)]
    for fewer, more in zip(results, results[1:]):
        assert not (fewer.success & ~more.success).any()
        loss, other = (cross_entropy(net.logits(result.x_adv), y)[0]
                       for result in (fewer, more))
        assert (other >= loss - 1e-12)[fewer.success == more.success].all()


def test_steps_that_cannot_reach_epsilon_are_told():
    with pytest.warns(UserWarning, match="cannot reach"):
        PGD(0.3, steps=4, step_size=0.05)
