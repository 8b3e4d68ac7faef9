"""What attacks do to some digits, as pictures: pixels in 8 bits, as texts."""
import base64

import numpy as np

from npgm.attacks import FGSM, DeepFool, RandomSign
from npgm.experiments.measures.measure import Quantity, Text, measure, some
from npgm.experiments.protocol import EPSILON
from npgm.losses import log_odds, softmax

DIGITS = 2                              # test images, the first
ATTACKS = {"none": None, "fgsm": FGSM(EPSILON),
           "fgsm_repaired": FGSM(EPSILON, log_odds), "deepfool": DeepFool(),
           "random_sign": RandomSign(EPSILON)}
BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"


def to_text(image, low, high):
    """Pixels (D,), low as 0 and high as 255 and what is beyond as those, in base 64."""
    shades = (np.clip(image, low, high) - low) / (high - low)
    return base64.b64encode(np.rint(255 * shades).astype(np.uint8)).decode()


def from_text(text):
    """The pixels (D,), from 0 to 1."""
    return np.frombuffer(base64.b64decode(text), np.uint8) / 255


@measure(f"pictures_{EPSILON}_{DIGITS}", last_only=True)
def pictures(net, data):
    """Of the first test images, each attack: the perturbation, its largest change as
    white or black; the result, cut off at 0 and 1 to be shown; what the network takes
    it for and with how many percent; what became of it."""
    x, y = some(data, DIGITS)
    entries = {}
    for name, attack in ATTACKS.items():
        result = attack and attack(net, x, y)
        x_adv = result.x_adv if attack else x
        p, _ = softmax(net.logits(x_adv).astype("float64"))
        for k, moved in enumerate(x_adv - x):
            largest = float(np.abs(moved).max())
            scale = largest or 1.0
            found = {"perturbation": to_text(moved, -scale, scale), "size": largest,
                     "result": to_text(x_adv[k], 0, 1), "label": str(y[k]),
                     "predicted": str(p[k].argmax()), "confidence": 100 * p[k].max(),
                     "status": str(result.status[k]) if attack else "none"}
            entries.update({f"{entry}_{k}_{name}": value if isinstance(value, str)
                            else float(value) for entry, value in found.items()})
    return entries


def _of_picture(kind, name, *heading, **options):
    return kind(name, pictures.measure, *heading, entry=name + "_{digit}_{attack}",
                **options)


CONFIDENCE = _of_picture(Quantity, "confidence", "confidence")
SIZE = _of_picture(Quantity, "size", "largest change", 3)
TEXTS = (*(_of_picture(Text, name, pattern=BASE64)
           for name in ("perturbation", "result")),
         *(_of_picture(Text, name, pattern=r"\d+") for name in ("label", "predicted")),
         _of_picture(Text, "status", pattern=r"\w+"))
