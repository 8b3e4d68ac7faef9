"""Does it happen to others? The paper's network and rates in PyTorch, with PyTorch's
own initial weights and optimizer, attacked as npgm's is: pytorch.json, pytorch.md."""
import json

import numpy as np

import npgm
from npgm import models, storage, tables
from npgm.diagnosis.arithmetic import lead
from npgm.experiments import protocol
from npgm.training import batch_rows, natural_error

STEPS, QUICK_STEPS = 30_000, 300
RATES = (protocol.RECOMMENDED_RATE, protocol.MASKED_RATE)
COLUMNS = (("network", "network"), ("natural error", "natural_error"),
           ("FGS error", "fgs_error"), ("FGS error, repaired", "fgs_error_repaired"),
           ("valid FGS images", "valid_fgs"), ("median logit lead", "logit_lead"))


def run(quick=False):
    try:
        import torch
    except ImportError as error:
        return {"title": "PyTorch with its own defaults", "rows": {},
                "missing": {"torch": str(error)}}
    torch.set_num_threads(1)
    steps, data = QUICK_STEPS if quick else STEPS, npgm.load_dataset()
    rows = {}
    for rate in RATES:
        module = train(data, rate, steps, protocol.HIDDEN, protocol.BATCH_SIZE)
        rows[f"Adam {rate:g}"] = {"updates": steps, **measured(module, data)}
    return {"title": f"PyTorch {torch.__version__} with its own defaults, errors in "
                     "percent", "rows": rows, "torch": torch.__version__}


def train(data, rate, steps, hidden, batch_size, seed=0):
    """A module of PyTorch's, its weights uniform within 1 / sqrt(inputs) as nn.Linear
    draws them, after so many updates of torch.optim.Adam."""
    import torch
    from torch import nn
    torch.manual_seed(seed)
    sizes = (data.x_train.shape[1], *hidden, data.classes)
    layers = [part for n, m in zip(sizes, sizes[1:]) for part in (
        nn.Linear(n, m), nn.ReLU())]
    module = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(module.parameters(), rate)
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    for t in range(1, steps + 1):
        rows = batch_rows(len(y), batch_size, seed, t)
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
        optimizer.step()
    return module


def measured(module, data):
    """What the paper measures of a network, in percent, and its logits' lead."""
    model, x, y = models.from_torch(module), data.x_test, data.y_test
    plain, repaired = (npgm.attacks.FGSM(protocol.EPSILON, loss)(model, x, y)
                       for loss in ("cross_entropy", "log_odds"))
    shares = {"fgs_error": plain.success, "fgs_error_repaired": repaired.success,
              "valid_fgs": plain.valid}
    return {"natural_error": round(natural_error(model, x, y), 2),
            **{name: round(100 * float(share.mean()), 1)
               for name, share in shares.items()},
            "logit_lead": round(float(np.median(lead(model.logits(x), y))), 1)}


def write(folder):
    """folder/pytorch.md of pytorch.json; returns its path, or None without one."""
    path = folder / "pytorch.json"
    if not path.exists() or not (result := json.loads(path.read_text()))["rows"]:
        return None
    storage.write_text(folder / "pytorch.md", text(result))
    return folder / "pytorch.md"


def text(result):
    """A row for each rate."""
    columns = [(heading, lambda row, key=key: str(row[key]))
               for heading, key in COLUMNS]
    return tables.markdown(columns, [
        {"network": f"PyTorch {result['torch'].partition('+')[0]}, {name}, "
                    f"{row['updates']:,} updates", **row}
        for name, row in result["rows"].items()])
