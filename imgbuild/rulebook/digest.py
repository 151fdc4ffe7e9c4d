"""The digest of a rule book: the name of a cloud in, the sha256 out that stands for all its rules and values.

It is that of the lines that ``sha256sum`` prints for the files, in the order of the packs and of the names in each, so
that anybody can compute it: ``cd rules && sha256sum common/*.toml huaweicloud/*.toml | sha256sum``.
"""

from __future__ import annotations

import hashlib
import os

from imgbuild.errors import RuleBookError
from imgbuild.rulebook.packs import chain_of, folder


def digest_of(cloud: str, rules: str | None = None, catalogue: str | None = None) -> str:
    """Return the digest of the packs of a cloud, of a folder of a person's own rules, and of a region's OS list.

    Raises as ``load`` does.
    """
    packs = [(name, os.path.join(folder(), name)) for name in chain_of(cloud)]
    packs += [] if rules is None else [("own", rules)]
    lines = [_line(f"{pack}/{name}", os.path.join(path, name)) for pack, path in packs for name in _names(path)]
    lines += [] if catalogue is None else [_line("catalogue", catalogue)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _names(path: str) -> list[str]:
    return sorted(name for name in os.listdir(path) if name.endswith(".toml"))


def _line(shown: str, path: str) -> str:
    try:
        with open(path, "rb") as file:
            return f"{hashlib.sha256(file.read()).hexdigest()}  {shown}\n"
    except OSError as error:
        raise RuleBookError(f"cannot read {path!r}: {error.strerror}", cure="reinstall imgbuild") from error
