"""Two ways to put the numbers of a vector elsewhere, in LLVM's vector types: compilers
do not find them by themselves."""
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

I32 = ir.IntType(32)
PACKED_BYTES = 64
LANES = 8           # a square of the transpose has as many rows and columns

# Which lanes of two vectors, 0 to 7 and 8 to 15, make the lower and the upper one of
# each exchange: three rounds of them transpose eight vectors. Second of a pair: how
# far apart the two are.
EXCHANGES = (((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15), 1),
             ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15), 2),
             ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15), 4))
ORDER = (0, 2, 1, 3, 4, 6, 5, 7)        # the column that each vector is then


def pack(row, j, columns, values, n):
    """Of PACKED_BYTES of numbers from row[j] on, those that are not zero go to
    values[n:], and where they stand to columns[n:]; returns how many they are. Behind
    them as many are overwritten as are zero. Nothing is checked."""
    found = j + np.flatnonzero(row[j:j + PACKED_BYTES // row.itemsize])
    columns[n:n + found.size], values[n:n + found.size] = found, row[found]
    return np.uint32(found.size)


def transpose_square(A, rows, i, j, out):
    """out[j:j + 8, i:i + 8] = A[rows[i:i + 8], j:j + 8].T; nothing is checked."""
    out[j:j + LANES, i:i + LANES] = A[rows[i:i + LANES], j:j + LANES].T


def _item(context, builder, kind, value, *indices):
    array = context.make_array(kind)(context, builder, value)
    return cgutils.get_item_pointer(context, builder, kind, array, indices)


def _at(builder, pointer, vector):
    return builder.bitcast(pointer, vector.as_pointer())


@intrinsic
def _pack(context, row, j, columns, values, n):
    def codegen(context, builder, signature, args):
        kinds, (row, j, columns, values, n) = signature.args, args
        count = 8 * PACKED_BYTES // kinds[0].dtype.bitwidth
        number = ir.VectorType(context.get_data_type(kinds[0].dtype), count)
        index, flag = ir.VectorType(I32, count), ir.VectorType(ir.IntType(1), count)
        size = kinds[0].dtype.bitwidth // 8

        entries = builder.load(_at(builder, _item(context, builder, kinds[0], row, j),
                                   number))
        entries.align = size
        kept = builder.fcmp_unordered("!=", entries, ir.Constant(number, None))
        first = builder.insert_element(ir.Constant(index, ir.Undefined),
                                       builder.trunc(j, I32), I32(0))
        places = builder.add(
            builder.shuffle_vector(first, first, ir.Constant(index, [0] * count)),
            ir.Constant(index, list(range(count))))
        for kind, array, vector, name, align in (
                (kinds[2], columns, places, f"v{count}i32", 4),
                (kinds[3], values, entries, f"v{count}f{8 * size}", size)):
            compress = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector.type, [vector.type, flag,
                                                              vector.type]),
                f"llvm.experimental.vector.compress.{name}")
            together = builder.call(compress, [vector, kept, ir.Constant(
                vector.type, ir.Undefined)])
            place = _item(context, builder, kind, array, n)
            builder.store(together, _at(builder, place, vector.type)).align = align
        bits = builder.bitcast(kept, ir.IntType(count))
        return builder.zext(builder.ctpop(bits), I32)
    return types.uint32(row, j, columns, values, n), codegen


@overload(pack)
def _compiled_pack(row, j, columns, values, n):
    def call(row, j, columns, values, n):
        return _pack(row, np.intp(j), columns, values, np.intp(n))
    return call


@intrinsic
def _transpose_square(context, A, rows, i, j, out):
    def codegen(context, builder, signature, args):
        kinds, (A, rows, i, j, out) = signature.args, args
        vector = ir.VectorType(context.get_data_type(kinds[0].dtype), LANES)
        align = kinds[0].dtype.bitwidth // 8

        def after(start, k):
            return builder.add(start, ir.Constant(start.type, k))
        square = []
        for k in range(LANES):
            row = builder.load(_item(context, builder, kinds[1], rows, after(i, k)))
            square.append(builder.load(_at(
                builder, _item(context, builder, kinds[0], A, row, j), vector)))
            square[-1].align = align
        for lower, upper, apart in EXCHANGES:
            exchanged = list(square)
            for a in range(LANES):
                if not a & apart:
                    for to, lanes in ((a, lower), (a + apart, upper)):
                        exchanged[to] = builder.shuffle_vector(
                            square[a], square[a + apart],
                            ir.Constant(ir.VectorType(I32, LANES), lanes))
            square = exchanged
        for k, column in enumerate(ORDER):
            place = _item(context, builder, kinds[4], out, after(j, column), i)
            builder.store(square[k], _at(builder, place, vector)).align = align
        return context.get_dummy_value()
    return types.void(A, rows, i, j, out), codegen


@overload(transpose_square)
def _compiled_transpose_square(A, rows, i, j, out):
    def call(A, rows, i, j, out):
        _transpose_square(A, rows, np.intp(i), np.intp(j), out)
    return call
