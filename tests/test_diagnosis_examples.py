"""The examples of a diagnosis, from files and folders."""
import numpy as np
import pytest
from small_models import D, LogitsAndVjp, examples, network

from npgm.diagnosis.examples import dtype_of, from_dataset, from_files
from npgm.errors import InputError


class Of(LogitsAndVjp):
    """A model that says of what dtype it is."""

    def __init__(self, dtype):
        super().__init__(network())
        self.dtype = dtype


class Torchs:
    """As torch.float32: no dtype to NumPy, but named."""

    def __str__(self):
        return "torch.float32"


@pytest.fixture
def files(tmp_path):
    """write(x, y): their paths."""
    def write(*arrays):
        for name, array in zip("xy", arrays):
            np.save(tmp_path / f"{name}.npy", array)
        return tmp_path / "x.npy", tmp_path / "y.npy"
    return write


@pytest.mark.parametrize("dtype, name", [
    ("float32", "float32"), (np.float32, "float32"), (np.dtype(">f8"), "float64"),
    (Torchs(), "float32"), ("float16", "float16"), (None, None)], ids=str)
def test_x_is_made_of_the_models_dtype(dtype, name, files):
    x, y = examples(5)
    assert dtype_of(Of(dtype)) == name
    found, _ = from_files(*files(x, y), Of(dtype), None, 0)
    assert found.dtype == (name or "float64")


@pytest.mark.parametrize("dtype", ["bfloat16", 3, int, "f4,f4", "no such"], ids=str)
def test_what_numpy_has_no_floats_for_is_told_in_a_line(dtype, files):
    for read in (lambda: from_files(*files(*examples(5)), Of(dtype), None, 0),
                 lambda: from_dataset(None, Of(dtype), 5, 0)):
        with pytest.raises(InputError, match=r"module.to\(torch.float32\)") as told:
            read()
        assert "\n" not in str(told.value)


def test_a_torch_module_of_bfloat16_is_told_in_a_line():
    torch = pytest.importorskip("torch")
    from npgm.models import from_torch
    module = torch.nn.Linear(D, 2)
    assert dtype_of(from_torch(module)) == "float32" == dtype_of(Of(torch.float32))
    with pytest.raises(InputError, match="bfloat16"):
        dtype_of(from_torch(module.to(torch.bfloat16)))


@pytest.mark.parametrize("y", [np.array(3), np.zeros(4, int), np.zeros((1, 5), int)],
                         ids=lambda y: str(y.shape))
def test_labels_that_are_not_one_an_example_are_refused(y, files):
    with pytest.raises(InputError, match="a label for each of the N"):
        from_files(*files(examples(5)[0], y), network(), None, 0)


@pytest.mark.parametrize("error", [ValueError("two\nlines"), SystemExit(3)], ids=repr)
def test_what_a_model_says_to_every_shape_is_told_in_a_line(error):
    class Refusing(LogitsAndVjp):
        def logits(self, x):
            raise error
    with pytest.raises(InputError, match=type(error).__name__) as told:
        from_dataset(None, Refusing(network()), 5, 0)
    assert "\n" not in str(told.value)
