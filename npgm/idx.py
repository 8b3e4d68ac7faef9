"""The IDX format (LeCun): two zero bytes, a type byte, the number of dimensions, each
dimension as a big-endian 32-bit integer, then the values, row by row.
"""
import gzip
import math
import struct
import zlib

import numpy as np

from npgm.errors import DataError

UNSIGNED_BYTE = 0x08
LARGEST_FILE = 2 ** 31      # bytes of values; MNIST's largest has 47 million
CHUNK = 2 ** 20             # bytes read at a time


def read_idx(path, dimensions):
    """(the whole file as a bytearray, its values as a read-only uint8 view).

    Reads gzip or plain, in pieces, and never more than the header promises:
    a lying header costs no memory. Raises DataError.
    """
    opener = gzip.open if _is_gzip(path) else open
    try:
        with opener(path, "rb") as file:
            header = file.read(4 + 4 * dimensions)
            shape = _parse_header(path, header, dimensions)
            size = math.prod(shape)
            raw, missing = bytearray(header), size + 1      # one more, to see its end
            while missing and (piece := file.read(min(CHUNK, missing))):
                raw += piece
                missing -= len(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}: replace it") from error
    if missing != 1:
        fault = "is cut short" if missing else "goes on after its last value"
        raise DataError(f"{path} {fault}: its header promises "
                        f"{' x '.join(map(str, shape))} bytes; replace it")
    values = np.frombuffer(raw, np.uint8, offset=len(header)).reshape(shape)
    values.flags.writeable = False
    return raw, values


def _is_gzip(path):
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _instead(header, dimensions):
    """What a file is that begins so: what downloads often leave, by name."""
    for start, name in ((b"<", "it is a web page"), (b"version ", "it is a Git LFS "
                        "pointer: fetch the file itself"), (b"PK", "it is a zip "
                        "archive: unpack it"), (b"\x1f\x8b", "it is packed twice"),
                        (b"\x28\xb5\x2f\xfd", "it is packed with zstd"),
                        (b"{", "it is JSON"), (b"404", "it is an error message"),
                        (b"BZh", "it is packed with bzip2"), (b"\xfd7zXZ", "it is "
                        "packed with xz"), (b"\x93NUMPY", "it is a NumPy array")):
        if header.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(start):
            return name
    if header[:3] == bytes([0, 0, UNSIGNED_BYTE]):
        return f"it has {dimensions} dimensions"
    return f"it begins with {header[:4].hex()}"


def _parse_header(path, header, dimensions):
    if len(header) < 4 + 4 * dimensions:
        instead = _instead(header, dimensions)
        raise DataError(f"{path} is cut short: {len(header)} bytes are no IDX header"
                        + ("" if "begins" in instead else f"; {instead}"))
    zeros, kind, found, *shape = struct.unpack(f">HBB{dimensions}I", header)
    if zeros or kind != UNSIGNED_BYTE or found != dimensions:
        wanted = "images (3 dimensions)" if dimensions == 3 else "labels (1 dimension)"
        raise DataError(f"{path} is not an IDX file of unsigned bytes with {wanted}: "
                        + _instead(header, found))
    if not 0 < math.prod(shape) <= LARGEST_FILE:
        raise DataError(f"{path} claims {' x '.join(map(str, shape))} values: npgm "
                        f"reads 1 to {LARGEST_FILE:,}; the header is wrong")
    return shape
