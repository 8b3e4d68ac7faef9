"""A run of training with a trace, and several of them from the same start."""
import numbers

from tqdm import tqdm

from npgm.errors import InputError, Interrupted
from npgm.network import MLP
from npgm.tracing import select
from npgm.tracing.recorder import DIVERGED, Recorder
from npgm.training import train


def trace(net, optimizer, data, parameters=3, steps=200, every=1, at=None,
          batch_size=125, seed=0, loss="cross_entropy", defence=None, checkpoint=None,
          layers=True, batch=True, progress=False):
    """Train net in place, as npgm.train does and to the same bits; returns a Trace.

    parameters: names ("W1[406,17]", "b2[3]", slices "W2[:,3]"), or how many to draw at
    random by seed; tracing.roles.find names those that play a part in a run, such as
    "largest_step". Recorded is every update, of every `every` the first, or those of
    `at`. layers, batch: whether to summarize those too. batch_size, seed, loss,
    defence, checkpoint: as npgm.train has them; a run that goes on from a checkpoint is
    recorded from there. progress: a bar on stderr.

    A run that diverges warns, and one that is interrupted by Ctrl-C ends there: the
    trace holds what was recorded, and trace.ended says why. Raises InputError if an
    argument does not fit, DataError as npgm.train does, NpgmError if the run and its
    rule should differ by a bit.
    """
    if not isinstance(net, MLP):
        raise InputError(f"net is {net!r}: give an MLP, as MLP.initialize() makes")
    selection = (select.drawn(net.sizes, parameters, seed)
                 if isinstance(parameters, numbers.Integral)
                 else select.named(net.sizes, parameters))
    recorder = Recorder(selection, steps, every, at, layers, batch)
    with tqdm(total=steps, unit=" updates", leave=False, disable=not progress) as bar:
        try:
            history = train(net, optimizer, data, steps, batch_size, seed, loss,
                            defence, evaluate_at=(), checkpoint=checkpoint,
                            watch=_Shown(recorder, bar))
        except (Interrupted, KeyboardInterrupt):
            if not recorder.begun:
                raise
            return recorder.trace(f"interrupted after update {recorder.t}")
    diverged = history.diverged_at
    return recorder.trace(DIVERGED.format(diverged) if diverged else "")


def compare(net, optimizers, data, **options):
    """{label: Trace} of {label: optimizer}: each from net as it is, on the same
    batches. options: as trace's. net is left as it is."""
    traces = {}
    for label, optimizer in optimizers.items():
        traces[label] = trace(net.copy(), optimizer, data, **options)
        if traces[label].interrupted:
            break
    return traces


class _Shown:
    """A recorder, and a bar that shows how far it is."""

    def __init__(self, recorder, bar):
        self.recorder, self.bar = recorder, bar

    def begin(self, trainer):
        self.recorder.begin(trainer)
        self.bar.update(trainer.t)

    def __call__(self, trainer):
        self.recorder(trainer)
        self.bar.update()
