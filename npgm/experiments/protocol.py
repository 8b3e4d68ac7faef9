"""The paper's settings as literal data, and the numbers it reports.

Where the paper is silent, TensorFlow 1's conventions, its framework's, stand:
the initial weights, AdaGrad's first accumulator, Adam's epsilon-hat form.
"""
from npgm.optimizers import SGD, AdaGrad, Adam, Momentum, RMSprop

HIDDEN = (600, 128)             # Table I; inputs and classes come with the data
BATCH_SIZE = 125
STEPS = 100_000                 # "learning epoch 100000": updates, 250 passes
QUICK_STEPS = 3_000
EPSILON = 0.25
SCHEME = "truncated_normal"     # standard deviation 0.1, cut at two; biases 0.1
DTYPE = "float32"

OPTIMIZERS = {
    "sgd": SGD(learning_rate=0.01),
    "momentum": Momentum(learning_rate=0.01, momentum=0.9),
    "adagrad": AdaGrad(learning_rate=0.01, initial_accumulator=0.1),
    "rmsprop": RMSprop(learning_rate=0.001, decay=0.9, epsilon=1e-10),
    "adam": Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8),
}

# Table II, test error in percent. "Mini batch" is sgd.
TABLE2 = {
    "sgd": {"natural_error": 2.36, "fgs_error": 99.9},
    "momentum": {"natural_error": 1.99, "fgs_error": 99.5},
    "adagrad": {"natural_error": 2.05, "fgs_error": 99.9},
    "adam": {"natural_error": 1.68, "fgs_error": 90.4},
}
