"""Hostile images cost nothing: each is met by the finding that it deserves, or by none, and by no harm.

Of each run it is asked: how it ended, that nothing but the image was opened, how much memory it took, that nothing in
its output can do anything to a terminal or a reader of logs, and that the README says the same.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hostile import verdicts, watched
from hostile.case import CLASSES, Case
from hostile.cases import CASES
from hostile.defences import DEFENCES
from hostile.defences import table as defences_table
from images import discs
from images.containers import VARIANTS, wrap
from images.disks import TOOLS
from tools import needs

import imgbuild
from imgbuild.rulebook.evidence import read_evidence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify and fork watch the runs")

NEVER = {"image-inspection-died", "image-inspection-memory", "image-inspection-timeout"}
COMMANDS = re.compile(r"^\s*::[A-Za-z].*?::|##\w*\[", re.MULTILINE)


@pytest.mark.parametrize("case", [pytest.param(case, marks=needs(*case.tools), id=f"{case.attack}-{number}")
                                  for number, case in enumerate(CASES)])
def test_it_costs_nothing(case: Case, tmp_path):
    case.write(tmp_path)
    seen = watched.check(case, tmp_path)

    assert watched.outside(case, seen) == []
    assert_ended_well(case, seen)
    assert seen.peak <= watched.MEMORY_BYTES
    assert_printable(seen.out)
    assert_printable(seen.err)
    assert_explained(seen)
    assert verdicts.listed().get(verdicts.cell(case.name)) == verdicts.cell(verdicts.verdict(case, seen)), (
        "python tests/hostile/table.py writes the table anew")


def assert_ended_well(case: Case, seen: watched.Seen) -> None:
    assert "Traceback" not in seen.err
    assert "internal error" not in seen.err
    if case.status is not None:
        assert (seen.status, seen.err.count("\n"), seen.out) == (case.status, 1, "")
        return
    assert_printable(seen.report)
    assert seen.status == int(seen.document["summary"]["error"] > 0)
    assert set(case.expect) <= set(seen.rules)
    assert not NEVER & set(seen.rules)


def assert_explained(seen: watched.Seen) -> None:
    """Each field that a finding points at is among those that ``imgbuild explain`` shows."""
    shown = read_evidence()
    for finding in seen.document["findings"] if seen.report else ():
        if finding["evidence"] is not None and finding["evidence"]["field"] and not finding["message"].startswith("'"):
            assert finding["evidence"]["field"] in {example.field for example in shown.get(finding["rule"], ())}, (
                "python tests/hostile/evidence.py writes the examples anew")


def assert_printable(text: str) -> None:
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert COMMANDS.search(text) is None


def test_every_class_has_cases():
    counts = Counter(case.attack for case in CASES)
    assert set(counts) == set(CLASSES)
    assert sum(counts.values()) > 300


def test_every_class_has_a_defence_whose_modules_and_tests_are_there():
    assert list(DEFENCES) == list(CLASSES)
    here, home = Path(__file__).parents[1], Path(imgbuild.__file__).parent
    named = [home / name for found in DEFENCES.values() for name in found.modules]
    named += [here / name for found in DEFENCES.values() for name in found.tests]
    assert [path for path in named if not path.is_file()] == []
    assert defences_table() in verdicts.README.read_text(encoding="utf-8")


def test_every_case_has_a_name_of_its_own():
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


def test_what_a_case_opens_outside_would_be_noticed(tmp_path):
    """The watch itself is watched: a reader that opens the canary is caught by both of its eyes."""
    case = Case("watch.raw", "A1", "a disk of zeros", lambda: bytes(4096),
                meanwhile=None, beside=())
    case.write(tmp_path)
    with watched._Folder(tmp_path) as folder:
        (tmp_path / "canary.raw").read_bytes()
        assert folder.opened() == {"canary.raw"}
    seen = watched.check(case, tmp_path)
    assert watched.outside(case, seen) == []
    assert "watch.raw" in seen.opened
    strange = watched.Seen(**{**vars(seen), "opened": (*seen.opened, "/etc/passwd"), "done": ("socket.connect x",)})
    assert watched.outside(case, strange) == ["/etc/passwd", "socket.connect x"]


# The good ones: what is stock must pass through the same watch without a word on safety or integrity.

FOREIGN = {"vmdk": ("vmdk",), "vmdk-stream": ("vmdk", "-o", "subformat=streamOptimized"), "vhdx": ("vhdx",),
           "vhdx-fixed": ("vhdx", "-o", "subformat=fixed"), "vdi": ("vdi",), "vdi-static": ("vdi", "-o", "static=on"),
           "qed": ("qed",), "qcow": ("qcow",), "parallels": ("parallels",)}
ENDINGS = {"parallels": "hdd", "vmdk-stream": "vmdk", "vhdx-fixed": "vhdx", "vdi-static": "vdi"}


def assert_no_alarm(name: str, folder) -> None:
    case = Case(name, "A1", "a good one", bytes)
    seen = watched.check(case, folder)
    assert watched.outside(case, seen) == []
    assert [finding for finding in seen.document["findings"]
            if finding["severity"] == "error" and finding["group"] in {"safety", "integrity"}] == []
    assert not NEVER & set(seen.rules)


@needs("qemu-img", *TOOLS)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_good_disk_gives_no_alarm(name, disk, tmp_path):
    path = wrap(name, disk("gpt-uefi-ext4"), tmp_path)
    assert_no_alarm(path.name, tmp_path)


@needs("qemu-img", *TOOLS)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_good_disk_of_others_gives_no_alarm(name, disk, tmp_path):
    path = tmp_path / f"disk.{ENDINGS.get(name, name)}"
    subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", *FOREIGN[name], disk("gpt-uefi-ext4"), path],
                   check=True)
    assert_no_alarm(path.name, tmp_path)


def test_a_good_disc_gives_no_alarm(tmp_path):
    (tmp_path / "disc.iso").write_bytes(discs.plain())
    assert_no_alarm("disc.iso", tmp_path)
