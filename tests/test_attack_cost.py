"""What attacks and diagnoses count, and the twin that it takes."""
import numpy as np
import pytest
from small_models import LogitsAndVjp, examples, network

from npgm.attacks.base import input_gradient
from npgm.attacks.cost import Counted, CountedTwin
from npgm.attacks.model import view


@pytest.mark.parametrize("offset", [0, 1e7])
def test_the_twin_is_taken_where_attacks_take_it(offset):
    net, (x, _) = network("float32"), examples(20, "float32")
    net.layers[-1][1][:] += offset
    counted, (attacked, _) = CountedTwin(net), view(net, x)
    np.testing.assert_array_equal(counted.logits(x), attacked.logits(x))
    assert type(counted.model) is type(attacked)


@pytest.mark.parametrize("model, calls", [(network(), 2), (LogitsAndVjp(network()), 3)],
                         ids=["linearize", "plain"])
def test_what_a_gradient_costs(model, calls):
    told, (x, y) = [], examples(7)
    counted = Counted(model, told.append)
    input_gradient(counted, x, y, "cross_entropy")
    assert counted.calls == sum(told) == 7 * calls
    assert counted.logits(x).shape == (7, 4) and counted.calls == 7 * (calls + 1)
