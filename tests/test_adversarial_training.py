"""Adversarial training: what it trains on, and what comes of it."""
import numpy as np
import pytest
from small_models import examples, network

import npgm
from npgm import defences
from npgm.attacks import FGSM
from npgm.defences import AdversarialTraining
from npgm.errors import InputError
from npgm.network import MLP


def test_adversarial_examples_stand_beside_the_batch():
    net, (x, y) = network(), examples(9)
    both, labels = AdversarialTraining(0.1).examples(net, x, y)
    np.testing.assert_array_equal(both[:9], x)
    np.testing.assert_array_equal(both[9:], FGSM(0.1).perturb(net, x, y))
    np.testing.assert_allclose(both[9:], FGSM(0.1)(net, x, y).x_adv, rtol=1e-14)
    np.testing.assert_array_equal(labels, np.tile(y, 2))


def test_adversarial_training_makes_the_network_harder_to_fool(tiny_data):
    def trained(defence):
        net = MLP.initialize((tiny_data.x_train.shape[1], 32, tiny_data.classes))
        npgm.train(net, npgm.optimizers.Adam(0.003), tiny_data, steps=300,
                   batch_size=20, defence=defence, evaluate_at=())
        return FGSM(0.1)(net, tiny_data.x_train, tiny_data.y_train).success.mean()
    assert trained(AdversarialTraining(0.1)) < trained(None)


def test_an_interrupted_defended_run_ends_with_the_same_bits(tiny_data, tmp_path):
    def run(**options):
        net = MLP.initialize((tiny_data.x_train.shape[1], 8, tiny_data.classes))
        npgm.train(net, npgm.optimizers.Adam(), tiny_data, steps=20, batch_size=20,
                   evaluate_at=(), defence=AdversarialTraining(0.1), **options)
        return net.theta.tobytes()

    def stop(trainer):
        if trainer.t == 11:
            raise npgm.errors.Interrupted("stop")
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(npgm.errors.Interrupted):
        run(checkpoint=path, watch=stop)
    assert run(checkpoint=path) == run()


def test_a_defence_is_made_by_its_name():
    assert (defences.make("adversarial_training", epsilon=0.1)
            == AdversarialTraining(0.1))


@pytest.mark.parametrize("make, words", [
    (lambda: AdversarialTraining(-0.1), " is "),
    (lambda: defences.make("adverserial_training"), "is it 'adversarial_training'")])
def test_what_makes_no_defence_is_refused(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
