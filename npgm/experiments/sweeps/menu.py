"""What may be measured in a sweep: words for quantities, and any attack."""
import warnings

from npgm import attacks, checkpoint, names
from npgm.errors import InputError
from npgm.experiments.measures import Quantity, masking, outcomes

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
}


def checked(word):
    """A word of MENU or the text of an attack, if it is one. Raises InputError."""
    quantities(word)
    return word


def quantities(word):
    """The quantities that a word of MENU or the text of an attack stands for. Raises
    InputError."""
    if not isinstance(word, str):
        raise InputError(f"{word!r}: give a name, as fgs or pgd:steps=20")
    return MENU[word] if word in MENU else _of_attack(word)


def has_epsilon(quantity):
    """Whether it is another one at every epsilon."""
    return "{epsilon}" in quantity.measure


def _of_attack(text):
    """Its error; of one without an epsilon, how far it had to go too."""
    name, given = names.spec(text)
    if name not in attacks.ATTACKS and ":" not in name:
        raise InputError(f"{name!r}: {names.nearest(name, [*MENU, *attacks.ATTACKS])}"
                         f"choose of {', '.join([*MENU, *attacks.ATTACKS])}, or "
                         "package.module:Name")
    sized = attacks.has_epsilon(name)
    if "epsilon" in given:
        raise InputError(f"{text}: its epsilon is one of epsilons")
    with warnings.catch_warnings():     # of this epsilon, which is not the one meant
        warnings.simplefilter("ignore")
        attacks.make(name, **{**given, **({"epsilon": 0.1} if sized else {})})
    own = "" if name in attacks.ATTACKS else "@" + checkpoint.digest_of(
        names.imported("attack", name))[:12]
    measure = f"attack {text}{own}" + ("_{epsilon}" if sized else "")
    error = Quantity(f"{text}_error", measure, f"{text} error", entry="error")
    return (error,) if sized else (error, Quantity(
        f"{text}_l2", measure, f"{text}, median L2", 2, "l2"))
