"""What an update did to many parameters, in one pass over them."""
import numpy as np

from npgm.compiled.jit import compiled

PIECE = 2048        # steps that stay in the first-level cache


@compiled(reassociate=True)
def summarize(before, after, g, ends, edges, sums, reaching):
    """Of theta (P,) before and after an update, and its gradient g, in L parts that end
    before ends (L,): sums (L, 5) float64 become the squares of g, of the step before -
    after and of theta before, then how many steps are zero and how many have the
    opposite sign to the gradient's; reaching (L, B) int64 how many are at least edges
    (B,), ascending, in size: none that is no number. before becomes after, ready for
    the next.

    Twin: `tracing.summaries.summarize`, but for the order of sums.
    """
    number = before.dtype.type
    zero, one = number(0), number(1)
    steps = np.empty(PIECE, before.dtype)
    sums[:], reaching[:] = 0, 0
    first = 0
    for layer in range(ends.size):
        squares_g = squares_step = squares_theta = 0.0
        for start in range(first, ends[layer], PIECE):
            piece = slice(start, min(start + PIECE, ends[layer]))
            b, a, slope = before[piece], after[piece], g[piece]
            unchanged = against = zero
            for k in range(b.size):
                step = b[k] - a[k]
                squares_g += np.float64(slope[k]) * np.float64(slope[k])
                squares_step += np.float64(step) * np.float64(step)
                squares_theta += np.float64(b[k]) * np.float64(b[k])
                unchanged += one if step == zero else zero
                against += one if ((step > zero) & (slope[k] < zero)
                                   | (step < zero) & (slope[k] > zero)) else zero
                steps[k] = abs(step)
                b[k] = a[k]
            sums[layer, 3] += unchanged
            sums[layer, 4] += against
            for j in range(edges.size):
                count = zero            # of floats, as are the lanes of a vector
                for k in range(b.size):
                    count += one if steps[k] >= edges[j] else zero
                if count == zero:
                    break
                reaching[layer, j] += np.int64(count)
        sums[layer, 0], sums[layer, 1] = squares_g, squares_step
        sums[layer, 2] = squares_theta
        first = ends[layer]
