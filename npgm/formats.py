"""Files of named arrays, by how their names end: .npz, and .safetensors and .onnx as
those libraries write them, which are imported when they are asked for."""
import importlib
import os
from pathlib import Path

import numpy as np

from npgm import storage
from npgm.errors import InputError

LIBRARIES = {".safetensors": "safetensors.numpy", ".onnx": "onnx"}
PACKAGES = {"sklearn": "scikit-learn"}      # where pip calls it otherwise


def library(name):
    """A module of another library. InputError, with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        root = name.partition(".")[0]
        raise InputError(f"{root} cannot be imported ({error}): python -m pip install "
                         f"{PACKAGES.get(root, root)}") from error


def check(path):
    """InputError unless a file that ends so can be written."""
    if Path(path).suffix not in (".npz", *OTHERS):
        raise InputError(f"{path}: give a name that ends in .npz, {', '.join(OTHERS)}")
    if needed := LIBRARIES.get(Path(path).suffix):
        library(needed)


def write(path, arrays):
    """Write {name: array}, W1, b1, W2, b2, ... of an MLP, whole or not at all; as .npz
    unless path ends otherwise. Raises StorageError, InputError."""
    encode, _ = OTHERS.get(Path(path).suffix, (None, None))
    if encode is None:
        storage.write_arrays(path, **arrays)
        return
    content = encode(arrays)
    with storage.replacing(path) as file:
        file.write(content)


def read(path):
    """{name: array} of a file: of an ONNX model its initializers. Never unpickles.
    Raises DataError, InputError."""
    suffix = Path(path).suffix if isinstance(path, (str, os.PathLike)) else ""
    if suffix not in OTHERS:
        return storage.read_arrays(path)
    _, prepare = OTHERS[suffix]
    decode = prepare()                      # a library that is missing is told as such
    with storage.reading(path, suffix, "file of plain arrays"):
        return decode(Path(path).read_bytes())


def _to_safetensors(arrays):
    return library("safetensors.numpy").save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _from_safetensors():
    return library("safetensors.numpy").load


def _to_onnx(arrays):
    """x (N, D) -> Gemm, Relu, Gemm, ... -> z (N, C)."""
    helper, to_tensor = library("onnx.helper"), library("onnx.numpy_helper").from_array
    count, nodes, value = len(arrays) // 2, [], "x"
    for i in range(1, count + 1):
        out = "z" if i == count else f"a{i}"
        nodes.append(helper.make_node("Gemm", [value, f"W{i}", f"b{i}"], [out]))
        if i < count:
            value = f"h{i}"
            nodes.append(helper.make_node("Relu", [out], [value]))
    kind = helper.np_dtype_to_tensor_dtype(arrays["W1"].dtype)
    widths = {"x": len(arrays["W1"]), "z": arrays[f"b{count}"].size}
    ends = [[helper.make_tensor_value_info(name, kind, ["N", width])]
            for name, width in widths.items()]
    graph = helper.make_graph(nodes, "mlp", *ends, [
        to_tensor(array, name) for name, array in arrays.items()])
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 13)]).SerializeToString()


def _from_onnx():
    onnx, to_array = library("onnx"), library("onnx.numpy_helper").to_array

    def decode(content):
        tensors = onnx.load_model_from_string(content).graph.initializer
        if any(tensor.data_location for tensor in tensors):
            raise ValueError("its arrays are in another file: save it with them inside")
        return {tensor.name: to_array(tensor) for tensor in tensors}
    return decode


OTHERS = {".safetensors": (_to_safetensors, _from_safetensors),
          ".onnx": (_to_onnx, _from_onnx)}
