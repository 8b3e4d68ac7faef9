"""The paper's settings as literal data, and the numbers it reports.

Where the paper is silent, TensorFlow 1's conventions, its framework's, stand:
the initial weights, AdaGrad's first accumulator, Adam's epsilon-hat form.
"""
import dataclasses

from npgm.optimizers import SGD, AdaGrad, Adam, Momentum, RMSprop

HIDDEN = (600, 128)             # Table I; inputs and classes come with the data
BATCH_SIZE = 125
STEPS = 100_000                 # "learning epoch 100000": updates, 250 passes
QUICK_STEPS = 3_000
EPSILON = 0.25                  # of Table II and Fig. 1
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
SCHEME = "truncated_normal"     # standard deviation 0.1, cut at two; biases 0.1
DTYPE = "float32"

OPTIMIZERS = {
    "sgd": SGD(learning_rate=0.01),
    "momentum": Momentum(learning_rate=0.01, momentum=0.9),
    "adagrad": AdaGrad(learning_rate=0.01, initial_accumulator=0.1),
    "rmsprop": RMSprop(learning_rate=0.001, decay=0.9, epsilon=1e-10),
    "adam": Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8),
}


def optimizer(name, **changed):
    """The protocol's optimizer of that name, with what is given changed."""
    return dataclasses.replace(OPTIMIZERS[name], **changed)


# Fig. 1 and 3: Adam's learning rates.
RATES = (0.1, 0.075, 0.05, 0.03, 0.02, 0.015, 0.01, 0.0075, 0.005, 0.003, 0.002,
         0.0015, 0.001, 0.00075)
MASKED_RATE, RECOMMENDED_RATE = 0.01, 0.001
LINES = (1_000, 3_000, 10_000, 30_000, 100_000)     # updates, a line each

# What the text says of Fig. 1, in percent, by the range of rates it says it of.
FIG1 = {
    "natural_error": {(0.075, 0.1): 60, (0.00075, 0.01): 3},
    "fgs_error": {(0.00085, 0.0012): 90.4, (0.0085, 0.012): 5},
    "valid_fgs": {(0.075, 0.1): 40, (0.0085, 0.012): 20, (0.00085, 0.0012): 90},
}

# Section IV, FGS test error in percent at epsilon 0.25.
DISCUSSION = {"plain": 5, "adversarial": 10}

# Table II, test error in percent. "Mini batch" is sgd.
TABLE2 = {
    "sgd": {"natural_error": 2.36, "fgs_error": 99.9},
    "momentum": {"natural_error": 1.99, "fgs_error": 99.5},
    "adagrad": {"natural_error": 2.05, "fgs_error": 99.9},
    "adam": {"natural_error": 1.68, "fgs_error": 90.4},
}
