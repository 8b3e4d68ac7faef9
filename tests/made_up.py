"""Records and results made up: no training, and numbers that are known."""
from npgm.experiments.output import results
from npgm.experiments.store.record import Record
from npgm.experiments.studies import EXPERIMENTS
from npgm.training import log_spaced

# The experiments whose results are committed: a new one may have none yet.
COMMITTED = {name: experiment for name, experiment in EXPERIMENTS.items()
             if (results.COMMITTED / f"{name}.json").exists()}

EPSILONS = ("0.05", "0.1", "0.15", "0.2", "0.25", "0.3")
ATTACKS = ("natural", "fgsm", "fgsm_float64", "fgsm_wide", "fgsm_repaired",
           "fgsm_margin", "fgsm_dlr", "fgsm_mifpe", "pgd", "pgd_repaired", "pgd_margin",
           "apgd", "apgd_repaired", "apgd_margin", "random_sign", "square", "transfer",
           "deepfool", "any")
STEP_SIZES = ("0.25", "0.125", "0.05", "0.025", "0.0125", "0.00625", "0.003125")
# Entries that are texts, by the first word of their names.
TEXTS = {"perturbation": "/wCAgA==", "result": "/wCAgA==", "label": "7",
         "predicted": "3", "status": "fooled"}
WAYS = ("plain", "flushed", "layers", "mean", "mean_flushed", "mean_layers")

# What every measure enters into a record, by the names that stored runs have.
ENTRIES = {
    "natural": ["natural_error"], "train": ["train_error"],
    "fgs_0.25": ["fgs_error", "fgs_error_repaired", "valid_fgs"],
    "fgs_sweep": ["valid_fgs", *(f"fgs_error_{e}" for e in EPSILONS),
                  *(f"fgs_error_repaired_{e}" for e in EPSILONS)],
    "frs_sweep": [f"frs_error_{e}" for e in EPSILONS],
    "residual": ["residual_zero", "residual_zero_train", "label_residual_zero",
                 "valid_fgs_repaired"],
    "fgs_vanishing_layers_0.25": [
        f"{name}_{way}" for name in ("fgs_error", "valid_fgs") for way in WAYS],
    "deepfool_1000": ["deepfool_l2", "deepfool_linf"],
    "pgd_best_0.25_2000": ["pgd_error", "pgd_error_repaired"],
    "activity": ["active_hidden", "logit_lead"],
    "causes_1000": ["lead_5", "lead_50", "lead_95", "cause_sound",
                    "cause_label_rounded", "cause_residual_rounded", "cause_silent",
                    "cause_other", "signs_right"],
    "side_by_side_1000": [f"{name}_{e}" for e in ("0.05", "0.1", "0.25") for name in (
        *(f"{attack}_error" for attack in ATTACKS), "as_attacked", "rounding", "silent",
        "other", "held")],
    "silent_layers_0.25_1000": ["one_step", *(
        f"{name}_{size}" for name in ("error", "caught", "restarted", "opened")
        for size in STEP_SIZES)],
    "pictures_0.25_2": [f"{name}_{digit}_{attack}" for name in (
        "confidence", "size", *TEXTS) for digit in (0, 1) for attack in (
        "none", "fgsm", "fgsm_repaired", "deepfool", "random_sign")],
    **{f"attack {attack}_0.25": ["error", "rounded", "silent", "otherwise", "l0", "l2",
                                 "linf", "calls", "milliseconds"] for attack in (
        "random_sign", "fgsm", "fgsm:loss=log_odds", "pgd", "pgd:loss=log_odds",
        "universal", "substitute", "deepfool", "jsma", "lbfgs:target=next",
        "carlini_wagner")}}
PLACES = [(measure, entry) for measure, names in ENTRIES.items() for entry in names]


# Of the experiment that measures its seven networks together.
TOGETHER = {"transfer": {name: [[50.0] * 7] * 7 for name in (
    "FGSM, repaired", "PGD, repaired", "DeepFool", "universal, unseen images")},
    "moving_target": {"strategy": [0.25] * 4, "natural_error": 2.0, **dict.fromkeys((
        "FGSM, repaired", "PGD, repaired", "DeepFool", "universal, unseen images"),
        60.0)}}


def value(seed, step, measure, entry):
    """Another number for every seed, step and entry; or a text, where it is one."""
    kind = entry.partition("_")[0]
    if measure.startswith("pictures") and kind in TEXTS:
        return TEXTS[kind]
    return 10.0 * seed + step / 100 + PLACES.index((measure, entry)) / 1000


def records(wanted, diverged=()):
    """A finished record for each run; those numbered diverged at update 7."""
    return [Record(run.configuration, "diverged", diverged_at=7) if k in diverged
            else Record(run.configuration, "done", evaluations={
                str(step): {measure: {entry: value(run.seed, step, measure, entry)
                                      for entry in names}
                            for measure, names in ENTRIES.items()}
                for step in log_spaced(run.steps)})
            for k, run in enumerate(wanted)]


def result(experiment, steps=300, seeds=3, data="checksum", diverged=()):
    """What NAME.json has in it."""
    wanted = experiment.wanted(steps, seeds, data)
    stamp = results.stamp(steps, data, "elsewhere")
    return {"experiment": experiment.name, "stamp": stamp,
            "rows": experiment.rows(wanted, records(wanted, diverged=diverged)),
            **({"together": [TOGETHER] * seeds} if experiment.together else {}),
            "provenance": {
                "settings": {"steps": steps, "seeds": seeds, "data": data},
                "runs": {run.hash: {"configuration": run.configuration}
                         for run in wanted},
                "machine": {"versions": {"npgm": "0"}, "processor": "a <CPU>"},
                "training_seconds": 300.0}}
