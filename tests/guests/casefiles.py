"""Read the tables of release files in ``systems/``; debian.txt tells their form."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SYSTEMS = Path(__file__).parent / "systems"


class Case(NamedTuple):
    """A guest's release files, and what they say."""

    type: str
    what: str
    id: str | None
    version: str | None
    release: str | None
    name: str | None
    files: dict[str, str]


def load() -> list[Case]:
    """Return all cases."""
    return [_case(part, "Other" if path.stem == "other-kernels" else "Linux") for path in sorted(SYSTEMS.glob("*.txt"))
            for part in path.read_text(encoding="utf-8").split("\n== ")[1:]]


def _case(part: str, kind: str) -> Case:
    title, _, body = part.partition("\n")
    what, *words = title.split(" | ")
    files: dict[str, str] = {}
    path = ""
    for line in body.rstrip("\n").split("\n"):
        if line.startswith("/"):
            path = line
            files[path] = ""
        elif path:
            files[path] += line + "\n"
    word, version, release, name = (None if value == "-" else value for value in words)
    return Case(kind, what, word, version, release, name, files)
