"""Moving target defence: the game's solution, and the random model that plays it."""
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from small_models import C, D, LogitsAndVjp, assert_same, examples, network

import npgm
from npgm.attacks import FGSM, DeepFool, Transfer
from npgm.defences import MovingTarget
from npgm.defences.moving_target import stackelberg
from npgm.errors import InputError
from npgm.network import MLP

SHARES = st.integers(0, 20).map(lambda n: n / 20)       # ties are no rare thing
ANY = st.floats(0, 1, allow_subnormal=False)


def games(count, entries=ANY):
    """`count` payoffs (K, J) of the same game."""
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return sizes.flatmap(lambda size: st.tuples(*[
        arrays(float, size, elements=entries)] * count))


# Games with known solutions


def test_of_matching_pennies_each_side_is_played_as_often():
    """Each attack fools one network only."""
    target = MovingTarget([network()] * 2, [1, 1], np.eye(2), alpha=1)
    np.testing.assert_allclose(target.strategy, [0.5, 0.5])
    assert target.value == pytest.approx(0.5)


def test_to_commit_oneself_is_worth_more_than_to_move_at_once():
    """Conitzer and Sandholm 2006, their first example: at once (2), committed 3.5."""
    found = stackelberg(np.array([[2., 4], [1, 3]]), np.array([[1., 0], [0, 1]]))
    np.testing.assert_allclose(found.strategy, [0.5, 0.5])
    assert found.response == 1 and found.value == pytest.approx(3.5)


def test_a_network_that_another_is_better_than_is_never_drawn():
    success = np.array([[0.9, 0.2], [0.3, 0.8], [0.95, 0.85]])
    target = MovingTarget([network()] * 3, [0.98, 0.97, 0.9], success)
    assert target.strategy[2] == 0 and (target.strategy[:2] > 0.1).all()


@pytest.mark.parametrize("alpha, strategy", [(0, [0, 1, 0]), (1, [1, 0, 0])])
def test_without_attackers_the_most_accurate_else_the_hardest(alpha, strategy):
    success = np.array([[0.1, 0.2], [0.9, 0.8], [0.5, 0.5]])
    target = MovingTarget([network()] * 3, [0.9, 0.99, 0.95], success, alpha)
    np.testing.assert_allclose(target.strategy, strategy, atol=1e-12)


# Of any game


@given(games(2, SHARES) | games(2))
@settings(max_examples=60)
def test_the_equilibrium_is_one(payoffs):
    leader, follower = payoffs
    found = stackelberg(leader, follower)
    s = found.strategy
    assert (s >= 0).all() and s.sum() == pytest.approx(1)
    answers = s @ follower
    assert answers[found.response] >= answers.max() - 1e-8
    assert found.value == pytest.approx(s @ leader[:, found.response], abs=1e-8)
    for row, answer in zip(leader, follower):       # no pure strategy is better
        best = answer >= answer.max() - 1e-12
        assert row[best].max() <= found.value + 1e-8


@given(games(1, SHARES) | games(1), st.floats(0, 1))
@settings(max_examples=60)
def test_of_a_zero_sum_game_it_is_the_minimax(payoffs, weight):
    """Neither side gains by knowing the other's strategy, whatever else the defender
    minds: von Neumann's theorem, by solving it from both sides."""
    success, = payoffs
    K, J = success.shape
    leader = 1 - success
    assert stackelberg(leader, success).value == pytest.approx(
        1 - stackelberg(success.T, leader.T).value, abs=1e-8)
    accuracy = np.linspace(0.9, 1, K)
    found = MovingTarget([network()] * K, accuracy, success, weight)
    worst = (found.strategy @ success).max()
    assert found.value == pytest.approx((1 - weight) * found.strategy @ accuracy
                                        + weight * (1 - worst), abs=1e-8)


@given(games(2, SHARES) | games(2))
@settings(max_examples=40)
def test_it_is_what_linear_programming_finds(payoffs):
    optimize = pytest.importorskip("scipy.optimize")
    leader, follower = payoffs
    K, J = leader.shape
    values = []
    for j in range(J):
        solved = optimize.linprog(
            -leader[:, j], A_ub=(follower - follower[:, [j]]).T, b_ub=np.zeros(J),
            A_eq=np.ones((1, K)), b_eq=[1])
        values += [-solved.fun] if solved.success else []
    assert stackelberg(leader, follower).value == pytest.approx(max(values), abs=1e-6)


# The model


def nets():
    return [MLP.initialize((D, 9, C), seed=seed, dtype="float64", scheme="he")
            for seed in (1, 2, 3)]


def of_three(seed=0):
    """Its strategy is (0.5, 0.3, 0.2), as its attacks' success is chosen."""
    s = np.array([0.5, 0.3, 0.2])
    target = MovingTarget(nets(), [1, 1, 1], np.diag(1 / s) * 0.2, alpha=1, seed=seed)
    np.testing.assert_allclose(target.strategy, s)
    return target


def test_each_example_is_answered_by_a_network_drawn_for_it():
    target, (x, _) = of_three(), examples(4000)
    z, each = target.logits(x), np.array([net.logits(x) for net in target.networks])
    same = np.isclose(each, z, rtol=1e-12).all(axis=2)
    assert (same.sum(axis=0) == 1).all()
    np.testing.assert_allclose(same.mean(axis=1), [0.5, 0.3, 0.2], atol=0.03)
    again = target.logits(x)
    assert 0.5 < (z != again).any(axis=1).mean() < 0.75       # 1 - sum of squares: 0.62


def test_the_gradient_is_that_of_the_draw_that_answered():
    target, (x, _) = of_three(), examples(50)
    dz = np.random.default_rng(0).normal(size=(50, C))
    for ask in (lambda: (target.logits(x), target.vjp(x, dz)),
                lambda: (lambda z, vjp: (z, vjp(dz)))(*target.linearize(x))):
        z, dx = ask()
        for i in range(50):
            net, = (net for net in target.networks
                    if np.allclose(net.logits(x[i:i + 1])[0], z[i], rtol=1e-12))
            np.testing.assert_allclose(dx[i:i + 1], net.vjp(x[i:i + 1], dz[i:i + 1]),
                                       rtol=1e-9, atol=1e-12)
    assert target.vjp(x[:7], dz[:7]).shape == (7, D)        # of a draw of its own


def test_the_same_seed_and_calls_have_the_same_draws():
    (x, y), found = examples(60), []
    for target in (of_three(), of_three(), of_three(seed=1)):
        with pytest.warns(UserWarning, match="the model is random"):
            found.append(FGSM(0.2)(target, x, y))
    assert_same(found[0], found[1])
    assert (found[0].x_adv != found[2].x_adv).any()
    target = of_three()
    z = target.logits(x)
    target.logits(x)
    target.restart()
    np.testing.assert_array_equal(target.logits(x), z)


def test_what_is_to_be_expected_is_the_mean_of_many_draws():
    target, (x, y) = of_three(), examples(500)
    drawn = np.mean([target.logits(x).argmax(axis=1) != y for _ in range(50)])
    assert target.expected_error(x, y) == pytest.approx(drawn, abs=0.01)


def test_a_pure_strategy_is_a_model_that_is_not_random(recwarn):
    x, y = examples(60)
    target = MovingTarget(nets(), [1, 0, 0], np.ones((3, 1)), alpha=0)
    assert_same(FGSM(0.2)(target, x, y), FGSM(0.2)(LogitsAndVjp(nets()[0]), x, y))
    assert not recwarn.list


def test_against_attacks_its_game_is_what_they_find():
    networks, (x, y) = nets(), examples(80)
    attacks = [FGSM(0.2), DeepFool()]
    target = MovingTarget.against(attacks, networks, x, y, alpha=0.7, seed=3)
    assert target.success.shape == (3, 6) and target.seed == 3
    for k, net in enumerate(networks):
        right = net.logits(x).argmax(axis=1) == y
        assert target.accuracy[k] == pytest.approx(right.mean())
        for j in range(6):
            found = Transfer(networks[j % 3], attacks[j // 3])(net, x, y)
            assert target.success[k, j] == pytest.approx(found.success.mean())
    assert 0.3 * target.accuracy.max() <= target.value <= 1


@pytest.mark.slow
def test_diagnose_calls_it_random(tiny_data):
    networks = []
    for seed in range(3):
        net = MLP.initialize((16, 16, 3), seed)
        npgm.train(net, npgm.optimizers.Adam(0.01), tiny_data, 300, 20, seed,
                   evaluate_at=())
        networks.append(net)
    x, y = tiny_data.x_train, tiny_data.y_train
    target = MovingTarget(networks, np.ones(3), np.eye(3), alpha=1)
    report = npgm.diagnose(target, x, y, epsilon=0.1)
    assert "random" in report.verdict.line


# Refused


@pytest.mark.parametrize("make, words", [
    (lambda: MovingTarget([], [], []), r"networks is \(\): give objects"),
    (lambda: MovingTarget([3], [1], [[1]]), "give objects with logits"),
    (lambda: MovingTarget([network()], [1, 1], [[1]]), "accuracy must be shares"),
    (lambda: MovingTarget([network()], [1], [[1.5]]), "success must be shares"),
    (lambda: MovingTarget([network()], [1], [1]), "success must be shares"),
    (lambda: MovingTarget([network()], [1], [[np.nan]]), "success must be shares"),
    (lambda: MovingTarget([network()], [1], [[1]], alpha=2), "alpha is 2"),
    (lambda: MovingTarget([network()], [1], [[1]], seed=-1), "seed is -1"),
    (lambda: stackelberg(np.eye(20), np.eye(20)), "give fewer networks")])
def test_what_makes_no_game_is_refused(make, words):
    with pytest.raises(InputError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
