"""What attacks and diagnoses cost in calls of the model, an example each: forwards is
one, backwards is one. So `logits` costs one and `vjp`, which goes both ways, two; a
gradient with its logits costs two by `linearize`, three of a model that has none."""
from npgm.attacks.model import faster, linearize


class Counted:
    """A model with logits(x) and vjp(x, dz), the calls of which are counted: `calls`.
    tell: a function of how many were added."""

    def __init__(self, model, tell=lambda calls: None):
        self.model, self.calls, self.tell = model, 0, tell
        if hasattr(model, "linearize"):
            self.linearize = self._linearize
        if hasattr(model, "shape"):         # of an example, of a guarded one
            self.shape = model.shape

    def logits(self, x):
        """z (N, C), as the model's."""
        self._count(len(x))
        return self.asked(x).logits(x)

    def vjp(self, x, dz):
        """J(x)^T dz, as the model's."""
        self._count(2 * len(x))
        return self.asked(x).vjp(x, dz)

    def asked(self, x):
        """The model that is asked about x."""
        return self.model

    def _linearize(self, x):
        self._count(len(x))
        z, vjp = linearize(self.asked(x), x)

        def counted(dz):
            self._count(len(dz))
            return vjp(dz)
        return z, counted

    def _count(self, calls):
        self.calls += calls
        self.tell(calls)


class CountedTwin(Counted):
    """The same of a model's faster twin, if attacks would take it for the first
    examples that it is called with."""

    def __init__(self, model, tell=lambda calls: None):
        super().__init__(model, tell)
        self._tried = False

    def asked(self, x):
        if not self._tried:
            self.model, self._tried = faster(self.model, x), True
        return self.model
