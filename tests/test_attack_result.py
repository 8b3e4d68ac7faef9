"""What a result tells beside the examples: distances, calls of the model, seconds."""
import numpy as np
import pytest
from small_models import C, Images, LogitsAndVjp, examples, learnt, network
from test_attacks import ATTACKS, EVERY

from npgm.attacks import FGSM, PGD, DeepFool, RandomSign, Square


@EVERY
def test_distances_are_those_of_x_adv(attack):
    net, (x, y) = network(), examples(30)
    result = attack(net, x, y)
    for found, order in ((result.l0, 0), (result.l2, 2), (result.linf, np.inf)):
        expected = [np.linalg.norm(r, order) for r in result.x_adv - x]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_distances_of_images_are_those_of_rows():
    x, y = examples(30, "float32")
    of_rows = FGSM(0.2)(LogitsAndVjp(network("float32")), x, y)
    of_images = FGSM(0.2)(Images(network("float32")), x.reshape(30, 1, 2, 3), y)
    for name in ("l0", "l2", "linf"):
        one, other = getattr(of_rows, name), getattr(of_images, name)
        assert one.shape == (30,)
        np.testing.assert_array_equal(one, other)


class Calls(LogitsAndVjp):
    """Counts a vjp as both ways."""

    def vjp(self, x, dz):
        self.shown += 2 * len(x)
        return super().vjp(x, dz)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_queries_are_the_calls_made_but_for_a_look_at_the_model(attack):
    net, (x, y) = Calls(network()), examples(30)
    result = attack(net, x, y)
    assert net.shown - 2 * 8 == result.queries >= 2 * len(x)


@pytest.mark.parametrize("attack, calls", [
    (FGSM(), 3), (RandomSign(), 2), (PGD(0.2, 5, 0.1), 2 * 5 + 1 + 2),
    (Square(0.0, 7), 7 + 2)], ids=str)
def test_what_each_attack_asks(attack, calls):
    net, (x, _) = network(), examples(20)
    assert attack(net, x, learnt(net, x)).queries == calls * 20


def test_an_example_that_is_done_with_is_not_asked_about():
    """DeepFool leaves the already wrong alone: their logits, before and after."""
    net, (x, _) = network(), examples(20)
    y = (learnt(net, x) + 1) % C
    assert DeepFool()(net, x, y).queries == 2 * 20
    full, early = (PGD(0.5, 20, 0.1, until_fooled=until)(net, x, y).queries
                   for until in (False, True))
    assert early < full / 2


def test_seconds_are_told():
    assert 0 < FGSM()(network(), *examples(5)).seconds < 60
