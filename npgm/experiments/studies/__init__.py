"""The experiments, one a file: its runs, what is asked of them, its picture."""
import importlib

STUDIES = ("table2", "fig1", "fig2", "fig3", "reduction", "optimizer_comparison",
           "discussion", "adam_as_printed", "repair", "timeline",
           "silent_layers", "adversarial", "attack_comparison")

EXPERIMENTS = {experiment.name: experiment for experiment in (
    importlib.import_module(f"{__name__}.{study}").EXPERIMENT for study in STUDIES)}
