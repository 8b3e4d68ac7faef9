"""What a diagnosis costs in calls of the model: an example through `logits`, or through
`vjp`, is one."""


class Counted:
    """A model with logits(x) and vjp(x, dz), the calls of which are counted: `calls`.
    tell: a function of how many were added."""

    def __init__(self, model, tell=lambda calls: None):
        twin = getattr(model, "compiled", None)
        self.model, self.calls, self.tell = twin() if twin else model, 0, tell
        if hasattr(self.model, "linearize"):
            self.linearize = self._linearize

    def logits(self, x):
        """z (N, C), as the model's."""
        self._count(len(x))
        return self.model.logits(x)

    def vjp(self, x, dz):
        """J(x)^T dz, as the model's."""
        self._count(2 * len(x))
        return self.model.vjp(x, dz)

    def _linearize(self, x):
        self._count(len(x))
        z, vjp = self.model.linearize(x)

        def counted(dz):
            self._count(len(dz))
            return vjp(dz)
        return z, counted

    def _count(self, calls):
        self.calls += calls
        self.tell(calls)
