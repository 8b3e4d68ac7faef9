"""What a diagnosis costs in calls of the model, an example each: forwards is one,
backwards is one. So `logits` costs one and `vjp`, which goes both ways, two; a gradient
with its logits costs two by `linearize`, three of a model that has none."""
from npgm.attacks.base import linearize
from npgm.attacks.model import faster


class Counted:
    """A model with logits(x) and vjp(x, dz), the calls of which are counted: `calls`.
    tell: a function of how many were added. Its faster twin is taken, if attacks would
    take it for the first examples that it is called with."""

    def __init__(self, model, tell=lambda calls: None):
        self.model, self.calls, self.tell, self._tried = model, 0, tell, False
        if hasattr(self.model, "linearize"):
            self.linearize = self._linearize

    def logits(self, x):
        """z (N, C), as the model's."""
        self._count(len(x))
        return self._faster(x).logits(x)

    def vjp(self, x, dz):
        """J(x)^T dz, as the model's."""
        self._count(2 * len(x))
        return self._faster(x).vjp(x, dz)

    def _linearize(self, x):
        self._count(len(x))
        z, vjp = linearize(self._faster(x), x)

        def counted(dz):
            self._count(len(dz))
            return vjp(dz)
        return z, counted

    def _faster(self, x):
        if not self._tried:
            self.model, self._tried = faster(self.model, x), True
        return self.model

    def _count(self, calls):
        self.calls += calls
        self.tell(calls)
