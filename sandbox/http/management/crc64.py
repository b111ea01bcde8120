"""The CRC-64 that Function Compute tells of a code package.

It is the one of ECMA-182, reflected: OSS has it, and so has the .xz format as its check. The
standard library computes it only on the way to a .xz file, but does so in C and without the
interpreter's lock, where a loop in Python would stop the supervisor for seconds.
"""

import lzma
from collections.abc import Iterable

__all__ = ["crc64"]

_FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "dict_size": 4096,
        "mode": lzma.MODE_FAST,
        "mf": lzma.MF_HC3,
        "nice_len": 3,
        "depth": 1,
    }
]
_FOOTER_BYTES = 12
_TAIL_BYTES = 256
"""Footer, index of the only block, and its check."""


def crc64(chunks: Iterable[bytes]) -> int:
    """The checksum of all bytes."""
    compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=_FILTERS)
    tail, is_empty = b"", True
    for chunk in chunks:
        is_empty = is_empty and not chunk
        tail = (tail + compressor.compress(chunk))[-_TAIL_BYTES:]
    if is_empty:  # there is no block then, and no check
        return 0
    tail = (tail + compressor.flush())[-_TAIL_BYTES:]
    # xz-file-format 2.1.2: the size of the index, which the check stands before.
    index_bytes = (int.from_bytes(tail[-8:-4], "little") + 1) * 4
    end = len(tail) - _FOOTER_BYTES - index_bytes
    return int.from_bytes(tail[end - 8 : end], "little")
