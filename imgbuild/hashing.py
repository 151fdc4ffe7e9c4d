"""The checksums of an image: an open source and names of algorithms in, a process that computes them, digests out.

The process is forked before anything else is imported or read, and computes while this one inspects, reads the
rules and makes ready to report. ``digest.py`` is what it does; ``known.py`` keeps what it found for those who
ask for that. It trusts nobody: of the file it knows nothing but bytes to hash. It ends with this process, for it says
now and then how far it is, and nobody would hear that.

Over the pipe comes a zero byte for each MiB that is done, then the answer: ``digests``, the seconds that they took, and
a word like ``md5=…`` for each; or ``changed`` or ``refused`` and why.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Self

from imgbuild import forking
from imgbuild.algorithms import algorithm_name
from imgbuild.errors import SourceError
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from imgbuild.digest import Progress
    from imgbuild.documents.inspection import Hashed
    from imgbuild.source import Source

_TICK = b"\0"  # no answer begins with it
_PIPE_BYTES = 1 << 16

WORTH_A_PROCESS = 16 * MIB
"""Bytes of a file that is hashed by a process; a smaller one takes less time than is won."""


class Hashing:
    """The checksums of one file in the making."""

    def __init__(self, source: Source, algorithms: Sequence[str], *, cache: bool = False) -> None:
        """Begin; with ``cache`` those that are known of the file are not computed.

        Raises:
            UsageError: An algorithm is not known.
        """
        self.source = source
        self.algorithms = tuple(dict.fromkeys(map(algorithm_name, algorithms)))
        self._known = _recall(source, self.algorithms) if cache else {}
        self._left = [name for name in self.algorithms if name not in self._known]
        self._keeps = cache and bool(self._left) and _is_at_rest(source)
        self._process: int | None = None
        if self._left and source.size >= WORTH_A_PROCESS and hasattr(os, "fork"):
            work = partial(_answer, source, self._left)
            self._process, self._channel = forking.fork(work, [source.descriptor])

    @property
    def is_apart(self) -> bool:
        """Whether it is done by a process of its own, and not by this one once the result is wanted."""
        return self._process is not None

    def result(self, progress: Progress | None = None) -> Hashed:
        """Wait for the digests and return them.

        Raises:
            SourceError: The system could not read the file.
        """
        from imgbuild.documents.inspection import Hashed  # noqa: PLC0415 - this comes before all other imports
        from imgbuild.model import Problem  # noqa: PLC0415 - as above

        if not self._left:
            return Hashed(checksums=self._known or None, cached=tuple(self._known))
        how, _, said = self._wait(progress).partition(" ")
        if how == "refused":
            raise SourceError(said)
        if how == "changed":
            return Hashed(problem=Problem(code="changed", message=said))
        seconds, *words = said.split()
        computed = dict(word.split("=") for word in words)
        if self._keeps:
            _remember(self.source, computed)
        both = self._known | computed
        return Hashed(checksums={name: both[name] for name in self.algorithms}, cached=tuple(self._known),
                      seconds=float(seconds))

    def give_up(self) -> None:
        """End the process, if it is still there: nobody waits for its answer any more."""
        if self._process is not None:
            forking.kill(self._process)
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.give_up()

    def _wait(self, progress: Progress | None) -> str:
        """Return the answer of the process."""
        if self._process is None:
            return _outcome(self.source, self._left, progress)
        if progress is not None:
            progress.start(self.source.path, self.source.size)
        answer = bytearray()
        try:
            for data in iter(partial(os.read, self._channel, _PIPE_BYTES), b""):
                ticks = 0 if answer else len(data) - len(data.lstrip(_TICK))
                answer += data[ticks:]
                if progress is not None:
                    progress.advance(ticks * MIB)
        finally:
            if progress is not None:
                progress.finish()
        if self._end() != forking.EXIT_DONE or not answer:
            raise SourceError(f"the process that hashes {self.source.path!r} was ended", cure="try again")
        return answer.decode("utf-8", "surrogateescape")

    def _end(self) -> int:
        process, self._process = self._process, None
        os.close(self._channel)
        return forking.EXIT_DONE if process is None else forking.wait_for(process)


class _Ticks:
    """A progress that writes a byte for each MiB, and so finds out whether anybody still listens."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._bytes = 0

    def start(self, path: str, size: int) -> None:
        """Begin; nobody need be told."""

    def advance(self, count: int) -> None:
        ticks, self._bytes = divmod(self._bytes + count, MIB)
        os.write(self._channel, _TICK * ticks)

    def finish(self) -> None:
        """End; the answer says so."""


def _answer(source: Source, algorithms: Sequence[str], channel: int) -> None:
    """Do the work of the process."""
    with open(channel, "wb") as pipe:
        pipe.write(_outcome(source, algorithms, _Ticks(channel)).encode("utf-8", "surrogateescape"))


def _outcome(source: Source, algorithms: Sequence[str], progress: Progress | None) -> str:
    """Return the answer: the digests and the seconds that they took, or why there are none."""
    from imgbuild.digest import FileChanged, digest  # noqa: PLC0415 - where the work is done

    started = time.monotonic()
    try:
        computed = digest(source, algorithms, progress=progress)
    except FileChanged as changed:
        return f"changed {changed}"
    except SourceError as refused:
        return f"refused {refused.message}"
    words = (f"{name}={said}" for name, said in computed.items())
    return " ".join(["digests", str(time.monotonic() - started), *words])


def _recall(source: Source, names: Sequence[str]) -> dict[str, str]:
    from imgbuild import known  # noqa: PLC0415 - for those who ask for it

    return known.recall(source, names)


def _is_at_rest(source: Source) -> bool:
    from imgbuild import known  # noqa: PLC0415 - as above

    return known.is_at_rest(source)


def _remember(source: Source, checksums: dict[str, str]) -> None:
    from imgbuild import known  # noqa: PLC0415 - as above

    known.remember(source, checksums)
