"""Defensive distillation (Papernot, McDaniel, Wu, Jha and Swami 2016, arXiv
1511.04508)."""
import dataclasses
from dataclasses import dataclass

from npgm import checks
from npgm.errors import InputError
from npgm.losses import at_temperature, cross_entropy, soft_cross_entropy, softmax


@dataclass(frozen=True)
class Distillation:
    """Two networks of one architecture. A teacher F is trained on the labels, a student
    on what the teacher makes of the same images, both with a softmax at temperature T:

        F(x) = softmax(z(x) / T),    J = -sum_k F_k(x) log softmax(z_student(x) / T)_k

    The student is what is kept, and is used, and attacked, at temperature 1: its logits
    grow with T, to T times as large if training goes on long enough, the softmax
    saturates, and p - onehot(y), with which an attack begins, is rounded away.
    Nothing else protects it (Carlini and Wagner 2016, arXiv 1607.04311):
    `losses.log_odds` begins with numbers that are not small, whatever T.

    temperature: T > 0, what logits are divided by; the paper tries 1 to 100. The
    teacher is trained by `npgm.train` before the student, from the same weights, on the
    same batches, with as many updates of the same optimizer; its checkpoint stands
    beside the student's, as teacher-NAME. `Taught` has one of your own. dz has a factor
    1 / T, as in the paper: optimizers that see the scale of a gradient need a larger
    learning rate.

    The extension of 2017 is `extended_distillation`.
    """

    temperature: float = 20

    def __post_init__(self):
        object.__setattr__(self, "temperature", checks.number(
            "temperature", self.temperature, above=True))

    def begin(self, loss, teach):
        """What `npgm.train` asks for before the first update: (the loss, the defence)
        that the student is trained with. teach(loss) -> a network trained as the
        student will be, but with that loss and on the labels."""
        check_loss(loss)
        teacher = teach(at_temperature(cross_entropy, self.temperature))
        return Taught(self.temperature, teacher).begin(loss, teach)

    def examples(self, model, x, y):
        """InputError: what there is to learn a teacher has to say."""
        raise InputError("distillation has no teacher yet: npgm.train trains one")


@dataclass(frozen=True)
class Taught:
    """Distillation by a teacher that is there: any object with logits, trained at
    `temperature`."""

    temperature: float
    teacher: object

    def __post_init__(self):
        object.__setattr__(self, "temperature", checks.number(
            "temperature", self.temperature, above=True))
        if not callable(getattr(self.teacher, "logits", None)):
            raise InputError(f"teacher is {self.teacher!r}: give a network")

    def begin(self, loss, teach):
        """(the student's loss, the teacher as it answers fastest)."""
        check_loss(loss)
        teacher = (self.teacher.compiled() if hasattr(self.teacher, "compiled")
                   else self.teacher)
        return (at_temperature(soft_cross_entropy, self.temperature),
                dataclasses.replace(self, teacher=teacher))

    def examples(self, model, x, y):
        """x (N, D), y (N,) -> x, F(x) (N, C): the batch with the teacher's labels."""
        z = self.teacher.logits(x)
        return x, softmax(z / z.dtype.type(self.temperature))[0]


def check_loss(loss):
    """InputError unless a student's loss is left to the defence."""
    if loss is not cross_entropy:
        raise InputError("distillation trains by cross_entropy: leave out loss")
