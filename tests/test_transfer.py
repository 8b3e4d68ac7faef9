"""Transfer: made on one model, judged on another."""
import numpy as np
import pytest
from small_models import (D, SUBSTITUTE, Images, LogitsAndVjp, affine, assert_same,
                          examples, network)

from npgm import MLP, attacks
from npgm.attacks import FGSM, PGD, DeepFool, Transfer, transfer_matrix
from npgm.errors import InputError


class NoGradient(LogitsAndVjp):
    def vjp(self, x, dz):
        raise AssertionError("the model was asked for a gradient")


@pytest.mark.parametrize("attack", [FGSM(0.2), PGD(0.2, 5, 0.1, seed=1), DeepFool()],
                         ids=lambda attack: type(attack).__name__)
def test_from_a_model_to_itself_it_is_the_attack_itself(attack):
    net, (x, y) = network(), examples(30)
    found = Transfer(net, attack)(NoGradient(net), x, y)
    expected = attack(net, x, y)
    np.testing.assert_array_equal(found.x_adv, expected.x_adv)
    np.testing.assert_array_equal(found.status, expected.status)
    np.testing.assert_array_equal(found.lost_at, expected.lost_at)


def test_it_is_judged_on_the_model():
    source, (x, y) = MLP.initialize((D, 9, 4), seed=7, dtype="float64"), examples(60)
    net = network()
    result = Transfer(source, FGSM(0.2))(net, x, y)
    x_adv = FGSM(0.2)(source, x, y).x_adv
    np.testing.assert_array_equal(result.x_adv, x_adv)
    wrong = net.logits(x_adv).argmax(axis=1) != y
    np.testing.assert_array_equal(result.success, wrong)
    assert (wrong != FGSM(0.2)(source, x, y).success).any()


def test_the_usual_attack_is_the_repaired_step():
    assert Transfer(SUBSTITUTE).attack == FGSM(0.25, "log_odds")
    assert Transfer(SUBSTITUTE).epsilon == 0.25 and Transfer(SUBSTITUTE).clip is None


@pytest.mark.parametrize("source, shape", [
    (network(), None), (LogitsAndVjp(network()), (D,)), (Images(network()), None)])
def test_to_a_model_of_images(source, shape):
    x, y = examples(20)
    found = Transfer(source, FGSM(0.2), shape)(Images(network()),
                                               x.reshape(20, 1, 2, 3), y)
    expected = FGSM(0.2)(LogitsAndVjp(network()), x, y)
    assert found.x_adv.shape == (20, 1, 2, 3)
    np.testing.assert_allclose(found.x_adv.reshape(20, D), expected.x_adv, rtol=1e-12)


def test_from_a_model_of_images_to_one_of_rows():
    x, y = examples(20)
    found = Transfer(Images(network()), FGSM(0.2), (1, 2, 3))(network(), x, y)
    np.testing.assert_allclose(found.x_adv, FGSM(0.2)(network(), x, y).x_adv)


def test_a_source_by_its_name():
    net, (x, y) = network(), examples(20)
    by_name = Transfer("small_models:SUBSTITUTE", FGSM(0.2))
    assert_same(by_name(net, x, y), Transfer(SUBSTITUTE, FGSM(0.2))(net, x, y))


def test_a_source_given_as_such_is_told_by_its_class_and_not_made_again():
    settings = attacks.configuration(Transfer(network(), FGSM(0.2)))
    assert settings == {"name": "transfer", "source": "npgm.network:MLP", "shape": None,
                        "attack": attacks.configuration(FGSM(0.2))}
    with pytest.raises(InputError, match="source is 'npgm.network:MLP': give a model"):
        attacks.make(**settings)


def test_a_source_that_does_not_fit_is_refused():
    x, y = examples(20)
    with pytest.raises(InputError, match="labels go from 0 to 3"):
        Transfer(network(sizes=(D, 3)), FGSM(0.2))(network(), x, y)
    with pytest.raises(InputError, match=r"shape is \(1, 7\): examples of 6"):
        Transfer(network(), FGSM(0.2), shape=(1, 7))(network(), x, y)


# From each to each


@pytest.mark.parametrize("attack", [FGSM(0.2), PGD(0.2, 5, 0.1), DeepFool(),
                                    FGSM(0.2, target="next")], ids=str)
def test_a_matrix_is_the_attack_on_the_diagonal_and_transfer_off_it(attack):
    models, (x, y) = [network(), MLP.initialize((D, 9, 4), 7, "float64")], examples(60)
    errors = transfer_matrix(attack, models, x, y)
    for k, source in enumerate(models):
        for j, model in enumerate(models):
            result = (attack if k == j else Transfer(source, attack))(model, x, y)
            assert errors[k, j] == pytest.approx(result.success.mean())


def test_between_networks_that_see_other_pixels_nothing_transfers():
    """Two sees pixel 0 and 1 of two, one pixel 0 alone, zero pixel 1 alone."""
    W = np.array([[1.0, 0], [0, 1], [1, 1]])        # of z_1 - z_0, by pixel
    models = [affine(np.stack([0 * w, w], axis=1), [0.1, 0]) for w in W]
    x, y = np.full((20, 2), 0.01), np.zeros(20, int)
    np.testing.assert_array_equal(transfer_matrix(FGSM(0.2), models, x, y),
                                  [[1, 0, 1], [0, 1, 1], [1, 1, 1]])


def test_a_matrix_of_models_of_other_dtypes_and_shapes():
    (x, y), images = examples(30), Images(network())
    images.dtype, models = "float64", [network("float32"), network(), images]
    errors = transfer_matrix(FGSM(0.2), models, x.reshape(30, 1, 2, 3), y)
    np.testing.assert_array_equal(errors, errors[0, 0])
