"""Compressed files for tests, packed by the real programs: ``packed("xz", data)``."""

from __future__ import annotations

import subprocess

PROGRAMS = {"gzip": ("gzip", "-cn"), "xz": ("xz", "-c"), "zstd": ("zstd", "-qc"), "bzip2": ("bzip2", "-c")}
ENDINGS = {"gzip": ".gz", "xz": ".xz", "zstd": ".zst", "bzip2": ".bz2"}


def packed(name: str, data: bytes, *words: str) -> bytes:
    """Return ``data`` compressed by the program of that name, with these further words on its command line."""
    return subprocess.run([*PROGRAMS[name], *words], input=data, capture_output=True, check=True).stdout


def unpacked(name: str, data: bytes) -> bytes | None:
    """Return what the program makes of compressed data, ``None`` where it refuses them."""
    done = subprocess.run([PROGRAMS[name][0], "-dcq"], input=data, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
