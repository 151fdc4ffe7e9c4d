"""The checksums of a file: an open source and names of algorithms in, hexadecimal digests out, from one pass of reads.

The calling thread reads, and hashes by the quickest of several algorithms; each of the others has a thread of its own
(hashlib lets go of the interpreter lock), so that the slowest alone sets the pace. A ring of four buffers of 1 MiB is
between them: measured on a file of 654 MiB in the page cache with two cores, md5 and sha256 take 1.05 s where md5sum
takes 1.21 s; larger buffers or more of them change nothing, one thread for both takes 1.6 s. The holes of a sparse file
are not read but hashed as the zeros they are (a hole of 20 GiB: 12 s, not 56 s).
"""

from __future__ import annotations

import hashlib
import os
import time
from mmap import mmap
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Protocol, Self

from imgbuild.algorithms import algorithm_name
from imgbuild.errors import SourceError
from imgbuild.processors import step_aside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from imgbuild.source import Source

BUFFER_BYTES = 1 << 20
BUFFERS = 4
STAY = 8
"""So many buffers are filled before it is seen whether the reader shares a processor with an algorithm."""
SAMPLE_BYTES = 1 << 17


class FileChanged(Exception):  # noqa: N818 - no error of ours: it becomes a finding
    """The file was changed while it was read: no checksum would be that of any file."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the file was changed while it was read: {how}; its checksums would be of no file")


class Progress(Protocol):
    """Where a long pass says how far it is; sizes are bytes."""

    def start(self, path: str, size: int) -> None:
        """Begin with the file at ``path``."""
        ...

    def advance(self, count: int) -> None:
        """Say that ``count`` more bytes are done."""
        ...

    def finish(self) -> None:
        """End, also where the pass was broken off."""
        ...


def digest(source: Source, algorithms: Sequence[str], *, progress: Progress | None = None) -> dict[str, str]:
    """Return the digest of the file for each algorithm, in their order, under the names of ``algorithms.py``.

    Raises:
        UsageError: An algorithm is not known; nothing was read.
        FileChanged: The file was written to, replaced or cut while it was read.
        SourceError: The system could not read the file.
    """
    names = [algorithm_name(algorithm) for algorithm in algorithms]
    if not names:
        return {}
    if progress is not None:
        progress.start(source.path, source.size)
    try:
        with _Hashers(names) as hashers:
            _feed(source, hashers, progress)
    finally:
        if progress is not None:
            progress.finish()
    if source.changed():
        raise FileChanged("it was written to or replaced")
    return hashers.digests()


class _Hashers:
    """The algorithms, all but one of several with a thread, and the ring of buffers that the reader fills for them.

    That one is hashed by the reader: with three threads on two processors beside the child that looks, the slowest
    waits for its turn a fifth of the time.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._states = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        own = min(self._states, key=_seconds) if len(self._states) > 1 else None
        self._own = None if own is None else self._states[own]
        self._hashers = [_Hasher(name, state) for name, state in self._states.items() if name != own]
        # Pages of their own: a bytearray of this size begins 16 bytes behind a page, and what the system copies there
        # from a page takes three times as long on processors that mistake the one address for the other.
        ring = memoryview(mmap(-1, BUFFERS * BUFFER_BYTES))
        self._buffers = [ring[start:start + BUFFER_BYTES] for start in range(0, len(ring), BUFFER_BYTES)]
        self._filled = 0

    def buffer(self) -> memoryview:
        """Return the next buffer of the ring, once every thread is done with what it held."""
        for hasher in self._hashers:
            hasher.done.get()
        if self._filled % STAY == 0:
            step_aside(hasher.thread.native_id or 0 for hasher in self._hashers)
        self._filled += 1
        return self._buffers[self._filled % BUFFERS]

    def update(self, data: memoryview) -> None:
        """Hand out what was put into the buffer, or anything else in its place."""
        for hasher in self._hashers:
            hasher.chunks.put(data)
        if self._own is not None:
            self._own.update(data)

    def digests(self) -> dict[str, str]:
        """Return the digests; the threads must have ended."""
        return {name: state.hexdigest() for name, state in self._states.items()}

    def __enter__(self) -> Self:
        for hasher in self._hashers:
            hasher.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for hasher in self._hashers:
            hasher.chunks.put(None)
        for hasher in self._hashers:
            hasher.thread.join()


def _seconds(name: str) -> float:
    """Return the processor time for a sample; sha256 takes the least where the processor has it built in."""
    state, sample = hashlib.new(name, usedforsecurity=False), bytes(SAMPLE_BYTES)
    started = time.thread_time()
    state.update(sample)
    return time.thread_time() - started


class _Hasher:
    """One algorithm: chunks to hash come in, a token goes out for each that is done, ``None`` ends the thread."""

    def __init__(self, name: str, state: hashlib._Hash) -> None:
        self._state = state
        self.chunks: SimpleQueue[memoryview | None] = SimpleQueue()
        self.done: SimpleQueue[None] = SimpleQueue()
        self.thread = Thread(target=self._run, name=f"digest-{name}", daemon=True)
        for _ in range(BUFFERS):
            self.done.put(None)

    def _run(self) -> None:
        for chunk in iter(self.chunks.get, None):
            self._state.update(chunk)
            self.done.put(None)


def _feed(source: Source, hashers: _Hashers, progress: Progress | None) -> None:
    zeros = memoryview(bytes(BUFFER_BYTES))
    for start, end, is_hole in source.extents():
        for offset in range(start, end, BUFFER_BYTES):
            count = min(BUFFER_BYTES, end - offset)
            buffer = hashers.buffer()[:count]
            if not is_hole:
                _fill(source, buffer, offset)
            hashers.update(zeros[:count] if is_hole else buffer)
            if progress is not None:
                progress.advance(count)


def _fill(source: Source, buffer: memoryview, offset: int) -> None:
    done = 0
    while done < len(buffer):
        try:
            count = os.preadv(source.descriptor, [buffer[done:]], offset + done)
        except OSError as error:
            raise SourceError(f"cannot read {source.path!r} at byte {offset + done}: {error.strerror}") from error
        if count == 0:
            raise FileChanged(source.left())
        done += count
