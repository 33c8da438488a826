"""How ClickHouse's clients compress what they send: its own blocks, or a content encoding of HTTP.

Source: https://clickhouse.com/docs/native-protocol/compression
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LZ4, PLAIN, ZSTD = 0x82, 0x02, 0x90
BLOCK_BYTES: Final = 1 << 20


def inflate_blocks(data: bytes) -> bytes:
    """ClickHouse's compressed blocks: 16 bytes of CityHash128, method, size with its header, plain size, payload."""
    import lz4.block

    out, at = [], 0
    while at < len(data):
        method, size, plain = struct.unpack_from("<BII", data, at + 16)
        payload = data[at + 25 : at + 16 + size]
        if method == LZ4:
            payload = lz4.block.decompress(payload, uncompressed_size=plain)
        elif method == ZSTD:
            payload = inflate_zstd(payload)
        elif method != PLAIN:
            raise ValueError(f"unknown codec {method:#x}")
        out.append(payload)
        at += 16 + size
    return b"".join(out)


def deflate_blocks(data: bytes) -> bytes:
    """The same in lz4."""
    import lz4.block
    from clickhouse_cityhash.cityhash import CityHash128

    out = []
    for at in range(0, len(data), BLOCK_BYTES):
        plain = data[at : at + BLOCK_BYTES]
        packed = lz4.block.compress(plain, store_size=False)
        block = struct.pack("<BII", LZ4, len(packed) + 9, len(plain)) + packed
        hashed = CityHash128(block)
        out.append(struct.pack("<QQ", hashed >> 64, hashed & (2**64 - 1)) + block)
    return b"".join(out)


def inflate_frames(data: bytes) -> bytes:
    """clickhouse-connect sends one frame after the other; `lz4.frame.decompress` reads the first alone."""
    import lz4.frame

    out = []
    while data:
        frame = lz4.frame.LZ4FrameDecompressor()
        out.append(frame.decompress(data))
        data = frame.unused_data or b""
    return b"".join(out)


def inflate_zstd(data: bytes) -> bytes:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ModuleNotFoundError:
        from backports import zstd
    return bytes(zstd.decompress(data))


INFLATE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda data: gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data,  # aiohttp may have done it
    "deflate": zlib.decompress,
    "lz4": inflate_frames,
    "zstd": inflate_zstd,
}
