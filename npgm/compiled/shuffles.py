"""Two ways to put the numbers of a vector elsewhere, in LLVM's vector types: compilers
do not find them by themselves."""
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from npgm.compiled.simd import has

I32 = ir.IntType(32)
PACKED = LANES = 8  # at a time; a square of the transpose has as many rows and columns

# Which lanes of two vectors, 0 to 7 and 8 to 15, make the lower and the upper one of
# each exchange, and how far apart the two are: three rounds of them transpose eight
# vectors.
EXCHANGES = (((0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15), 1),
             ((0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15), 2),
             ((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15), 4))
ORDER = (0, 2, 1, 3, 4, 6, 5, 7)        # the column that each vector is then

# For each pattern of eight bits, which of them are set, and then any.
LANES_NOT_ZERO = [sorted(range(PACKED), key=lambda lane: not pattern >> lane & 1)
                  for pattern in range(2 ** PACKED)]


def pack(row, j, columns, values, n):
    """Of PACKED numbers from row[j] on, those that are not zero go to values[n:], and
    where they stand to columns[n:]; returns how many they are. Behind them as many are
    overwritten as are zero. Nothing is checked."""
    for k in range(j, j + PACKED):      # no branch: a zero is overwritten
        columns[n] = k
        values[n] = row[k]
        n += np.uint32(row[k] != 0)
    return n


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
    """`pack` for float32 on AVX2: of each pattern of zeros among eight numbers a table
    knows which lanes are not."""
    number, index = ir.VectorType(ir.FloatType(), PACKED), ir.VectorType(I32, PACKED)

    def codegen(context, builder, signature, args):
        kinds, (row, j, columns, values, n) = signature.args, args
        table = cgutils.global_constant(builder, "lanes_not_zero", ir.Constant(
            ir.ArrayType(index, len(LANES_NOT_ZERO)), LANES_NOT_ZERO))
        entries = builder.load(_at(builder, _item(context, builder, kinds[0], row, j),
                                   number))
        entries.align = 4
        kept = builder.bitcast(builder.fcmp_unordered("!=", entries, ir.Constant(
            number, None)), ir.IntType(8))
        lanes = builder.load(builder.gep(table, [I32(0), builder.zext(kept, I32)]))
        move = cgutils.get_or_insert_function(builder.module, ir.FunctionType(
            number, [number, index]), "llvm.x86.avx2.permps")
        first = builder.insert_element(ir.Constant(index, ir.Undefined),
                                       builder.trunc(j, I32), I32(0))
        first = builder.shuffle_vector(first, first, ir.Constant(index, [0] * PACKED))
        for kind, array, found in ((kinds[2], columns, builder.add(first, lanes)),
                                   (kinds[3], values, builder.call(
                                       move, [entries, lanes]))):
            builder.store(found, _at(builder, _item(context, builder, kind, array, n),
                                     found.type)).align = 4
        return builder.add(n, builder.zext(builder.ctpop(kept), n.type))
    return types.intp(row, j, columns, values, n), codegen


@overload(pack)
def _compiled_pack(row, j, columns, values, n):
    if row.dtype != types.float32 or row.layout != "C" or not has("avx2"):
        return pack

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
    if A.layout != "C" or out.layout != "C":
        return transpose_square

    def call(A, rows, i, j, out):
        _transpose_square(A, rows, np.intp(i), np.intp(j), out)
    return call
