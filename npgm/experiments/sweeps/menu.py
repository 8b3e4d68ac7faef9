"""What may be measured in a sweep: words for quantities, and any attack."""
import warnings

from npgm import attacks, names
from npgm.errors import InputError
from npgm.experiments.measures import Quantity, attacked, masking, outcomes, outliers

MENU = {
    "natural": (outcomes.NATURAL_ERROR,),
    "train": (outcomes.TRAIN_ERROR,),
    "fgs": (Quantity("fgs_error", "fgs_{epsilon}", "FGS error"),
            Quantity("fgs_error_repaired", "fgs_{epsilon}", "FGS error, repaired"),
            Quantity("valid_fgs", "fgs_{epsilon}", "valid FGS images")),
    "frs": (Quantity("frs_error", "frs_{epsilon}", "FRS training error", 2),),
    "residual": (outcomes.RESIDUAL_ZERO, outcomes.RESIDUAL_ZERO_TRAIN,
                 outcomes.LABEL_RESIDUAL_ZERO, outcomes.VALID_FGS_REPAIRED),
    "activity": (outcomes.ACTIVE_HIDDEN, outcomes.LOGIT_LEAD),
    "distance": (outcomes.DEEPFOOL_L2, outcomes.DEEPFOOL_LINF),
    "causes": (*masking.SHARES, masking.SIGNS_RIGHT),
    "outliers": outliers.QUANTITIES,
}


def checked(word):
    """A word of MENU or the text of an attack, if it is one. Raises InputError."""
    if not isinstance(word, str):
        raise InputError(f"{word!r}: give a name, as fgs or pgd:steps=20")
    if word in MENU:
        return word
    with warnings.catch_warnings():     # of an epsilon that is not the one meant
        warnings.simplefilter("ignore")
        _of_attack(word, (0.1,))
    name, given = names.spec(word)
    return names.spec_text(name, dict(sorted(given.items())))


def quantities(word, epsilons):
    """The quantities that a word of MENU or the text of an attack stands for. What an
    attack warns of, at one of the epsilons, is said. Raises InputError."""
    return MENU[word] if word in MENU else _of_attack(word, epsilons)


def has_epsilon(quantity):
    """Whether it is another one at every epsilon."""
    return "{epsilon}" in quantity.measure


def _of_attack(text, epsilons):
    """Its error; of one without an epsilon, how far it had to go too."""
    name, given = names.spec(text)
    if name not in attacks.ATTACKS and ":" not in name:
        raise InputError(f"{name!r}: {names.nearest(name, [*MENU, *attacks.ATTACKS])}"
                         f"choose of {', '.join([*MENU, *attacks.ATTACKS])}, or "
                         "package.module:Name")
    sized = attacks.has_epsilon(name)
    if "epsilon" in given:
        raise InputError(f"{text}: its epsilon is one of epsilons")
    for epsilon in epsilons if sized else (None,):
        attacks.make(name, **given, **({"epsilon": epsilon} if sized else {}))
    digest = attacked.own_digest(text)
    measure = (f"attack {text}" + f"@{digest}" * bool(digest)
               + ("_{epsilon}" if sized else "_none"))
    error = Quantity(f"{text}_error", measure, f"{text} error", entry="error")
    return (error,) if sized else (error, Quantity(
        f"{text}_l2", measure, f"{text}, median L2", 2, "l2"))
