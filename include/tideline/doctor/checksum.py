"""The checksum files that Hadoop's local file system keeps: Spark refuses a file that differs from its own."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Final

_MAGIC: Final = b"crc\0"
_HEADER: Final = len(_MAGIC) + 4


def checksum_file(file: Path) -> Path:
    return file.with_name(f".{file.name}.crc")


def is_as_written(file: Path, content: bytes) -> bool:
    """Whether the bytes are those of the checksum file; without one there is nothing to differ from."""
    try:
        kept = checksum_file(file).read_bytes()
    except FileNotFoundError:
        return True
    if not kept.startswith(_MAGIC) or len(kept) < _HEADER:
        return False
    (size,) = struct.unpack(">I", kept[len(_MAGIC) : _HEADER])
    return size > 0 and kept[_HEADER:] == checksums(content, size)


def checksums(content: bytes, size: int) -> bytes:
    """CRC-32 of each `size` bytes, big-endian."""
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    return b"".join(struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
