"""What the build adds to a wheel: the rule book, and beside each of its files the tables in it as JSON.

JSON is read in a tenth of the time. Each carries the checksum of the file that it was made of;
``imgbuild/rulebook/packs.py`` reads it where that is right, and the TOML itself where it is not, or where there is
none: in a checkout. The pages of the rules are for those who read the source, and stay out.
"""

from __future__ import annotations

import json
import tomllib
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompilePacks(BuildHookInterface):
    """The hook that hatchling calls before it writes a wheel, and after."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the rule book and the tables of each file to the wheel; ``version`` is the kind of wheel."""
        if version == "editable":
            return
        self._folder = TemporaryDirectory()
        rules = Path(self.root) / "rules"
        for file in (path for path in rules.rglob("*") if path.is_file() and rules / "pages" not in path.parents):
            build_data["force_include"][str(file)] = f"imgbuild/_rules/{file.relative_to(rules)}"
        for number, pack in enumerate(sorted(rules.glob("**/*.toml"))):
            made = Path(self._folder.name) / f"{number}.json"
            made.write_bytes(compiled(pack.read_bytes()))
            build_data["force_include"][str(made)] = f"imgbuild/_rules/{pack.relative_to(rules)}.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove what was written."""
        if version != "editable":
            self._folder.cleanup()


def compiled(pack: bytes) -> bytes:
    """Return the tables of a file of a pack, and the checksum of its bytes, as JSON."""
    return json.dumps({"crc32": zlib.crc32(pack), "tables": tomllib.loads(pack.decode())}, ensure_ascii=False).encode()
