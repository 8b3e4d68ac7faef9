"""Pictures as texts: pixels there and back, and what stands beside them."""
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples, learnt, network

from npgm.attacks import FGSM
from npgm.data import MNIST_CHECKSUM
from npgm.experiments.measures import MEASURES, pictures
from npgm.experiments.studies import adversarial


@given(image=st.lists(st.floats(-2, 2), min_size=1, max_size=30),
       low=st.floats(-1, 0), range_=st.floats(0.5, 3))
def test_pixels_come_back_to_half_a_shade(image, low, range_):
    text = pictures.to_text(np.array(image), low, low + range_)
    back = low + range_ * pictures.from_text(text)
    np.testing.assert_allclose(back, np.clip(image, low, low + range_),
                               atol=0.51 * range_ / 255)
    perturbation = next(text for text in pictures.TEXTS if text.name == "perturbation")
    assert perturbation.are([text, None], 2)


@pytest.mark.parametrize("text", ["abc", "ab=d", "ab==ab==", "ab c", "é123", "a==="])
def test_what_cannot_be_decoded_is_no_picture(text):
    for kind in pictures.TEXTS[:2]:
        assert not kind.are([text], 1)


@pytest.fixture
def scene():
    """A network that is right on both images, and what is measured of it."""
    net, (x, _) = network("float32", lead=40), examples(2, "float32")
    y = learnt(net, x)
    data = SimpleNamespace(x_test=x, y_test=y, checksum=MNIST_CHECKSUM)
    return net, x, y, pictures.pictures(net, data)


def test_what_is_said_of_a_picture_is_what_the_network_says(scene):
    net, x, y, found = scene
    result = FGSM()(net, x, y)
    z = net.logits(result.x_adv).astype("float64")
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    for k in range(2):
        assert found[f"label_{k}_fgsm"] == found[f"predicted_{k}_none"] == str(y[k])
        assert found[f"predicted_{k}_fgsm"] == str(p[k].argmax())
        assert found[f"confidence_{k}_fgsm"] == pytest.approx(100 * p[k].max())
        assert found[f"status_{k}_fgsm"] == result.status[k]
        assert found[f"size_{k}_fgsm"] == pytest.approx(0.25, rel=1e-6)
        assert found[f"size_{k}_none"] == 0
        moved = 0.5 * pictures.from_text(found[f"perturbation_{k}_fgsm"]) - 0.25
        np.testing.assert_allclose(moved, result.x_adv[k] - x[k], atol=0.5 / 255)
        shown = pictures.from_text(found[f"result_{k}_fgsm"])
        np.testing.assert_allclose(shown, np.clip(result.x_adv[k], 0, 1),
                                   atol=0.6 / 255)


def test_every_entry_of_the_experiment_is_measured(scene):
    experiment, (*_, found) = adversarial.EXPERIMENT, scene
    assert set(experiment.measures) == {pictures.pictures.measure} <= set(MEASURES)
    entries = {(*experiment.quantities, *experiment.texts): None}
    for digit in experiment.points["digit"]:
        for attack in experiment.points["attack"]:
            for quantity in (*experiment.quantities, *experiment.texts):
                entry = quantity.entry_in({"digit": digit, "attack": attack})
                assert entry in found
                entries[entry] = None
    assert len(entries) == 1 + len(found)
