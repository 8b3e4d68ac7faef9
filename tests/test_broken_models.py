"""The models broken on purpose are broken as they say, the healthy ones healthy:
measured with attacks alone, no diagnosis."""
import pytest
from broken_models import MODELS, networks

from npgm.attacks import FGSM, PGD, RandomSign
from npgm.losses import mistakes

pytestmark = pytest.mark.filterwarnings("ignore:logits look like", "ignore:two calls")

NO_LOGITS = "weights_not_a_number"      # wrong on everything, before any attack


# The others are slow for being many.
QUICK = {"logits_times_1000", "quantized_input", "noisy_output", "adam_early"}


def each(**chosen):
    return pytest.mark.parametrize("entry", [
        pytest.param(entry, id=entry.name, marks=() if entry.name in QUICK
                     else pytest.mark.slow)
        for entry in MODELS if entry.name != NO_LOGITS and all(
            getattr(entry, name) == value for name, value in chosen.items())])


def built(entry):
    if entry.needs:
        pytest.importorskip(entry.needs)
    return entry.build()


def success(model, entry, attack, *hyperparameters, **more):
    return attack(entry.epsilon, *hyperparameters, clip=entry.clip, **more)(
        model, entry.x, entry.y).success


def transferred(model, entry):
    """(N,): fooled by what was made on a sound network, of the same data."""
    net = networks.early() if entry.y.max() > 1 else networks.told_sevens()
    x = entry.x.reshape(len(entry.x), -1).astype("float32")
    x_adv = FGSM(entry.epsilon, "log_odds", entry.clip)(net, x, entry.y).x_adv
    z = model.logits(x_adv.reshape(entry.x.shape).astype(entry.x.dtype))
    return mistakes(z, entry.y)


def hidden(entry):
    """The share of examples that something else fools and FGSM as attacked does not."""
    model, step = built(entry), entry.epsilon / 8
    found = (success(model, entry, FGSM, "log_odds")
             | success(model, entry, PGD, 20, step)
             | success(model, entry, PGD, 20, step, "log_odds")
             | success(model, entry, RandomSign) | transferred(model, entry))
    return (found & ~success(model, entry, FGSM)).mean()


@each(masked=True)
def test_a_masked_one_hides_much(entry):
    assert hidden(entry) > 0.3


@each(masked=False)
def test_the_others_hide_little(entry):
    assert hidden(entry) < 0.15


@each()
def test_without_an_attack_they_are_right(entry):
    assert mistakes(built(entry).logits(entry.x), entry.y).mean() < 0.15


def test_names_are_their_own():
    names = [entry.name for entry in MODELS]
    assert len(set(names)) == len(names) and NO_LOGITS in names


def test_trained_networks_are_shared():
    assert networks.early() is networks.early()
    by_name = {entry.name: entry for entry in MODELS}
    assert by_name["adam_early"].build() is networks.early()
    assert by_name["shattered"].x is by_name["adam_early"].x
