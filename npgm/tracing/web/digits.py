"""The images of the batches, and what the followed weights see of them."""
import base64
import io

import numpy as np

from npgm import plots
from npgm.tracing.select import INDEX, NAME
from npgm.training import batch_rows

SHOWN, COLUMNS = 16, 8      # images of a batch, at most, and in a row of the strip
GREYS = 16                  # shades: half the bytes of 256, and looks the same


def digits(kept, parameters, steps, data, batch_size, seed):
    """What a page shows of batches at U steps: {"strips": U PNGs in base64, the first
    images of each; "labels": theirs, an array (U, shown); "lit": (U, K), in how many of
    the batch the pixel of a parameter is not 0; "pixels": K times [row, column], or
    None of one that looks at no pixel; ...}. None where examples are no images."""
    if min(data.shape) == 1:
        return None
    places = [_pixel(name, data.shape[1]) for name in parameters]
    columns = [row * data.shape[1] + column for row, column in filter(None, places)]
    strips, labels = [], []
    lit = np.zeros((len(steps), len(parameters)), np.int64)
    for place, t in enumerate(steps):
        rows = batch_rows(len(data.y_train), batch_size, seed, t)
        lit[place, [p is not None for p in places]] = np.count_nonzero(
            data.x_train[rows][:, columns], axis=0)
        strips.append(_strip(data.x_train[rows[:SHOWN]].reshape(-1, *data.shape)))
        labels.append(data.y_train[rows[:SHOWN]])
    shown = min(SHOWN, batch_size)
    labels = np.reshape(np.array(labels, int), (len(steps), shown))
    return {"strips": strips, "labels": kept.add(labels), "lit": kept.add(lit),
            "pixels": places, "shape": data.shape, "columns": COLUMNS,
            "shown": shown, "count": batch_size}


def _pixel(name, width):
    """[row, column] that a first-layer weight looks at, or None."""
    array, inside = NAME.fullmatch(name).groups()
    if array != "W1":
        return None
    return list(divmod(int(INDEX.match(inside)[1]), width))


def _strip(images):
    """Images (N, H, W) from 0 to 1 as one PNG, COLUMNS in a row; in base64."""
    plots.library()
    from PIL import Image       # which matplotlib brings
    count, height, width = images.shape
    lines = -(-count // COLUMNS)
    shades = np.zeros((lines * COLUMNS, height, width), np.uint8)
    shades[:count] = np.round(np.clip(images, 0, 1) * (GREYS - 1))
    tiled = shades.reshape(lines, COLUMNS, height, width).transpose(0, 2, 1, 3)
    image = Image.fromarray(tiled.reshape(lines * height, COLUMNS * width))
    image.putpalette(np.repeat(np.linspace(0, 255, GREYS).astype(np.uint8), 3))
    file = io.BytesIO()
    image.save(file, "PNG", bits=4)
    return base64.b64encode(file.getvalue()).decode()
