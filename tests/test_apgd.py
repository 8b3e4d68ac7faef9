"""Auto-PGD against its algorithm written out for one example, and where it is told
that a gradient is lost."""
import numpy as np
import pytest
from small_models import affine, assert_same, examples, learnt, network

from npgm.attacks import APGD
from npgm.attacks.apgd import checkpoints
from npgm.losses import log_odds, margin


def test_the_papers_checkpoints():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1000) == [220, 410, 570, 700, 800, 870, 930, 990]
    assert checkpoints(10)[:3] == [3, 5, 6]


def algorithm_1(f, x_0, project, epsilon, steps):
    """The highest f met from x_0, and its point: the paper's Algorithm 1 with its two
    conditions, line by line, of one example. f(x) -> f, its gradient."""
    def step(x, eta):
        return project(x + eta * np.sign(f(x)[1]))
    xs, eta = [x_0, step(x_0, 2 * epsilon)], 2 * epsilon
    fs = [f(x)[0] for x in xs]
    x_max, f_max = max(zip(xs, fs), key=lambda point: point[1])
    w_then, f_then, halved = 0, -np.inf, False
    for k in range(1, steps):
        if k in checkpoints(steps):
            few = sum(np.diff(fs[w_then:k + 1]) > 0) < 0.75 * (k - w_then)
            stuck = not halved and f_max == f_then
            w_then, f_then, halved = k, f_max, few or stuck
            if halved:
                eta, xs[k], fs[k] = eta / 2, x_max, f_max
        z = step(xs[k], eta)
        xs.append(project(xs[k] + 0.75 * (z - xs[k]) + 0.25 * (xs[k] - xs[k - 1])))
        fs.append(f(xs[-1])[0])
        if fs[-1] > f_max:
            x_max, f_max = xs[-1], fs[-1]
    return x_max, f_max


@pytest.mark.parametrize("steps", [1, 2, 9, 30, 100])
def test_what_holds_is_where_algorithm_1_ends(steps):
    """A network with many kinks within epsilon of x."""
    net, (x, _) = network(sizes=(6, 40, 4)), examples(30)
    y, attack = learnt(net, x), APGD(0.15, steps, log_odds, clip=(0, 1))
    result, start = attack(net, x, y), attack.start(x, range(30), 0)
    held = np.flatnonzero(~result.success)
    assert len(held) >= 5

    def f(i, point):
        z, vjp = net.linearize(point[None])
        loss, dz = log_odds(z, y[i:i + 1])
        return loss[0], vjp(dz)[0]
    for i in held:
        x_max, f_max = algorithm_1(
            lambda point: f(i, point), start[i], lambda point: np.clip(np.clip(
                point, x[i] - 0.15, x[i] + 0.15), 0, 1), 0.15, steps)
        np.testing.assert_allclose(f(i, result.x_adv[i])[0], f_max, rtol=1e-9)
        np.testing.assert_allclose(result.x_adv[i], x_max, rtol=1e-7)


@pytest.mark.parametrize("loss", ["cross_entropy", "log_odds", "margin"])
def test_on_two_affine_classes_it_ends_in_the_best_corner(loss):
    w = np.array([3.0, -4, 0.1, 2, -1, 1])
    net, (x, _) = affine(np.stack([w, -w], axis=1), [0, 0]), examples(40)
    y = learnt(net, x)
    result = APGD(0.05, loss=loss)(net, x, y)
    held = ~result.success
    assert held.any()
    towards = np.where(y == 0, -1, 1)[:, None] * np.sign(w)
    np.testing.assert_allclose(result.x_adv[held], (x + 0.05 * towards)[held])


class Peak:
    """One pixel; label 0 always wins, by least at 0.3."""

    def logits(self, x):
        return np.stack([np.ones(len(x)), -(x[:, 0] - 0.3) ** 2], axis=1)

    def vjp(self, x, dz):
        return -2 * (x - 0.3) * dz[:, 1:]


def test_the_step_halves_until_a_peak_is_found():
    """The first step is 2 epsilon long, to the ball's end; the last, halved at eight
    checkpoints, 2 / 256."""
    x, y = np.zeros((20, 1)), np.zeros(20, int)
    result = APGD(1.0, loss="margin")(Peak(), x, y)
    assert set(result.status) == {"held"}
    assert np.abs(result.x_adv - 0.3).max() < 2 / 256
    few = APGD(1.0, steps=20, loss="margin")(Peak(), x, y)
    assert np.abs(few.x_adv - 0.3).max() > np.abs(result.x_adv - 0.3).max()


def test_the_seed_says_where_it_begins():
    net, (x, y) = network(), examples(30)
    for attack in (APGD(0.1, 3, seed=5), APGD(0.1, 3, seed=5, clip=(0, 1))):
        assert_same(attack(net, x, y), attack(net, x, y))
    other = APGD(0.1, 3, seed=6)(net, x, y)
    assert (APGD(0.1, 3, seed=5)(net, x, y).x_adv != other.x_adv).any()


@pytest.mark.parametrize("lead", [1e4, 1e6])
def test_rounding_stops_cross_entropy_and_nothing_else(lead):
    """float32: beyond a lead of 104 the residual is exactly zero."""
    net, masked = network("float32"), network("float32", lead=np.float32(lead))
    x, _ = examples(200, "float32")
    y = learnt(net, x)
    errors = {loss: APGD(0.2, 20, loss)(masked, x, y).success.mean()
              for loss in ("cross_entropy", "log_odds", "margin", "mifpe")}
    expected = APGD(0.2, 20, "margin")(net, x, y).success.mean()
    assert expected > 0.5
    for loss in ("log_odds", "margin", "mifpe"):
        assert errors[loss] == pytest.approx(expected, abs=0.02)
    assert errors["cross_entropy"] < expected - 0.2
    status = APGD(0.2, 20)(masked, x, y).status
    assert np.isin(status, ["no_gradient", "gradient_lost"]).mean() > 0.2


class Ledge:
    """One pixel; the lead of label 0 is constant up to a point, and falls beyond."""

    def __init__(self, edge):
        self.edge = edge

    def logits(self, x):
        return np.stack([0.1 - np.maximum(x[:, 0] - self.edge, 0), 0 * x[:, 0]],
                        axis=1)

    def vjp(self, x, dz):
        return -dz[:, :1] * (x > self.edge)


def test_where_there_is_no_gradient_it_begins_anew():
    x, y = np.zeros((60, 1)), np.zeros(60, int)
    once = APGD(1.0, 30, restarts=0)(Ledge(0.5), x, y)
    dead = once.status == "no_gradient"
    assert 0.6 < dead.mean() < 0.9                      # it begins within -1 and 1
    assert not once.success[dead].any() and once.success[~dead].all()
    assert (once.lost_at == np.where(dead, 0, -1)).all()
    again = APGD(1.0, 30, restarts=29)(Ledge(0.5), x, y)
    assert again.success.all() and (again.lost_at == once.lost_at).all()
    few = APGD(1.0, 30, restarts=2)(Ledge(0.5), x, y)
    assert once.success.sum() < few.success.sum() < again.success.sum()


def test_what_cannot_move_is_not_asked_again():
    """Beside what every attack asks: where it begins, and begins anew."""
    class Counted(Ledge):
        asked = 0

        def logits(self, x):
            self.asked += len(x)
            return super().logits(x)
    for restarts in (0, 5):
        model = Counted(9)
        result = APGD(1.0, restarts=restarts)(model, np.zeros((20, 1)),
                                              np.zeros(20, int))
        assert set(result.status) == {"no_gradient"}
        assert model.asked == 2 * 8 + 20 * (1 + restarts) + 2 * 20


class Plateau(Ledge):
    """The lead falls up to that point, and is constant beyond."""

    def logits(self, x):
        return np.stack([9 - np.minimum(x[:, 0], self.edge), 0 * x[:, 0]], axis=1)

    def vjp(self, x, dz):
        return -dz[:, :1] * (x < self.edge)


def test_a_gradient_lost_on_the_way_is_told():
    x, y = np.zeros((60, 1)), np.zeros(60, int)
    result = APGD(1.0, 30)(Plateau(0.5), x, y)
    lost = result.status == "gradient_lost"
    assert lost.mean() > 0.6 and (result.lost_at[lost] > 0).all()
    assert set(result.status) == {"gradient_lost", "no_gradient"}
    np.testing.assert_allclose(margin(Plateau(0.5).logits(result.x_adv), y)[0], -8.5)
