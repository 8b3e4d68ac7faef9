"""What a lesson is: a run that is looked at, numbers of it, a picture, and sentences
whose numbers are the run's and which are said only where they hold."""
from dataclasses import dataclass
from typing import Callable, NamedTuple

from npgm.experiments import protocol
from npgm.network import MLP

NOT_AS_EXPECTED = "Not as expected: "
NOT_SEEN = "not in this run"


class Sentence(NamedTuple):
    """What is said of a run, a format of its numbers. holds(numbers): whether it is
    true of them; where it is not, `otherwise` is said instead, another format."""

    text: str
    holds: Callable
    otherwise: str


@dataclass(frozen=True)
class Lesson:
    """A lesson, called `name` at the command line.

    title: what it is about. takes: about how long, in words, on one quiet core.
    run(data, steps, seed) -> (numbers, series): numbers {name: plain value, None of
    what did not happen}, which sentences are made of, and series {name: array}, which
    the picture is drawn from. steps: of the run, where nothing else is asked for.
    shown: {what: format of the numbers}, the few that matter. draw(numbers, series) ->
    a figure, told in `caption`. sentences: of text that is always true, or Sentences.
    """

    name: str
    title: str
    takes: str
    steps: int
    run: Callable
    shown: dict
    draw: Callable
    caption: str
    sentences: tuple

    def rows(self, numbers):
        """[(what, number in words)] of the few that matter."""
        return [(what, _filled(text, numbers)) for what, text in self.shown.items()]

    def tell(self, numbers):
        """What was seen, a list of sentences. Of what was expected and did not happen
        it says so."""
        return [_told(sentence, numbers) for sentence in self.sentences]


def _told(sentence, numbers):
    if isinstance(sentence, str):
        return sentence.format(**numbers)
    if sentence.holds(numbers):
        return sentence.text.format(**numbers)
    return NOT_AS_EXPECTED + sentence.otherwise.format(**numbers)


def _filled(text, numbers):
    try:
        return text.format(**numbers)
    except TypeError:           # None has no digits
        return NOT_SEEN


def happened(*names):
    """holds of a Sentence: each of these numbers is there."""
    return lambda numbers: all(numbers[name] is not None for name in names)


def first(values, happens):
    """The first of values (T,) where it happens (T,), a plain number, or None."""
    return values[happens.argmax()].item() if happens.any() else None


def network(data, seed):
    """The paper's network for that data, as the protocol begins it."""
    return MLP.initialize((data.x_train.shape[1], *protocol.HIDDEN, data.classes), seed,
                          data.x_train.dtype, protocol.SCHEME)
