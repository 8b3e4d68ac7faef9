"""One update after the other: the Trainer, its losses, and who watches it."""
import numpy as np
import pytest
from test_checkpoints import checkpoint_at, stop_at
from test_kernels import assert_near
from test_training import SIZES, STEPS, assert_one_line, assert_same_bits, run

from npgm.defences import AdversarialTraining
from npgm.errors import InputError, Interrupted
from npgm.losses import cross_entropy, log_odds, minus
from npgm.network import MLP, forward
from npgm.optimizers import SGD, Adam, Momentum
from npgm.training import History, Trainer, batch_rows, train


def halved_squares(z, y):
    """A user's own loss: half the squared distance to the label's unit vector."""
    dz = z - np.eye(z.shape[1], dtype=z.dtype)[y]
    return (dz * dz).sum(axis=1) / z.dtype.type(2), dz


LOSSES = pytest.mark.parametrize("loss", ["cross_entropy", log_odds, halved_squares])


def batch(data, t):
    rows = batch_rows(60, 10, 0, t)
    return data.x_train[rows], data.y_train[rows]


# A Trainer


def test_a_trainer_begins_with_nothing(tiny_data):
    net = MLP.initialize(SIZES)
    trainer = Trainer(net, Adam())
    assert trainer.net is net and trainer.t == trainer.state.t == 0
    assert not trainer.state.m.any() and not trainer.state.v.any()
    assert (trainer.x, trainer.y, trainer.losses, trainer.dtheta) == (None,) * 4


@LOSSES
def test_an_update_tells_what_it_was_made_of(loss, tiny_data):
    """losses and dtheta are those of theta before it."""
    net = MLP.initialize(SIZES, seed=1)
    trainer = Trainer(net, SGD(0.5), loss)
    for t in (1, 2):
        before, (x, y) = net.copy(), batch(tiny_data, t)
        losses = trainer.update(x, y)
        expected = before.loss_gradients(x, y, loss)
        assert losses is trainer.losses and losses.dtype == np.float32
        np.testing.assert_allclose(losses, expected.loss, rtol=1e-5)
        assert_near(trainer.dtheta, expected.dtheta, 2e-5)
        np.testing.assert_array_equal(net.theta, before.theta
                                      - np.float32(0.5) * trainer.dtheta)
        assert trainer.t == trainer.state.t == t
        np.testing.assert_array_equal(trainer.x, x)
        np.testing.assert_array_equal(trainer.y, y)


@LOSSES
@pytest.mark.parametrize("defence", [None, AdversarialTraining(0.1)], ids=str)
def test_a_loop_over_a_trainer_is_train(loss, defence, tiny_data):
    net = MLP.initialize(SIZES, seed=1)
    trainer = Trainer(net, Momentum(), loss, defence)
    losses = [trainer.update(*batch(tiny_data, t)).mean() for t in range(1, STEPS + 1)]
    history = History(np.array(losses), trainer.state)
    assert_same_bits((net, history),
                     run(tiny_data, Momentum(), loss=loss, defence=defence))


@pytest.mark.parametrize("defence", [None, AdversarialTraining(0.1)], ids=str)
def test_an_update_tells_what_the_network_made_of_the_batch(defence, tiny_data):
    """As it was before the update."""
    net = MLP.initialize(SIZES, seed=1)
    trainer = Trainer(net, SGD(0.5), defence=defence)
    assert trainer.activations() is None
    for t in (1, 2):
        layers = net.copy().layers
        trainer.update(*batch(tiny_data, t))
        for found, expected in zip(trainer.activations(),
                                   forward(layers, trainer.x), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_defended_trainer_tells_what_it_was_trained_on(tiny_data):
    net, (x, y) = MLP.initialize(SIZES, seed=1), batch(tiny_data, 1)
    both, labels = AdversarialTraining(0.1).examples(net, x, y)
    trainer = Trainer(net, Adam(), defence=AdversarialTraining(0.1))
    assert len(trainer.update(x, y)) == len(trainer.x) == 20
    np.testing.assert_array_equal(trainer.x, both)
    np.testing.assert_array_equal(trainer.y, labels)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_leaves_theta_and_state(bad, tiny_data):
    def spoilt(z, y):
        value, dz = cross_entropy(z, y)
        value[3] = bad
        return value, dz
    net, good = MLP.initialize(SIZES, seed=1), batch(tiny_data, 1)
    trainer = Trainer(net, Adam())
    trainer.update(*good)
    theta, m, v = net.theta.copy(), trainer.state.m.copy(), trainer.state.v.copy()
    trainer.loss = spoilt
    np.testing.assert_array_equal(trainer.update(*batch(tiny_data, 2))[3], bad)
    assert trainer.t == 1
    for array, before in ((net.theta, theta), (trainer.state.m, m),
                          (trainer.state.v, v)):
        np.testing.assert_array_equal(array, before)
    trainer.loss = cross_entropy        # and it may go on
    trainer.update(*batch(tiny_data, 2))
    assert trainer.t == 2 and (net.theta != theta).any()


# Losses to train with


@pytest.mark.parametrize("loss", [log_odds, halved_squares])
def test_training_on_a_loss_is_the_readable_loop(loss, tiny_data):
    net, history = run(tiny_data, Momentum(), 30, seed=5, loss=loss)
    expected, optimizer = MLP.initialize(SIZES, seed=1), Momentum()
    state = optimizer.init(expected.theta)
    for t in range(1, 31):
        rows = batch_rows(60, 10, 5, t)
        value, dtheta = expected.mean_gradient(tiny_data.x_train[rows],
                                               tiny_data.y_train[rows], loss)
        assert history.losses[t - 1] == pytest.approx(value.mean(), rel=1e-4)
        optimizer.update(expected.theta, dtheta, state)
    error = np.linalg.norm(net.theta - expected.theta)
    assert error < 1e-4 * np.linalg.norm(expected.theta)


@pytest.mark.parametrize("name, loss", [
    ("log_odds", log_odds), ("cross_entropy", cross_entropy),
    (f"{__name__}:halved_squares", halved_squares)])
def test_a_loss_by_name_is_the_loss_itself(name, loss, tiny_data):
    assert_same_bits(run(tiny_data, loss=name), run(tiny_data, loss=loss))


def test_the_usual_loss_is_cross_entropy(tiny_data):
    assert_same_bits(run(tiny_data), run(tiny_data, loss="cross_entropy"))
    assert (run(tiny_data)[1].losses != run(tiny_data, loss="log_odds")[1].losses).all()


@pytest.mark.parametrize("loss", ["cross entropy", "log_ods", None, 3])
def test_a_loss_that_is_none_is_refused(loss, tiny_data):
    with pytest.raises(InputError) as error:
        run(tiny_data, loss=loss)
    assert_one_line(error, repr(loss), "cross_entropy, log_odds")


# Watching


class Watch:
    """seen: what it saw, in order."""

    def __init__(self, stop=None):
        self.seen, self.stop = [], stop

    def begin(self, trainer):
        self.seen.append(("begin", trainer.t))

    def __call__(self, trainer):
        self.seen.append((trainer.t, trainer.losses.mean()))
        if trainer.t == self.stop:
            raise Interrupted("stop")


def test_who_watches_sees_every_update(tiny_data):
    watch, thetas = Watch(), []

    def look(trainer):
        thetas.append(trainer.net.theta.copy())
    _, history = run(tiny_data, watch=watch)
    assert watch.seen == [("begin", 0), *enumerate(history.losses, 1)]
    net, _ = run(tiny_data, watch=look)         # no `begin`: a function will do
    assert len(thetas) == STEPS
    np.testing.assert_array_equal(thetas[-1], net.theta)
    np.testing.assert_array_equal(thetas[16], run(tiny_data, steps=17)[0].theta)


def test_who_watches_is_told_where_a_run_resumes(tiny_data, tmp_path):
    path, watch = tmp_path / "run.npz", Watch()
    checkpoint_at(path, tiny_data, 17)
    _, history = run(tiny_data, checkpoint=path, watch=watch)
    assert watch.seen == [("begin", 17), *enumerate(history.losses[17:], 18)]


def test_a_run_that_is_finished_begins_and_ends(tiny_data, tmp_path):
    path, watch = tmp_path / "run.npz", Watch()
    run(tiny_data, checkpoint=path, evaluate_at=(STEPS,))
    run(tiny_data, checkpoint=path, watch=watch)
    assert watch.seen == [("begin", STEPS)]


def test_who_watches_may_interrupt(tiny_data, tmp_path):
    path, watch = tmp_path / "run.npz", Watch(stop=9)
    with pytest.raises(Interrupted):
        run(tiny_data, checkpoint=path, watch=watch)
    assert watch.seen[-1][0] == 9 and np.load(path)["t"] == 9
    assert_same_bits(run(tiny_data, checkpoint=path), run(tiny_data))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_any_other_error_saves_nothing(error, tiny_data, tmp_path):
    def watch(trainer):
        if trainer.t == 9:
            raise error
    with pytest.raises(error):
        run(tiny_data, checkpoint=tmp_path / "run.npz", watch=watch)
    assert not list(tmp_path.iterdir())


def test_watching_does_not_change_the_run(tiny_data):
    assert_same_bits(run(tiny_data, watch=Watch()), run(tiny_data))


def test_a_run_without_a_checkpoint_may_be_interrupted(tiny_data):
    with pytest.raises(Interrupted):
        train(MLP.initialize(SIZES), SGD(), tiny_data, steps=5, batch_size=10,
              evaluate_at=(), watch=stop_at(2))


# What does not fit


@pytest.mark.parametrize("loss", [
    lambda z, y: z, lambda z, y: None, lambda z, y: (0.5, z),
    lambda z, y: (z[:, 0], z[0]), lambda z, y: (z[:, :1], z)], ids=range(5))
def test_a_loss_that_gives_something_else_is_refused(loss, tiny_data):
    with pytest.raises(InputError, match="must return two arrays, loss"):
        run(tiny_data, loss=loss)


def test_a_loss_within_a_loss_says_itself_what_is_wrong(tiny_data):
    with pytest.raises(InputError, match="no such z"):
        run(tiny_data, loss=minus(refuse))


def refuse(z, y):
    raise InputError("no such z")


@pytest.mark.parametrize("change", [
    lambda x, y: (x[:, :9], y), lambda x, y: (x.astype(float), y),
    lambda x, y: (x, y + 3), lambda x, y: (x, y[:-1]), lambda x, y: (x, y - 1)])
def test_a_batch_that_does_not_fit_is_refused(change, tiny_data):
    trainer = Trainer(MLP.initialize(SIZES), SGD())
    with pytest.raises(InputError):
        trainer.update(*change(tiny_data.x_train[:10], tiny_data.y_train[:10]))


@pytest.mark.parametrize("arguments", [
    (None, SGD()), (MLP, SGD()), (MLP.initialize(SIZES), "sgd"),
    (MLP.initialize(SIZES), SGD(), "cross_entropy", "adversarial_training")], ids=str)
def test_what_cannot_be_trained_is_refused(arguments):
    with pytest.raises(InputError, match="give"):
        Trainer(*arguments)


@pytest.mark.parametrize("options", [
    {"evaluate_at": 5}, {"evaluate": "x"}, {"watch": 5}], ids=str)
def test_what_cannot_be_called_or_counted_is_refused(options, tiny_data):
    with pytest.raises(InputError, match="give"):
        run(tiny_data, **options)
