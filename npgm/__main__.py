"""python -m npgm: what there is."""
import sys

import npgm
from npgm import streams

TEXT = f"""npgm {npgm.__version__}: gradient masking and optimizers, arithmetic up

  python -m npgm.experiments table2 --quick    Table II of the paper, a look at it
  python -m npgm.experiments --help            every experiment, and its options
  python -m npgm.experiments sweep --help      settings of your own, many at once
  python -m npgm.experiments claims            what holds of the paper
  python -m npgm.tracing adam --steps 3        what three updates do, line by line
  python -m npgm.diagnosis MODEL --quick       is a model's gradient masked, by what?

From Python:  import npgm;  help(npgm.attacks), help(npgm.optimizers), ...
README leads from each equation of the paper to the line that computes it."""


def main():
    streams.prepare()
    streams.say(TEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
