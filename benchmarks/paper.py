"""The paper's networks, trained for 100,000 updates: not in the repository, but there
once `python -m npgm.experiments fig2` has run."""
from npgm.data import MNIST_CHECKSUM
from npgm.experiments import protocol
from npgm.experiments.store.run import Run, folder_of

RESULTS = "results"     # where commands write, if not told otherwise


def networks():
    """{name: path of the .npz}, of Adam at the rate that masks and as recommended,
    whether they are there or not."""
    found = {}
    for rate in (protocol.MASKED_RATE, protocol.RECOMMENDED_RATE):
        run = Run.of(protocol.optimizer("adam", learning_rate=rate), seed=0,
                     steps=protocol.STEPS, data_checksum=MNIST_CHECKSUM)
        found[f"Adam {rate:g}, {protocol.STEPS:,} updates"] = (
            folder_of(RESULTS, run) / f"step-{protocol.STEPS:06d}.npz")
    return found
