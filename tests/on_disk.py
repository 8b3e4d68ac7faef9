"""What stands in a folder of results, for tests to compare."""
from pathlib import Path

from npgm import storage
from npgm.experiments.store.run import folder_of


def contents(folder):
    """{path: bytes} of the files below a folder, but for locks."""
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file() and path.name != "lock"}


def arrays(folder, pattern="*.npz"):
    """{path: {name: bytes}} of the archives of a folder's runs."""
    return {str(path.relative_to(folder)): {
        name: array.tobytes() for name, array in storage.read_arrays(path).items()}
        for path in sorted(Path(folder).glob(f"runs/*/{pattern}"))}


def networks(folder):
    return arrays(folder, "step-*.npz")


def record_of(out, run):
    return storage.read_json(folder_of(out, run) / "record.json")


def evaluations(folder):
    """{path: measurements} of a folder's runs."""
    return {str(path.relative_to(folder)): storage.read_json(path)["evaluations"]
            for path in sorted(Path(folder).glob("runs/*/record.json"))}


def assert_same_results(one, other):
    """The same runs, networks, losses and measurements, bit for bit."""
    assert contents(one).keys() == contents(other).keys()
    assert networks(one) and arrays(one) == arrays(other)
    assert evaluations(one) == evaluations(other)


def change(path, edit):
    """Let edit(value) change what a JSON file holds."""
    value = storage.read_json(path)
    edit(value)
    storage.write_json(path, value)
