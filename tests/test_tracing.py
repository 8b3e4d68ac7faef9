"""Tracing: the same run to the bit, what is recorded of it, and how it ends."""
import dataclasses
from dataclasses import dataclass, replace

import numpy as np
import pytest
from test_checkpoints import stop_at
from test_optimizers import ALL
from test_own_optimizers import Adan, AMSGrad, Clipped, with_rule, with_the_largest
from test_training import SIZES

import npgm
from npgm import compiled, tracing
from npgm.defences import AdversarialTraining
from npgm.errors import DivergedWarning, InputError, Interrupted, NpgmError
from npgm.network import MLP, layer_views
from npgm.optimizers import SGD, Adam, Momentum, Optimizer, quantities
from npgm.tracing import Recorder, select, summaries, toy
from npgm.training import batch_rows, train

NAMES = ["W1[3,2]", "W1[15,7]", "b1[0]", "W2[7,:]", "b2[1]"]
STEPS = 25
OWN = {"amsgrad": AMSGrad(0.01), "adan": Adan(0.1)}
every_optimizer = pytest.mark.parametrize("optimizer", [*ALL.values(), *OWN.values()],
                                          ids=[*ALL, *OWN])
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def of_dtype(data, dtype):
    return replace(data, x_train=data.x_train.astype(dtype))


def traced(data, optimizer=Adam(learning_rate=0.01), dtype="float32", steps=STEPS,
           parameters=NAMES, **options):
    """(net, Trace) of a run on a fresh network, batches of 10."""
    net = MLP.initialize(SIZES, seed=1, dtype=dtype)
    return net, npgm.trace(net, optimizer, of_dtype(data, dtype), parameters, steps,
                           batch_size=10, **options)


def thetas(data, optimizer=Adam(learning_rate=0.01), dtype="float32", steps=STEPS,
           **options):
    """theta and state, before the first update and after each."""
    net, seen = MLP.initialize(SIZES, seed=1, dtype=dtype), []

    def look(trainer):
        seen.append({"theta": trainer.net.theta.copy(), "g": trainer.dtheta.copy(), **{
            name: getattr(trainer.state, name).copy() for name in optimizer.initial}})
    first = {"theta": net.theta.copy(), **{
        name: np.full_like(net.theta, value)
        for name, value in optimizer.initial.items()}}
    train(net, optimizer, of_dtype(data, dtype), steps, 10, evaluate_at=(), watch=look,
          **options)
    return [first, *seen]


def assert_equal(one, other):
    assert one.parameters == other.parameters and one.names == other.names
    for name in ("steps", *one.names, *one.batch):
        a, b = (t.steps if name == "steps" else t[name] for t in (one, other))
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, name)
    assert one.layers.keys() == other.layers.keys()
    for layer, known in one.layers.items():
        for name, values in known.items():
            np.testing.assert_array_equal(values, other.layers[layer][name], name)


# The same run


@every_optimizer
@every_dtype
def test_a_traced_run_is_the_untraced_one_and_the_recorded_one(optimizer, dtype,
                                                               tiny_data):
    net, trace = traced(tiny_data, optimizer, dtype)
    first, *after = thetas(tiny_data, optimizer, dtype)
    assert net.theta.tobytes() == after[-1]["theta"].tobytes()
    at = select.named(SIZES, NAMES).indices
    assert trace.steps.tolist() == list(range(1, STEPS + 1))
    for name in ("theta", *optimizer.initial):
        for recorded, real in ((trace[name], after),
                               (trace[name + "_before"], [first, *after])):
            assert recorded.dtype == dtype and recorded.shape == (STEPS, len(at))
            expected = np.array([one[name][at] for one in real[:STEPS]])
            assert recorded.tobytes() == expected.tobytes()
    assert trace["g"].tobytes() == np.array([one["g"][at] for one in after]).tobytes()
    assert set(optimizer.rule.quantities) < set(trace.names)
    for name, value in optimizer.coefficients(7).items():
        assert trace[name][6] == trace[name].dtype.type(value)


@every_optimizer
@every_dtype
def test_resumed_from_a_checkpoint_it_records_from_there(optimizer, dtype, tiny_data,
                                                         tmp_path):
    whole_net, whole = traced(tiny_data, optimizer, dtype)
    path = tmp_path / "run.npz"
    with pytest.raises(Interrupted):
        train(MLP.initialize(SIZES, seed=1, dtype=dtype), optimizer,
              of_dtype(tiny_data, dtype), STEPS, 10, evaluate_at=(), checkpoint=path,
              watch=stop_at(11))
    net, trace = traced(tiny_data, optimizer, dtype, checkpoint=path)
    assert net.theta.tobytes() == whole_net.theta.tobytes()
    assert trace.steps.tolist() == list(range(12, STEPS + 1))
    for name in trace.names:
        np.testing.assert_array_equal(trace[name], whole[name][11:], name)
    for layer, known in trace.layers.items():
        np.testing.assert_array_equal(known["ratio"], whole.layers[layer]["ratio"][11:])
    np.testing.assert_array_equal(trace.batch["silent"], whole.batch["silent"][11:])


@pytest.mark.parametrize("options, expected", [
    ({"every": 1}, range(1, 26)), ({"every": 7}, [1, 8, 15, 22]),
    ({"at": [9, 2, 25, 9]}, [2, 9, 25])], ids=str)
def test_chosen_updates_are_those_of_a_whole_trace(options, expected, tiny_data):
    _, whole = traced(tiny_data)
    _, trace = traced(tiny_data, **options)
    assert trace.steps.tolist() == list(expected)
    rows = trace.steps - 1
    assert_equal(trace, dataclasses.replace(
        whole, steps=whole.steps[rows],
        quantities={name: values[rows] for name, values in whole.quantities.items()},
        coefficients={name: v[rows] for name, v in whole.coefficients.items()},
        batch={name: values[rows] for name, values in whole.batch.items()},
        layers={layer: {name: values[rows] for name, values in known.items()}
                for layer, known in whole.layers.items()}))


def test_a_rule_whose_parameters_see_each_other_is_run_on_all(tiny_data):
    optimizer = with_rule(with_the_largest, "theta", "m", initial={"m": 1e-3})
    with pytest.warns(UserWarning, match="runs in NumPy"):
        net, trace = traced(tiny_data, optimizer)
        after = thetas(tiny_data, optimizer)
    at = select.named(SIZES, NAMES).indices
    assert net.theta.tobytes() == after[-1]["theta"].tobytes()
    np.testing.assert_array_equal(trace["m"], [one["m"][at] for one in after[1:]])


def see_each_other_late(theta, g, m, alpha, t):
    return theta - alpha * (g / np.max(np.abs(g)) if t > 3 else g), m + g


@dataclass(frozen=True)
class Warm(Optimizer):
    initial = {"m": 0.0}
    rule = staticmethod(quantities("theta", "m")(see_each_other_late))

    def coefficients(self, t):
        return {"alpha": 0.01, "t": t}


def test_a_rule_whose_parameters_see_each_other_later_on(tiny_data):
    with pytest.warns(UserWarning, match="runs in NumPy"):
        net, trace = traced(tiny_data, Warm(), steps=6)
    assert len(trace.steps) == 6 and trace["t"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_users_rule_that_differs_is_not_npgms_mistake(tiny_data, refused):
    rng = np.random.default_rng(0)

    def of_chance(theta, g, m, alpha):
        return theta - alpha * g, m + theta.dtype.type(rng.random())
    with pytest.warns(UserWarning, match="runs in NumPy"), refused(
            InputError, "update 1: m of", "run a second time"):
        traced(tiny_data, with_rule(of_chance, "theta", "m"))


@pytest.mark.parametrize("parameters", [["b2[:]"], []], ids=["some", "none"])
@pytest.mark.parametrize("spoilt", ["theta", "m"])
def test_one_bit_of_difference_is_told(spoilt, parameters, tiny_data):
    net = MLP.initialize(SIZES, seed=1)
    recorder = Recorder(select.named(SIZES, parameters), STEPS)

    class Spoil:
        begin = recorder.begin

        def __call__(self, trainer):
            if trainer.t == 9:
                array = net.theta if spoilt == "theta" else trainer.state.m
                array[:] = np.nextafter(array, np.float32(1))
            recorder(trainer)
    with pytest.raises(NpgmError, match=f"update 9: {spoilt} of .*mistake") as error:
        train(net, Adam(), tiny_data, STEPS, 10, evaluate_at=(), watch=Spoil())
    assert not isinstance(error.value, InputError) and "\n" not in str(error.value)


def test_a_defence_and_another_loss_are_traced_too(tiny_data):
    options = {"defence": AdversarialTraining(0.1), "loss": "log_odds"}
    net, trace = traced(tiny_data, **options)
    after = thetas(tiny_data, **options)
    assert net.theta.tobytes() == after[-1]["theta"].tobytes()
    at = select.named(SIZES, NAMES).indices
    np.testing.assert_array_equal(trace["m"], [one["m"][at] for one in after[1:]])
    assert np.isfinite(trace.batch["lead"]).all()


# What is derived


def test_effective_rate_change_and_units_in_the_last_place(tiny_data):
    _, trace = traced(tiny_data, SGD(0.5))
    moving = trace["g"] != 0
    assert moving.any() and not moving.all()
    np.testing.assert_allclose(trace["effective_rate"][moving], 0.5, rtol=1e-6)
    assert np.isnan(trace["effective_rate"][~moving]).all()
    np.testing.assert_array_equal(trace["changed"],
                                  trace["theta"] != trace["theta_before"])
    np.testing.assert_array_equal(
        trace["ulps"], trace["step"].astype("float64")
        / np.spacing(np.abs(trace["theta_before"])).astype("float64"))


def test_a_step_below_half_a_unit_changes_nothing(tiny_data):
    _, trace = traced(tiny_data, SGD(1e-8))
    small = np.abs(trace["ulps"]) < 0.25
    assert small.any() and not trace["changed"][small].any()
    assert trace["changed"][np.abs(trace["ulps"]) > 1].all()


def test_a_parameter_that_was_0_has_no_last_place():
    for dtype in ("float32", "float64"):
        ulps = toy.trace("weight", SGD(0.1), 2, dtype=dtype)["ulps"]
        assert np.isnan(ulps[0, 0]) and np.isfinite(ulps[1, 0])


def test_a_rule_that_names_no_step_has_one(tiny_data):
    @quantities("theta")
    def bare(theta, g, alpha):
        return theta - alpha * g,

    @dataclass(frozen=True)
    class Bare(Optimizer):
        rule = staticmethod(bare)

        def coefficients(self, t):
            return {"alpha": 0.5}
    _, trace = traced(tiny_data, Bare())
    _, same = traced(tiny_data, SGD(0.5))
    np.testing.assert_array_equal(trace["theta"], same["theta"])
    np.testing.assert_allclose(trace["step"], same["step"], atol=1e-7)


# Summaries


@every_dtype
@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01)], ids=str)
def test_layers_are_what_numpy_says_of_all_their_parameters(optimizer, dtype,
                                                            tiny_data):
    _, trace = traced(tiny_data, optimizer, dtype)
    after = thetas(tiny_data, optimizer, dtype)
    assert list(trace.layers) == ["W1", "b1", "W2", "b2"]
    for row in (0, 9, 24):
        g = layer_views(SIZES, after[row + 1]["g"])
        before, now = (layer_views(SIZES, after[t]["theta"]) for t in (row, row + 1))
        for i, layer in enumerate(before):
            for j, letter in enumerate("Wb"):
                found = {name: values[row] for name, values in
                         trace.layers[f"{letter}{i + 1}"].items()}
                step, slope = layer[j] - now[i][j], g[i][j]
                expected = {
                    "g_norm": np.linalg.norm(slope), "step_norm": np.linalg.norm(step),
                    "theta_norm": np.linalg.norm(layer[j]),
                    "ratio": np.linalg.norm(step) / np.linalg.norm(layer[j]),
                    "unchanged": np.mean(step == 0),
                    "against": np.mean(np.sign(step) == -np.sign(slope + (slope == 0)))
                    if slope.all() else np.mean(step.astype(float) * slope < 0)}
                for name, value in expected.items():
                    assert found[name] == pytest.approx(value, rel=2e-5), name
                edges = np.array([-np.inf, *range(-12, 1), np.inf])
                sizes = np.log10(np.abs(step[step != 0], dtype="float64"))
                np.testing.assert_array_equal(found["histogram"],
                                              np.histogram(sizes, edges)[0])


@every_dtype
def test_the_compiled_summary_is_numpys(dtype):
    """Steps of every size, none, subnormal, not finite; arrays longer than a piece."""
    rng, P = np.random.default_rng(0), 10_000
    before, g = rng.normal(size=(2, P)).astype(dtype)
    before[::3] *= np.dtype(dtype).type(1e-9)
    sizes = (10.0 ** rng.integers(-20, 3, P)).astype(dtype)
    after = before - rng.normal(size=P).astype(dtype) * sizes
    after[::7], g[::5] = before[::7], 0
    g[1] = np.finfo(dtype).smallest_subnormal
    ends, edges = np.array([1, 5000, 5001, P]), np.logspace(-12, 0, 13).astype(dtype)
    for spoilt in (None, np.nan, np.inf):
        if spoilt:
            after[6000] = spoilt
        results = []
        for function in (summaries.summarize, compiled.summarize):
            sums, reaching = np.full((4, 5), 7.0), np.full((4, 13), 7, np.int64)
            now = before.copy()
            with np.errstate(invalid="ignore"):
                function(now, after, g, ends, edges, sums, reaching)
            np.testing.assert_array_equal(now, after)
            results.append((sums, reaching))
        (expected, counts), (sums, reaching) = results
        np.testing.assert_allclose(sums, expected, rtol=1e-12)
        np.testing.assert_array_equal(reaching, counts)


@pytest.mark.parametrize("function", [summaries.summarize, compiled.summarize])
def test_steps_that_are_no_number_are_in_no_bin(function):
    layers = summaries.LayerSummaries(1, {"W1": np.arange(6)}, "float32")
    layers.summarize = function
    before = np.zeros(6, "float32")
    after = np.array([0, np.nan, 1e-15, 0.5, -np.inf, np.nan], "float32")
    with np.errstate(invalid="ignore"):
        layers.record(0, before, after, np.ones(6, "float32"))
    found = layers.series(1)["W1"]
    assert found["histogram"].tolist() == [[1, *[0] * 11, 1, 1]]
    assert found["unchanged"] == 1 / 6


def test_momentum_steps_against_the_gradient(tiny_data):
    _, trace = traced(tiny_data, Momentum(0.1))
    assert 0 < max(trace.layers["W1"]["against"]) < 1
    _, plain = traced(tiny_data, SGD(0.1))
    assert not plain.layers["W1"]["against"].any()


def test_the_batch_is_what_the_network_said_before_the_update(tiny_data):
    _, trace = traced(tiny_data)
    after = thetas(tiny_data)
    for row in (0, 24):
        net = MLP(SIZES, after[row]["theta"])
        rows = batch_rows(60, 10, 0, row + 1)
        x, y = tiny_data.x_train[rows], tiny_data.y_train[rows]
        z, on = net.logits(x), x @ net.layers[0][0] + net.layers[0][1] > 0
        lead = z[range(10), y] - np.where(np.eye(3)[y] == 1, -np.inf, z).max(axis=1)
        batch = {name: values[row] for name, values in trace.batch.items()}
        assert batch["loss"] == pytest.approx(net.loss_gradients(x, y).loss.mean(),
                                              rel=1e-5)
        np.testing.assert_allclose(batch["lead"], np.quantile(
            lead, (0.05, 0.25, 0.5, 0.75, 0.95), method="nearest"), rtol=1e-4,
            atol=1e-5)
        assert batch["active"].tolist() == [on.mean()]
        assert batch["silent"].tolist() == [np.count_nonzero(~on.any(axis=0))]
        assert batch["label_rounded"] == batch["residual_rounded"] == 0


def test_residuals_that_round_to_zero_are_counted(tiny_data):
    net = MLP.initialize(SIZES, seed=1)
    train(net, Adam(0.01), tiny_data, 300, 10, evaluate_at=())
    counts = []
    for scale in (1, 1e3):
        other = net.copy()
        other.layers[-1][0][:] *= np.float32(scale)
        trace = npgm.trace(other, SGD(0.0), tiny_data, 1, 6, batch_size=10)
        assert (trace["label_rounded"] >= trace["residual_rounded"]).all()
        label, whole = trace.thresholds
        assert label == pytest.approx(16.6, abs=0.1) and whole > 80
        beyond = trace.batch["lead"][:, 0] > whole
        assert (trace["residual_rounded"][beyond] >= 9).all()
        counts.append(trace["residual_rounded"].sum())
    assert counts[0] == 0 < counts[1]


def test_without_parameters_there_are_coefficients(tiny_data):
    _, trace = traced(tiny_data, parameters=[])
    assert trace["m"].shape == (STEPS, 0)
    np.testing.assert_array_equal(trace["alpha_t"], traced(tiny_data)[1]["alpha_t"])


def test_without_summaries_there_are_none(tiny_data):
    net, trace = traced(tiny_data, layers=False, batch=False)
    assert trace.layers == trace.batch == {}
    assert net.theta.tobytes() == traced(tiny_data)[0].theta.tobytes()


def test_where_numpy_trains_the_summaries_are_the_same(tiny_data, monkeypatch):
    _, expected = traced(tiny_data, SGD(0.1))
    monkeypatch.setattr(MLP, "compiled", lambda net: net)
    monkeypatch.setattr("npgm.compiled.jit.disabled", lambda: True)
    _, trace = traced(tiny_data, SGD(0.1))
    for name, values in expected.batch.items():
        np.testing.assert_allclose(trace.batch[name], values, rtol=1e-4, atol=1e-5)
    for layer, known in expected.layers.items():
        for name, values in known.items():
            np.testing.assert_allclose(trace.layers[layer][name], values, rtol=1e-3,
                                       atol=1e-6 if name != "histogram" else 2)


# How it ends


def test_a_diverging_run_is_recorded_up_to_there(tiny_data):
    with pytest.warns(DivergedWarning):
        _, trace = traced(tiny_data, SGD(learning_rate=1e30))
    t = len(trace.steps) + 1
    assert trace.ended == f"diverged at update {t}" and 1 < t < STEPS
    assert len(trace["g"]) == len(trace.batch["loss"]) == t - 1
    assert np.isfinite(trace.batch["loss"]).all()


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt])
def test_an_interrupted_run_is_recorded_up_to_there(error, tiny_data, monkeypatch,
                                                    tmp_path):
    _, whole = traced(tiny_data, at=range(1, 13))
    call = Recorder.__call__

    def stop(recorder, trainer):
        call(recorder, trainer)
        if trainer.t == 12:
            raise error
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "__call__", stop)
        _, trace = traced(tiny_data, checkpoint=tmp_path / "run.npz")
    assert trace.ended == "interrupted after update 12"
    assert_equal(trace, whole)


def test_a_finished_run_has_nothing_to_record(tiny_data, tmp_path):
    path = tmp_path / "run.npz"
    train(MLP.initialize(SIZES, seed=1), Adam(0.01), tiny_data, STEPS, 10,
          evaluate_at=(STEPS,), checkpoint=path)
    _, trace = traced(tiny_data, checkpoint=path)
    assert trace["m"].shape == (0, len(trace.parameters)) and trace.ended == ""


def test_a_bar_on_stderr_changes_nothing(tiny_data, capsys):
    _, trace = traced(tiny_data, progress=True)
    assert " updates" in capsys.readouterr().err
    assert_equal(trace, traced(tiny_data)[1])
    assert capsys.readouterr().err == ""


def test_side_by_side_from_the_same_start(tiny_data):
    net = MLP.initialize(SIZES, seed=1)
    before = net.theta.copy()
    traces = tracing.compare(net, {"a": SGD(), "b": Adam(0.01)}, tiny_data,
                             parameters=NAMES, steps=5, batch_size=10)
    np.testing.assert_array_equal(net.theta, before)
    assert_equal(traces["b"], traced(tiny_data, steps=5)[1])
    np.testing.assert_array_equal(traces["a"]["g"][0], traces["b"]["g"][0])
    assert traces["a"].batch["loss"][0] == traces["b"].batch["loss"][0]


# What does not fit


@pytest.mark.parametrize("options", [
    {"every": 0}, {"at": [0]}, {"at": [26]}, {"at": []}, {"at": "3"}, {"at": 3},
    {"at": [3], "every": 2}, {"at": [[1]]}, {"at": [1, "a"]}, {"steps": 0},
    {"parameters": 0}, {"parameters": 1e9},
    {"layers": 1}, {"batch": None}], ids=str)
def test_options_that_make_no_sense_are_refused(options, tiny_data, refused):
    with refused(InputError, "give"):
        traced(tiny_data, **options)


def test_what_cannot_be_traced_is_refused(tiny_data, refused):
    with refused(InputError, "give an MLP"):
        npgm.trace(None, Adam(), tiny_data)
    with refused(InputError, "Clipped makes its updates in a way of its own"):
        traced(tiny_data, Clipped())
    with refused(InputError, "names 'changed', which has a meaning"):
        def rule(theta, g, m, alpha):
            return theta - alpha * g, m, g
        traced(tiny_data, with_rule(rule, "theta", "m", "changed"))


@pytest.mark.parametrize("coefficient", ["step", "steps", "g", "m", "theta_before"])
def test_a_coefficient_with_a_name_that_is_taken_is_refused(coefficient, tiny_data,
                                                            refused):
    optimizer = with_rule(lambda theta, g, m, alpha: (theta - alpha * g, m + g),
                          "theta", "m", **{coefficient: 0.5})
    with refused(InputError, f"names '{coefficient}', which has a meaning"):
        traced(tiny_data, optimizer)


def test_a_coefficient_that_comes_later_is_not_recorded(tiny_data):
    @dataclass(frozen=True)
    class Late(SGD):
        def coefficients(self, t):
            return super().coefficients(t) | ({"late": 1.0} if t > 2 else {})
    _, trace = traced(tiny_data, Late(0.1), steps=4)
    assert "late" not in trace.names and len(trace.steps) == 4


def test_a_recorder_that_was_given_to_no_run_has_no_trace(refused):
    with refused(InputError, "watch=recorder"):
        Recorder(select.named(SIZES, NAMES), 5).trace()


def test_the_memory_of_summaries_is_counted_too(tiny_data, refused):
    with refused(InputError, "do not fit into 1 GB", "layers=False"):
        traced(tiny_data, steps=2_000_000, parameters=["b1[0]"])


def test_a_trace_too_large_for_memory_is_refused(tiny_data, refused):
    with refused(InputError, "do not fit into 1 GB"):
        traced(tiny_data, steps=10 ** 6, parameters=["W1[:,:]"])


def test_a_quantity_that_is_none_is_named(tiny_data, refused):
    with refused(InputError, "is it 'm'?", "it has theta, m, v, step, g"):
        traced(tiny_data)[1]["mm"]
