"""One inner loop in LLVM's vector types, because Numba has no word for them.

A loop in Numba keeps a row of sums in memory and loads and stores it at every
multiply-add. Here the sums stay in vector registers until they are complete,
which makes the sparse product about 1.3 times as fast.
"""
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

VECTOR_BYTES = 32           # AVX; LLVM splits it on narrower machines


def lanes(dtype):
    """How many numbers of dtype one vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def make_tile(vectors):
    """The tile function for `vectors` registers of sums.

    tile(out, i, j, initial, first, B, columns, values, start, stop) sets
    `vectors * lanes` entries of row i of out, from column j on, to

        (initial if first else out[i]) + sum over k in [start, stop) of
        values[k] * B[columns[k]]

    in ascending k, each term a fused multiply-add where the machine has one.
    out and B are C-contiguous and at least that wide; nothing is checked.
    vectors = 0 means the rest of the row, which must be less than a vector.
    """
    def tile(out, i, j, initial, first, B, columns, values, start, stop):
        end = j + vectors * lanes(out.dtype) if vectors else out.shape[1]
        span = slice(j, end)
        if first:
            out[i, span] = initial[span]
        for k in range(start, stop):
            out[i, span] += values[k] * B[columns[k], span]

    @intrinsic
    def emit(context, out, i, j, initial, first, B, columns, values, start, stop):
        arguments = (out, i, j, initial, first, B, columns, values, start, stop)

        def codegen(context, builder, signature, args):
            _Tile(context, builder, signature.args, args, masked=vectors == 0).build(
                max(vectors, 1))
            return context.get_dummy_value()
        return types.void(*arguments), codegen

    @overload(tile)
    def compiled_tile(out, i, j, initial, first, B, columns, values, start, stop):
        def call(out, i, j, initial, first, B, columns, values, start, stop):
            emit(out, i, j, initial, first, B, columns, values, start, stop)
        return call

    return tile


class _Tile:
    """Builds the LLVM code of one tile call."""

    def __init__(self, context, builder, kinds, args, masked):
        self.context, self.builder = context, builder
        self.kinds, self.args = kinds, args
        element = context.get_data_type(kinds[0].dtype)
        self.count = VECTOR_BYTES * 8 // kinds[0].dtype.bitwidth
        self.vector = ir.VectorType(element, self.count)
        self.mask = self.rest_of_row() if masked else None

    def build(self, vectors):
        builder = self.builder
        _, i, j, _, first, _, _, _, start, stop = self.args
        out = self.address(0, i, j)
        source = builder.select(first, self.address(3, j), out)
        initial = [self.load(source, v) for v in range(vectors)]

        before = builder.block
        loop = builder.append_basic_block("terms")
        after = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", start, stop), loop, after)

        builder.position_at_end(loop)
        k = builder.phi(start.type)
        sums = [builder.phi(self.vector) for _ in range(vectors)]
        a = self.spread(builder.load(self.address(7, k)), self.vector)
        column = builder.zext(builder.load(self.address(6, k)), start.type)
        row = self.address(5, column, j)
        fused = {"flags": ("contract",)}
        added = [builder.fadd(total, builder.fmul(a, self.load(row, v), **fused),
                              **fused) for v, total in enumerate(sums)]
        following = builder.add(k, start.type(1))
        for phi, first_value, next_value in zip([k, *sums], [start, *initial],
                                                [following, *added]):
            phi.add_incoming(first_value, before)
            phi.add_incoming(next_value, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, after)

        builder.position_at_end(after)
        for v in range(vectors):
            result = builder.phi(self.vector)
            result.add_incoming(initial[v], before)
            result.add_incoming(added[v], loop)
            added[v] = result
        for v, result in enumerate(added):
            self.store(result, out, v)

    def address(self, position, *indices):
        """Pointer to an entry of one of the call's arrays."""
        kind = self.kinds[position]
        array = self.context.make_array(kind)(self.context, self.builder,
                                              self.args[position])
        return cgutils.get_item_pointer(self.context, self.builder, kind, array,
                                        indices)

    def step(self, pointer, v):
        vectors = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.gep(vectors, [ir.IntType(64)(v)])

    def load(self, pointer, v):
        if self.mask is None:
            return self.at(self.builder.load(self.step(pointer, v)))
        return self.masked("load", self.vector, [self.step(pointer, v), self.alignment,
                                                 self.mask, self.zero()])

    def store(self, value, pointer, v):
        if self.mask is None:
            self.at(self.builder.store(value, self.step(pointer, v)))
        else:
            self.masked("store", ir.VoidType(), [value, self.step(pointer, v),
                                                 self.alignment, self.mask])

    def masked(self, action, result, arguments):
        """LLVM's masked load or store: entries past the row's end stay untouched."""
        kind = f"v{self.count}f{32 if self.count == 8 else 64}"
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(result, [argument.type for argument in arguments]),
            f"llvm.masked.{action}.{kind}.p0")
        return self.builder.call(function, arguments)

    def rest_of_row(self):
        """For each lane, whether it lies before the end of out's row."""
        i64 = ir.IntType(64)
        array = self.context.make_array(self.kinds[0])(self.context, self.builder,
                                                       self.args[0])
        width = self.builder.extract_value(array.shape, 1)
        rest = self.spread(self.builder.sub(width, self.args[2]),
                           ir.VectorType(i64, self.count))
        return self.builder.icmp_signed(
            "<", ir.Constant(rest.type, list(range(self.count))), rest)

    def at(self, access):
        """Rows may begin anywhere: promise only the alignment of one number."""
        access.align = VECTOR_BYTES // self.count
        return access

    @property
    def alignment(self):
        return ir.IntType(32)(VECTOR_BYTES // self.count)

    def zero(self):
        return ir.Constant(self.vector, [0.0] * self.count)

    def spread(self, number, vector):
        """The same number in every lane."""
        undefined = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(undefined, number, ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.count), [0] * self.count)
        return self.builder.shuffle_vector(one, undefined, lanes)
