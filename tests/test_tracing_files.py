"""A trace in files, in pictures, in text: what is written is what was recorded."""
import csv
import io
import json

import numpy as np
import pytest
from test_tracing import OWN, assert_equal, every_dtype, traced

from npgm import plots
from npgm.errors import DataError, InputError
from npgm.optimizers import SGD, Adam, RMSprop
from npgm.tracing import Trace, pictures, terminal


@every_dtype
@pytest.mark.parametrize("optimizer", [Adam(0.01, form="printed"), SGD(), RMSprop()],
                         ids=str)
def test_what_is_saved_is_loaded(optimizer, dtype, tiny_data, tmp_path):
    _, trace = traced(tiny_data, optimizer, dtype, every=3)
    trace.ended = "interrupted after update 25"
    trace.save(tmp_path / "trace.npz")
    loaded = Trace.load(tmp_path / "trace.npz")
    assert_equal(loaded, trace)
    assert (loaded.optimizer, loaded.dtype, loaded.ended, loaded.thresholds) == (
        optimizer, dtype, trace.ended, trace.thresholds)
    assert terminal.worked(loaded) == terminal.worked(trace)
    assert terminal.table(loaded) == terminal.table(trace)


def test_a_users_own_optimizer_is_not_loaded_but_its_numbers_are(tiny_data, tmp_path):
    _, trace = traced(tiny_data, OWN["adan"], steps=3)
    trace.save(tmp_path / "trace.npz")
    loaded = Trace.load(tmp_path / "trace.npz")
    assert_equal(loaded, trace)
    assert loaded.optimizer is None
    with pytest.raises(InputError, match="set trace.optimizer"):
        loaded.worked(0)
    assert "change = " in terminal.worked(loaded)
    loaded.optimizer = OWN["adan"]
    assert terminal.worked(loaded) == terminal.worked(trace)


def test_one_line_of_numpy_reads_it(tiny_data, tmp_path):
    _, trace = traced(tiny_data, steps=5)
    trace.save(tmp_path / "trace.npz")
    arrays = np.load(tmp_path / "trace.npz", allow_pickle=False)
    for name in trace.names:
        np.testing.assert_array_equal(arrays[name], trace[name])
    assert tuple(arrays["parameters"]) == trace.parameters
    np.testing.assert_array_equal(arrays["layers.W1.histogram"],
                                  trace.layers["W1"]["histogram"])
    np.testing.assert_array_equal(arrays["batch.lead"], trace.batch["lead"])


def test_csv_has_every_number_to_the_bit(tiny_data, tmp_path):
    _, trace = traced(tiny_data, steps=4)
    trace.write_csv(tmp_path / "trace.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "trace.csv").read_text())))
    assert list(lines[0]) == ["t", "of", "quantity", "value"]
    of = {(int(line["t"]), line["of"], line["quantity"]): line["value"]
          for line in lines}
    assert len(of) == len(lines)
    for row, t in enumerate(trace.steps):
        for name in trace.names:
            for k, value in enumerate(np.atleast_1d(trace[name][row])):
                key = trace.parameters[k] if trace[name].ndim == 2 else ""
                np.testing.assert_equal(trace[name].dtype.type(
                    float(of[t, key, name])), value)
        assert of[t, "W2", "unchanged"] == str(trace.layers["W2"]["unchanged"][row])
        bins = trace.layers["W2"]["histogram"][row]
        assert int(of[t, "W2", "histogram.9"]) == bins[9]
        assert of[t, "batch", "lead.2"] == str(trace.batch["lead"][row, 2])


def test_an_empty_trace_is_written_too(tiny_data, tmp_path):
    _, trace = traced(tiny_data, parameters=[], steps=2, layers=False, batch=False)
    trace.save(tmp_path / "trace.npz")
    trace.write_csv(tmp_path / "trace.csv")
    assert_equal(Trace.load(tmp_path / "trace.npz"), trace)


def test_a_flag_of_numpys_is_saved_as_pythons(tiny_data, tmp_path):
    optimizer = RMSprop(epsilon_inside_root=np.True_)
    traced(tiny_data, optimizer, steps=2)[1].save(tmp_path / "trace.npz")
    assert Trace.load(tmp_path / "trace.npz").optimizer == optimizer


def with_dtype(path, dtype):
    arrays = dict(np.load(path))
    about = {**json.loads(str(arrays["about"])), "dtype": dtype}
    np.savez(path, **{**arrays, "about": np.array(json.dumps(about))})


@pytest.mark.parametrize("spoil", [
    lambda path: with_dtype(path, "bogus"),
    lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:900]),
    lambda path: np.savez(path, m=np.zeros(3)),
    lambda path: np.savez(path, **{**np.load(path), "m": np.zeros((3, 3))}),
    lambda path: np.savez(path, **np.load(path), **{"layers.W1": np.zeros(2)}),
    lambda path: np.savez(path, **{**np.load(path), "batch.loss": np.zeros(3)}),
    lambda path: np.savez(path, about=np.array("{}")),
    lambda path: np.savez(path, about=np.array('{"optimizer": "adam"}'))],
    ids=range(9))
def test_what_is_no_trace_is_refused(spoil, tiny_data, tmp_path):
    path = tmp_path / "trace.npz"
    traced(tiny_data, steps=2)[1].save(path)
    spoil(path)
    with pytest.raises(DataError) as error:
        Trace.load(path)
    assert "\n" not in str(error.value) and "trace.npz" in str(error.value)


# Pictures


def test_a_line_a_parameter_has_the_numbers(tiny_data):
    _, trace = traced(tiny_data)
    figure = trace.plot("m", "alpha_t", "loss")
    m, alpha, loss = figure.axes
    assert len(m.lines) == len(trace.parameters)
    for k, line in enumerate(m.lines):
        np.testing.assert_array_equal(line.get_xdata(), trace.steps)
        np.testing.assert_array_equal(line.get_ydata(), trace["m"][:, k])
    assert [len(ax.lines) for ax in (alpha, loss)] == [1, 1]
    assert plots.png(figure).startswith(b"\x89PNG")


def test_several_are_told_apart_by_more_than_color(tiny_data):
    traces = {name: traced(tiny_data, optimizer)[1]
              for name, optimizer in (("a", SGD()), ("b", Adam()))}
    ax, = pictures.draw(traces, ["loss"]).axes
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert [line.get_label() for line in ax.lines] == ["a", "b"]


def test_what_cannot_be_drawn_is_refused(tiny_data, refused):
    _, trace = traced(tiny_data, steps=2)
    with refused(InputError, "name quantities"):
        trace.plot()
    with refused(InputError, "no 'mm'"):
        trace.plot("mm")


# Tables


def test_a_table_shows_first_and_last_and_a_few_between(tiny_data):
    _, trace = traced(tiny_data, steps=60, parameters=["b1[0]"])
    run, parameter = terminal.table(trace).split("\n\n")
    name, head, *rows = parameter.splitlines()
    assert name == "b1[0]" and len(rows) == terminal.SHOWN
    assert rows[0].split()[0] == "1" and rows[-1].split()[0] == "60"
    assert rows[-1].split()[-1] == f"{trace['theta'][-1, 0]:.4g}"
    told, _, *lines = run.splitlines()
    assert "from a lead of 16.6 on, in all from 10" in told and len(lines) == len(rows)


def test_many_parameters_are_not_all_told(tiny_data):
    _, trace = traced(tiny_data, steps=6, parameters=["b1[:]", "b2[:]"])
    assert "... and 1 more parameters" in terminal.table(trace)
