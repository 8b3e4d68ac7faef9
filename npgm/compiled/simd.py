"""The inner loops of the products in LLVM's vector types, because Numba has no word
for them.

A loop in Numba keeps a row of sums in memory and loads and stores it at every
multiply-add. Here a tile of sums stays in vector registers until it is complete.
"""
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

VECTOR_BYTES = 32           # AVX; LLVM splits it on narrower machines

I64, I32 = ir.IntType(64), ir.IntType(32)


def has(feature):
    """Whether the processor that is compiled for, this one unless Numba is told
    otherwise, has a feature by LLVM's name, "avx2"."""
    features = cpu_target.target_context.codegen().magic_tuple()[2]
    return f"+{feature}" in features.split(",")


def lanes(dtype):
    """How many numbers of dtype one vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def make_sparse_tile(vectors):
    """The sparse tile function for `vectors` registers of sums.

    tile(out, i, j, initial, B, first, columns, values, start, stop) sets
    `vectors * lanes` entries of row i of out, from column j on, to

        (initial if first else out[i]) + sum over k in [start, stop) of
        values[k] * B[columns[k]]

    in ascending k, each term a fused multiply-add where the machine has one.
    out and B are C-contiguous and at least that wide; nothing is checked.
    vectors = 0 means the rest of the row, which must be less than a vector.
    """
    def tile(out, i, j, initial, B, first, columns, values, start, stop):
        end = j + vectors * lanes(out.dtype) if vectors else out.shape[1]
        span = slice(j, end)
        if first:
            out[i, span] = initial[span]
        for k in range(start, stop):
            out[i, span] += values[k] * B[columns[k], span]

    @intrinsic
    def emit(context, out, i, j, initial, B, first, columns, values, start, stop):
        return _code(_SparseTile, 1, vectors, out, i, j, initial, B, first, columns,
                     values, start, stop)

    @overload(tile)
    def compiled_tile(out, i, j, initial, B, first, columns, values, start, stop):
        def call(out, i, j, initial, B, first, columns, values, start, stop):
            emit(out, i, j, initial, B, first, columns, values, start, stop)
        return call

    return tile


def make_dense_tile(rows, vectors):
    """The dense tile function for `rows * vectors` registers of sums.

    tile(out, i, j, initial, B, A) sets `rows` rows of out, from i on, and in
    each `vectors * lanes` entries, from column j on, to

        initial + sum over all k of A[i, k] * B[k]

    in ascending k, as `make_sparse_tile` does. B has just those columns, A may have
    any layout.
    """
    def tile(out, i, j, initial, B, A):
        block, span = slice(i, i + rows), slice(j, j + vectors * lanes(out.dtype))
        out[block, span] = initial[span]
        for k in range(A.shape[1]):
            out[block, span] += A[block, k, None] * B[k]

    @intrinsic
    def emit(context, out, i, j, initial, B, A):
        return _code(_DenseTile, rows, vectors, out, i, j, initial, B, A)

    @overload(tile)
    def compiled_tile(out, i, j, initial, B, A):
        def call(out, i, j, initial, B, A):
            emit(out, i, j, initial, B, A)
        return call

    return tile


def _code(kind, rows, vectors, *arguments):
    """What an intrinsic returns: its signature, and the function that writes it."""
    def codegen(context, builder, signature, args):
        kind(context, builder, signature.args, args, rows, vectors).build()
        return context.get_dummy_value()
    return types.void(*arguments), codegen


class _Tile:
    """Builds the LLVM code of one tile call. Its first arguments are out, i, j,
    initial and B."""

    def __init__(self, context, builder, kinds, args, rows, vectors):
        self.context, self.builder = context, builder
        self.kinds, self.args = kinds, args
        element = context.get_data_type(kinds[0].dtype)
        self.count = VECTOR_BYTES * 8 // kinds[0].dtype.bitwidth
        self.vector = ir.VectorType(element, self.count)
        self.rows, self.vectors = rows, max(vectors, 1)
        self.mask = None if vectors else self.rest_of_row()

    def build(self):
        builder, cells = self.builder, range(self.rows * self.vectors)
        start, stop = self.terms()
        out = [self.address(0, self.row(r), self.args[2]) for r in range(self.rows)]
        initial = [self.load(self.initial(pointer), v)
                   for pointer in out for v in range(self.vectors)]

        before = builder.block
        loop = builder.append_basic_block("terms")
        after = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", start, stop), loop, after)

        builder.position_at_end(loop)
        k = builder.phi(I64)
        sums = [builder.phi(self.vector) for _ in cells]
        added = self.add_term(k, sums)
        following = builder.add(k, I64(1))
        for phi, first_value, next_value in zip([k, *sums], [start, *initial],
                                                [following, *added]):
            phi.add_incoming(first_value, before)
            phi.add_incoming(next_value, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, after)

        builder.position_at_end(after)
        results = [builder.phi(self.vector) for _ in cells]
        for cell, result in enumerate(results):
            result.add_incoming(initial[cell], before)
            result.add_incoming(added[cell], loop)
        for cell, result in enumerate(results):
            self.store(result, out[cell // self.vectors], cell % self.vectors)

    def add_term(self, k, sums):
        """The sums with the k-th term added to each."""
        fused = {"flags": ("contract",)}
        row = self.address(4, self.column(k), self.first_of_b())
        b = [self.load(row, v) for v in range(self.vectors)]
        added = []
        for r in range(self.rows):
            a = self.spread(self.builder.load(self.factor(k, r)), self.vector)
            for v in range(self.vectors):
                product = self.builder.fmul(a, b[v], **fused)
                added.append(self.builder.fadd(sums[r * self.vectors + v], product,
                                               **fused))
        return added

    def first_of_b(self):
        return self.args[2]

    def row(self, r):
        return self.builder.add(self.args[1], I64(r))

    def initial(self, out):
        return self.address(3, self.args[2])

    def address(self, position, *indices):
        """Pointer to an entry of one of the call's arrays."""
        kind = self.kinds[position]
        array = self.context.make_array(kind)(self.context, self.builder,
                                              self.args[position])
        return cgutils.get_item_pointer(self.context, self.builder, kind, array,
                                        indices)

    def size(self, position, axis):
        array = self.context.make_array(self.kinds[position])(
            self.context, self.builder, self.args[position])
        return self.builder.extract_value(array.shape, axis)

    def step(self, pointer, v):
        vectors = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.gep(vectors, [I64(v)])

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
        rest = self.spread(self.builder.sub(self.size(0, 1), self.args[2]),
                           ir.VectorType(I64, self.count))
        return self.builder.icmp_signed(
            "<", ir.Constant(rest.type, list(range(self.count))), rest)

    def at(self, access):
        """Rows may begin anywhere: promise only the alignment of one number."""
        access.align = VECTOR_BYTES // self.count
        return access

    @property
    def alignment(self):
        return I32(VECTOR_BYTES // self.count)

    def zero(self):
        return ir.Constant(self.vector, [0.0] * self.count)

    def spread(self, number, vector):
        """The same number in every lane."""
        undefined = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(undefined, number, I32(0))
        lanes = ir.Constant(ir.VectorType(I32, self.count), [0] * self.count)
        return self.builder.shuffle_vector(one, undefined, lanes)


class _SparseTile(_Tile):
    def terms(self):
        return self.args[8], self.args[9]

    def initial(self, out):
        return self.builder.select(self.args[5], super().initial(out), out)

    def column(self, k):
        return self.builder.zext(self.builder.load(self.address(6, k)), I64)

    def factor(self, k, r):
        return self.address(7, k)


class _DenseTile(_Tile):
    def first_of_b(self):
        return I64(0)

    def terms(self):
        return I64(0), self.size(5, 1)

    def column(self, k):
        return k

    def factor(self, k, r):
        return self.address(5, self.row(r), k)
