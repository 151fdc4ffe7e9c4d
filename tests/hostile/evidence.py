"""Write ``rules/evidence.toml``: for each rule on images the fields that it points at, as found in the hostile set.

    python tests/hostile/evidence.py

``imgbuild explain RULE`` shows them. Of each field of a format the first example is kept.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).parent.parent
if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), *sorted({str(test.parent) for test in TESTS.glob("*/test_*.py")})]
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))

from hostile.cases import CASES  # noqa: E402 - the folders are on the path since a moment only

from imgbuild.examination import inspect  # noqa: E402 - as above
from imgbuild.settings import Settings  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostile.case import Case

    from imgbuild.model import Problem

FILE = TESTS.parent / "rules" / "evidence.toml"
HEAD = """\
# What the rules on images point at, for imgbuild explain: fields by the names of their standards, with an example of
# their place and bytes from the crafted images of tests/hostile. Written by tests/hostile/evidence.py; do not edit.
"""
Key = tuple[str, str, str]


def main() -> None:
    """Inspect all cases and write the file."""
    found: dict[Key, Problem] = {}
    for case in CASES:
        if not case.request and case.meanwhile is None and case.status is None:
            with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
                for key, problem in examples(case, Path(folder)):
                    found.setdefault(key, problem)
    FILE.write_text(text(found), encoding="utf-8")


def examples(case: Case, folder: Path) -> Iterator[tuple[Key, Problem]]:
    """Yield rule, format and field for each problem of a case that has evidence."""
    path = case.write(folder)
    facts = inspect(str(path), Settings(checksums=None, allow_external="--allow-external" in case.words))
    for problem in facts.problems:
        if problem.field is not None and not problem.message.startswith("'"):  # that is another file's
            yield (f"image-{problem.code}", facts.format or "any", problem.field), problem


def text(found: dict[Key, Problem]) -> str:
    """Return the file: a list of tables for each rule."""
    lines = [HEAD]
    for rule in sorted({key[0] for key in found}):
        rows = sorted(key for key in found if key[0] == rule)
        lines += [f"{rule} = [", *(f"  {{ {_row(key, found[key])} }}," for key in rows), "]\n"]
    return "\n".join(lines)


def _row(key: Key, problem: Problem) -> str:
    values = {"format": key[1], "field": key[2], "offset": problem.offset, "length": problem.length, "hex": problem.hex}
    return ", ".join(f"{name} = {value if isinstance(value, int) else _quoted(value)}"
                     for name, value in values.items() if value is not None)


def _quoted(value: str) -> str:
    import json  # noqa: PLC0415 - JSON's strings are TOML's, too

    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
