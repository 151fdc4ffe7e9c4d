"""Write README.md: our verdict on each hostile file beside qemu-img's and oslo.utils', all measured in this run.

It also writes the examples of evidence that ``imgbuild explain`` shows (``evidence.py``).

    python tests/hostile/table.py [--oslo PYTHON] [--strace]

``--oslo`` is the Python of an environment with ``oslo.utils[image-inspection]``; without it that column is left as it
is. With ``--strace`` each file is also looked at by an imgbuild of its own under strace, and what that opened beyond
the image, Python and the system's libraries is printed. Run it as root or not, with nothing else to do on the machine:
the slowest file is named.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), *sorted({str(test.parent) for test in TESTS.glob("*/test_*.py")})]
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))

from hostile import defences, evidence, verdicts, watched  # noqa: E402 - the folders are on the path since a moment only
from hostile.case import CANARY, CLASSES  # noqa: E402 - as above
from hostile.cases import CASES  # noqa: E402 - as above

from imgbuild.version import __version__  # noqa: E402 - as above

if TYPE_CHECKING:
    from hostile.case import Case
    from hostile.watched import Seen

SECONDS = 20
OSLO = """
import sys
from oslo_utils.imageutils import format_inspector as inspector
try:
    found = inspector.detect_file_format(sys.argv[1])
    found.safety_check()
    print("passes as", found)
except inspector.SafetyCheckFailed as failed:
    print("unsafe:", ", ".join(sorted(failed.failures)))
except inspector.ImageFormatError as error:
    print("refuses")
except Exception as error:
    print("dies:", type(error).__name__)
"""
OSLO_VERSION = "import importlib.metadata as m; print(m.version('oslo.utils'))"
HARMLESS = ("/usr/", "/lib", "/etc/ld.so.", "/dev/null", "/dev/urandom", "/proc/", "/sys/", "/etc/localtime",
            "/dev/fd/")
_OPENED = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(?:open|openat|execve|connect)"
                     r"\((?:AT_FDCWD, |\d+, )?(.*?)[,)].*= \d+$")


def main() -> None:
    """Measure and write."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--oslo", default=None)
    words.add_argument("--strace", action="store_true")
    options = words.parse_args()
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            rows.append(measure(case, Path(folder), options.oslo, strace=options.strace))
            print(rows[-1][1], "|", rows[-1][3], "|", *rows[-1][4:6], flush=True)  # noqa: T201 - progress, by hand
    verdicts.README.write_text(page(rows, options.oslo), encoding="utf-8")
    evidence.main()


def measure(case: Case, folder: Path, oslo: str | None, *, strace: bool) -> tuple:
    """Return a row: class, name, what, our verdict, qemu-img's, oslo's, the case, what was seen."""
    path = case.write(folder)
    others = ["-", "-"] if case.request or case.meanwhile else [qemu(case, path), inspector(case, path, oslo)]
    if strace:
        trace(case, folder)
    seen = watched.check(case, folder)
    strange = watched.outside(case, seen)
    if strange:
        print("OUTSIDE", case.name, strange)  # noqa: T201 - by hand
    return (case.attack, case.name, case.what, verdicts.verdict(case, seen), *others, case, seen)


def limited() -> None:
    """Keep the others from filling the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def ask(*command: object) -> subprocess.CompletedProcess[bytes] | None:
    """Run a program without a network, where that can be had; ``None`` where it takes too long."""
    alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
    try:
        return subprocess.run([*alone, *map(str, command)], capture_output=True, timeout=SECONDS, check=False,
                              stdin=subprocess.DEVNULL, preexec_fn=limited)
    except subprocess.TimeoutExpired:
        return None


def claimed(case: Case) -> str | None:
    return case.words[1] if case.words[:1] == ("--claim",) else None


def qemu(case: Case, path: Path) -> str:
    """Return what ``qemu-img info`` makes of the file when it is not told the format."""
    done = ask("qemu-img", "info", "--output=json", path)
    if done is None:
        return "hangs"
    if done.returncode < 0 or done.returncode > 128:
        return f"dies: signal {-done.returncode if done.returncode < 0 else done.returncode - 128}"
    if done.returncode:
        return "refuses"
    facts = json.loads(done.stdout)
    name = {"vpc": "vhd"}.get(facts["format"], facts["format"])
    if claimed(case) not in {None, name}:
        return f"opens as {name}, not as {claimed(case)}"
    special = facts.get("format-specific", {}).get("data", {})
    hints = [key for key in ("backing-filename", "encrypted", "dirty-flag") if facts.get(key)]
    hints += [key for key in ("data-file", "corrupt") if special.get(key)]
    return f"opens as {name}" + (f", shows {', '.join(hints)}" if hints else "")


def inspector(case: Case, path: Path, oslo: str | None) -> str:
    """Return what the format inspector of oslo.utils makes of the file."""
    if oslo is None:
        return "-"
    done = ask(oslo, "-c", OSLO, path)
    if done is None:
        return "hangs"
    said = done.stdout.decode("utf-8", "replace").strip() or f"dies: status {done.returncode}"
    name = said.removeprefix("passes as ")
    return f"{said}, not as {claimed(case)}" if said != name and claimed(case) not in {None, name} else said


def trace(case: Case, folder: Path) -> None:
    """Run imgbuild under strace and print what it opened that is none of its business."""
    words = ["lint"] if case.request else ["check", "--no-checksum"]
    command = ["strace", "-f", "-q", "-s", "4096", "-e", "trace=open,openat,connect,execve", "-o", "/dev/stderr",
               sys.executable, "-B", "-m", "imgbuild", *words, *case.words, "--", case.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PYTHONPATH": str(TESTS.parent)})
    for line in done.stderr.decode("utf-8", "replace").splitlines():
        found = _OPENED.match(line)
        listing = "O_PATH" in line or "O_DIRECTORY" in line  # no content is read through these
        if found and not listing and strange(found[1].strip('"'), case):
            print("STRACE", case.name, line)  # noqa: T201 - by hand


def strange(path: str, case: Case) -> bool:
    ours = (str(TESTS.parent), sys.prefix, sys.base_prefix, os.path.join(tempfile.gettempdir(), "imgbuild-"))
    if os.path.basename(path) in {"imgbuild.toml", "pyproject.toml"}:
        return False
    return CANARY in path or not (path in {case.name, "."} or path in case.beside or path.startswith((*HARMLESS, *ours))
                                  or "\\" in path)


def lets_pass(said: str) -> bool:
    """Say whether a verdict of others is one that a pipeline goes on with: no refusal, and not a word of warning."""
    return said.startswith(("opens as", "passes as")) and "shows" not in said and "not as" not in said


PAGE = """\
# Hostile images

Generated by `python tests/hostile/table.py`; do not edit.
Measured on {date} with imgbuild {imgbuild}, qemu-img {qemu} and oslo.utils {oslo}.

{files} files: {counts}.

Of these, {unsafe} are unsafe or broken by what they hold, so that an error must come out. Let pass:

| program | files let pass | of |
| --- | --- | --- |
| imgbuild | {ours} | {unsafe} |
| `qemu-img info`, format not told | {passed[0]} | {unsafe} |
| oslo.utils, `detect_file_format` and `safety_check` | {passed[1]} | {unsafe} |

A file is let pass when the program ends well without a word of warning: qemu-img when it opens the file and shows
neither a backing file nor a data file, encryption, or a mark of damage; oslo.utils when its safety check succeeds.
Where the case makes a claim, naming another format is a warning, too.

The slowest took imgbuild {slowest[7].seconds:.1f} s ({slowest[1]}), the largest {peak} MiB ({largest[1]}); the budget
is 2 s and 512 MiB. {quiet} files end with status 0: an attack that comes to nothing, or a warning only.

## Classes

What stands against each class, in which modules, and which tests show it beside this set.

{classes}

## Files

| class | file | what it is | imgbuild | qemu-img info | oslo.utils |
| --- | --- | --- | --- | --- | --- |
"""


def page(rows: list[tuple], oslo: str | None) -> str:
    """Return the README."""
    unsafe = [row for row in rows if verdicts.is_unsafe(row[6])]
    largest = max(rows, key=lambda row: row[7].peak)
    head = PAGE.format(
        classes=defences.table(),
        date=f"{datetime.now(tz=UTC):%Y-%m-%d}", imgbuild=__version__, qemu=_version("qemu-img", "--version"),
        oslo=_version(oslo, "-c", OSLO_VERSION) if oslo else "not measured", files=len(rows), unsafe=len(unsafe),
        counts=", ".join(f"{key} {count}" for key in CLASSES if (count := sum(row[0] == key for row in rows))),
        ours=sum(not _objects(row[7]) for row in unsafe),
        passed=[sum(lets_pass(row[column]) for row in unsafe) for column in (4, 5)],
        slowest=max(rows, key=lambda row: row[7].seconds), largest=largest, peak=largest[7].peak >> 20,
        quiet=sum(row[7].status == 0 for row in rows))
    return head + "".join(f"| {' | '.join([row[0], *map(verdicts.cell, row[1:6])])} |\n" for row in rows)


def _objects(seen: Seen) -> bool:
    return any(finding["severity"] == "error" for finding in seen.document["findings"]
               if finding["subject"]["kind"] == "image")


def _version(*command: object) -> str:
    words = ask(*command).stdout.decode().split()
    return words[2] if words[:2] == ["qemu-img", "version"] else words[-1]


if __name__ == "__main__":
    main()
