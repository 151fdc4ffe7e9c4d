"""A hostile case: what is made, of which class it is, and what must come out.

A content is bytes, a file with holes (anything with ``save(path)``: those of the writers beside the tests of formats
and volumes), or a function that makes the file at a path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Saved(Protocol):
    """A file with holes."""

    def save(self, path: Path) -> Path: ...


Maker = Callable[[Path], object]
Content = bytes | Saved | Maker

CLASSES = {
    "A1": "backing files", "A2": "external data files", "A3": "extents and parents", "A4": "format confusion",
    "A5": "polyglots", "A6": "partition tables", "A7": "metadata size bombs", "A8": "integer edges",
    "A9": "decompression bombs", "A10": "tiny file, huge disk", "A11": "cycles and overlaps", "A12": "truncation",
    "A13": "guest file-system tricks", "A14": "registry hives", "A15": "unbounded reads",
    "A16": "names that programs obey", "A17": "archives", "A18": "replaced while being read", "A19": "special files",
    "A20": "report injection", "A21": "encrypted payloads", "A22": "hostile requests",
}


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: The file's name.
        attack: Its class in the list A1 to A22.
        what: What it is, in a few words.
        make: Gives its content.
        expect: Rules that must fire, all of them. Nothing, where the attack must simply come to nothing.
        status: The exit status.
        words: Further words of the command line.
        beside: Names in its folder that may be opened, too.
        meanwhile: What happens to the file while it is being read.
        tools: Programs that make it.
        request: Whether it is a request for ``lint``, not an image for ``check``.
    """

    name: str
    attack: str
    what: str
    make: Callable[[], Content]
    expect: tuple[str, ...] = ()
    status: int | None = None
    words: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    meanwhile: Maker | None = None
    tools: tuple[str, ...] = ()
    request: bool = False

    def write(self, folder: Path) -> Path:
        """Make the file in ``folder``, a canary beside it, and return its path."""
        (folder / CANARY).write_bytes(b"canary\n" * 1024)
        path = folder / self.name
        content = self.make()
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif hasattr(content, "save"):
            content.save(path)
        else:
            content(path)
        return path

    @property
    def reported(self) -> bool:
        """Whether a finding must come out, and not only no harm."""
        return bool(self.expect)


CANARY = "canary.raw"
"""A file beside each image that names in images point at, and that nothing may open."""


def sparse(size: int, **places: bytes) -> Maker:
    """Return what makes a file with holes of ``size`` bytes; ``places`` as ``at_512=b"…"``."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)
            for name, data in places.items():
                file.seek(int(name.removeprefix("at_")))
                file.write(data)

    return make
