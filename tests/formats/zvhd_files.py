"""What the tests of ZVHD and ZVHD2 share: samples, small disks, and files with something changed."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import zvhd_writer as w
from pace import ENDLESS, Clock

from imgbuild.formats import zvhd, zvhd2
from imgbuild.formats.base import Container, Probe
from imgbuild.readers import BrokenImage, Memory

SAMPLES = Path(__file__).parents[2] / "samples" / "zvhd"
MIB = 1 << 20
GIB = 1 << 30


def sparse_source() -> bytes:
    """Return the disk that the sparse samples were made from."""
    disk = bytearray(3 * MIB + 7 * 512)
    disk[4608:5608] = b"x" * 1000
    disk[-512:] = b"tail" * 128
    return bytes(disk)


def holey(blocks: int, used: tuple[int, ...], block_size: int, rest: int = 0) -> bytes:
    """Return a disk of ``blocks`` blocks and ``rest`` bytes with a line of data at an odd place of each used block."""
    rng = random.Random(blocks)  # noqa: S311 - a seed, so that each run makes the same disk
    disk = bytearray(blocks * block_size + rest)
    for block in used:
        start = block * block_size + rng.randrange(100_000)
        disk[start : start + 3000] = rng.randbytes(3000)
    return bytes(disk)


def packed(disk: bytes, **options: object) -> bytes:
    """Return the disk as a ZVHD2 file."""
    out = io.BytesIO()
    w.write_zvhd2(io.BytesIO(disk), out, w.Options(**options))
    return out.getvalue()


def streamed(disk: bytes, **options: object) -> bytes:
    """Return the disk as a ZVHD file."""
    out = io.BytesIO()
    w.write_zvhd(io.BytesIO(disk), out, w.Options(**options))
    return out.getvalue()


def opened(file: bytes) -> Container:
    return (zvhd2 if file.startswith(b"z2") else zvhd).FORMAT.open(Memory(file))


def probe(file: bytes) -> Probe:
    return Probe(len(file), file[: 64 << 10], file[-(8 << 10) :])


def said(file: bytes) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in opened(file).problems]


def digest(container: Container) -> str:
    sha256 = hashlib.sha256()
    for offset in range(0, container.size, MIB):
        sha256.update(container.read_at(offset, min(MIB, container.size - offset)))
    return sha256.hexdigest()


def patch(file: bytes, offset: int, data: bytes, *, page: int | None = None) -> bytes:
    """Return the file with ``data`` at ``offset`` (of the header page at ``page``, whose checksum is renewed)."""
    raw = bytearray(file)
    start = offset if page is None else page % len(raw) + offset
    raw[start : start + len(data)] = data
    if page is not None:
        page %= len(raw)
        raw[page : page + w.PAGE] = w.seal(bytes(raw[page : page + w.PAGE]))
    return bytes(raw)


def survive(file: bytes) -> None:
    """Open the file and read the disk that it offers; nothing but BrokenImage may come out, and soon."""
    clock = Clock()
    try:
        container = opened(file)
        if container.readable:
            for offset in range(0, min(container.size, 4 * MIB), MIB // 2):
                container.read_at(offset, 4096)
    except BrokenImage:
        pass
    assert clock.seconds() < ENDLESS
