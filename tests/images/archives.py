"""Initramfs archives for tests, packed by the real programs: ``pack("zstd", {"init": b"…"})``."""

from __future__ import annotations

import subprocess

from images.tree import cpio

PACKERS = {
    "none": None, "gzip": ("gzip", "-n"), "zstd": ("zstd", "-q"), "xz": ("xz", "--check=crc32"),
    "lz4 legacy": ("lz4", "-q", "-l"), "lz4": ("lz4", "-q"), "lzo": ("lzop",), "bzip2": ("bzip2",),
    "lzma": ("xz", "--format=lzma"),
}
TOOLS = ("gzip", "zstd", "xz", "lz4", "lzop", "bzip2")


def compress(method, data):
    """Return the bytes, packed by the program of that method."""
    command = PACKERS[method]
    return data if command is None else subprocess.run(command, input=data, capture_output=True, check=True).stdout


def pack(method, files):
    """Return an archive with these files."""
    return compress(method, cpio(files))


def modules(*names, release="6.1.0-18-amd64", suffix=".ko"):
    """Return the files of these modules, each ``drivers/block/virtio_blk`` or so, 4 KiB that shrink by half."""
    body = bytes(range(256)) * 8 + bytes(2048)
    return {f"usr/lib/modules/{release}/kernel/{name}{suffix}": body for name in names}
