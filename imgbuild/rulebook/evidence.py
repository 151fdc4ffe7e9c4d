"""Examples of what rules on images point at: ``rules/evidence.toml`` in, fields with their places and bytes out.

The file is written by ``tests/hostile/table.py`` from what is found in the crafted images of ``tests/hostile``, one
example for each field of each format.
"""

from __future__ import annotations

import os
from functools import cache

import msgspec

from imgbuild.documents.rules import Example
from imgbuild.errors import RuleBookError
from imgbuild.rulebook.packs import folder, read_toml

FILE = "evidence.toml"


@cache
def read_evidence() -> dict[str, tuple[Example, ...]]:
    """Return the examples by the ids of the rules; raises RuleBookError where the file is missing or broken."""
    try:
        return msgspec.convert(read_toml(os.path.join(folder(), FILE)), dict[str, tuple[Example, ...]])
    except msgspec.ValidationError as error:
        raise RuleBookError(f"rules/{FILE}: {error}", cure="python tests/hostile/table.py writes it anew") from error
