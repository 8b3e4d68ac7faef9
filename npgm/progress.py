"""The bar that a training shows when it is asked to."""
import sys
import time
import warnings


class Bar:
    """Watches a training: updates made, the time left, and the newest batch's loss,
    twice a second; on standard error, or as a notebook's own bar where ipywidgets is.
    """

    SECONDS = 0.5       # between two looks

    def __init__(self, steps):
        with warnings.catch_warnings():     # without ipywidgets the bar is text
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
        self.tqdm, self.steps, self.bar, self.told = tqdm, steps, None, 0.0

    def begin(self, trainer):
        """At the updates made: a run that is resumed has made some."""
        self.bar = self.tqdm(total=self.steps, initial=trainer.t, unit=" updates",
                             smoothing=0.05, mininterval=0, miniters=1,
                             dynamic_ncols=True, disable=sys.stderr is None)

    def __call__(self, trainer):
        now = time.monotonic()
        if now - self.told >= self.SECONDS or trainer.t == self.steps:
            self.told = now
            self.bar.set_postfix_str(f"loss {trainer.losses.mean():.3g}",
                                     refresh=False)
            self.bar.update(trainer.t - self.bar.n)

    def close(self):
        """Leave it as it is."""
        if self.bar is not None:
            self.bar.close()
