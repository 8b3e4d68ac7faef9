"""The experiments, one a file: its runs, what is asked of them, its picture."""
from npgm.experiments.studies import (adam_as_printed, discussion, fig1, fig2, fig3,
                                      optimizer_comparison, reduction, table2)

EXPERIMENTS = {study.EXPERIMENT.name: study.EXPERIMENT for study in (
    table2, fig1, fig2, fig3, reduction, optimizer_comparison, discussion,
    adam_as_printed)}
