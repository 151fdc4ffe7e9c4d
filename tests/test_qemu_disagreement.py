"""Three views of format and size: which finding comes of them, and that it says who says what."""

from __future__ import annotations

import json
import subprocess

import pytest
from program import run
from tools import needs

from imgbuild import qemu
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.run import Witness
from imgbuild.model import Problem, View

MIB = 1 << 20
CLAIMED = Problem(code="claim-contradicted", message="the image is claimed to be 'raw', but its content is qcow2")
AGREES = Witness(found="7.2", format="qcow2", virtual_size=MIB)
LARGER = Witness(found="7.2", format="qcow2", virtual_size=MIB + 512)
REFUSES = Witness(found="7.2", failure="refused", error="bad L1")
OURS = "imgbuild: qcow2, 1048576 bytes"
NOT_ASKED = "has no say: our own reader objects (backing-file)"
SIZES = (f"qemu-img 7.2 sees a disk of 1049088 bytes in this qcow2, our reader one of 1048576 ({OURS};"
         " qemu-img -f qcow2: qcow2, 1049088 bytes; claim: none)")


def facts(**changes):
    return Inspection(**{"path": "disk", "size": MIB, "format": "qcow2", "virtual_size": MIB, **changes})


@pytest.mark.parametrize(("_sentence", "ours", "theirs", "claim", "found"), [
    ("all agree", {}, AGREES, "qcow2", []),
    ("nobody claims anything", {}, AGREES, None, []),
    ("qemu is not installed", {}, Witness(), None, []),
    ("qemu sees another size", {}, LARGER, None, [("qemu-disagrees", SIZES)]),
    ("qemu refuses", {}, REFUSES, "qcow2", [("qemu-disagrees",
        f"qemu-img 7.2 does not open this as qcow2: bad L1 ({OURS}; qemu-img -f qcow2: bad L1; claim: qcow2)")]),
    ("qemu refuses what our reader objects to", {"problems": (Problem(code="truncated", message="…"),)}, REFUSES, None,
     [("truncated", "…")]),
    ("qemu refuses, and the name is wrong", {"problems": (Problem(code="extension-contradicted", message="…"),)},
     REFUSES, None, [("extension-contradicted", "…"), ("qemu-disagrees",
        f"qemu-img 7.2 does not open this as qcow2: bad L1 ({OURS}; qemu-img -f qcow2: bad L1; claim: none)")]),
    ("the claim is wrong", {"problems": (CLAIMED,)}, AGREES, "raw", [("claim-contradicted",
        f"{CLAIMED.message} ({OURS}; qemu-img -f qcow2: qcow2, 1048576 bytes; claim: raw)")]),
    ("the claim is wrong and qemu sees another size: one finding", {"problems": (CLAIMED,)}, LARGER, "raw",
     [("claim-contradicted", f"{CLAIMED.message} ({OURS}; qemu-img -f qcow2: qcow2, 1049088 bytes; claim: raw)")]),
    ("the claim is wrong and qemu is not asked", {"problems": (CLAIMED, Problem(code="backing-file", message="…"))},
     Witness(found="7.2", failure="not-asked", error=NOT_ASKED), "raw",
     [("claim-contradicted", f"{CLAIMED.message} ({OURS}; qemu-img -f qcow2: {NOT_ASKED}; claim: raw)"),
      ("backing-file", "…")]),
    ("the claim is wrong and qemu is not there", {"problems": (CLAIMED,)}, Witness(), "raw", [("claim-contradicted",
        f"{CLAIMED.message} ({OURS}; qemu-img -f qcow2: not installed; claim: raw)")]),
    ("the file is no image", {"format": None, "virtual_size": None, "problems": (CLAIMED,)}, Witness(), "raw",
     [("claim-contradicted", f"{CLAIMED.message} (imgbuild: no disk image; qemu-img: not installed; claim: raw)")]),
    ("qemu dies", {}, Witness(found="7.2", failure="died", error="signal SIGSEGV"), None,
     [("qemu-died", "qemu-img 7.2 did not survive this image: signal SIGSEGV")]),
    ("qemu does not run", {}, Witness(found="7.2", failure="not-run", error="…"), None, []),
    ("whole sectors are no difference", {"format": "raw", "virtual_size": 1025},
     Witness(found="7.2", format="raw", virtual_size=1536), None, []),
    ("the geometry of a VHD is none", {"format": "vhd", "container": {"chs_size": 2 * MIB}},
     Witness(found="7.2", format="vpc", virtual_size=2 * MIB), None, []),
    ("a size that is not known cannot differ", {"virtual_size": None}, LARGER, None, []),
])
def test_the_views_are_put_side_by_side(_sentence, ours, theirs, claim, found):
    problems = qemu.compare(facts(**ours), theirs, claim)
    assert [(problem.code, problem.message) for problem in problems] == found


def test_the_views_are_values_too():
    (problem,) = qemu.compare(facts(problems=(CLAIMED,)), LARGER, "raw")
    assert problem.views == (View(who="imgbuild", format="qcow2", virtual_size=MIB),
                             View(who="qemu-img -f qcow2", format="qcow2", virtual_size=MIB + 512),
                             View(who="claim", format="raw"))


def test_what_qemu_guesses_is_in_no_view():
    guess = Witness(found="7.2", format="qcow2", virtual_size=MIB, probed="raw")
    assert qemu.compare(facts(), guess, "qcow2") == ()


@needs("qemu-img")
def test_the_command_gives_one_finding_with_all_views(tmp_path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "disk.img", "1M"], check=True, cwd=tmp_path)
    done = run("check", "disk.img", "--claim", "raw", "--no-checksum", "--format", "json", folder=tmp_path)
    (finding,) = [found for found in done.document["findings"] if "views" in found]
    assert (finding["rule"], finding["severity"]) == ("image-claim-contradicted", "error")
    assert finding["views"] == [
        {"who": "imgbuild", "format": "qcow2", "virtual_size": MIB, "words": None},
        {"who": "qemu-img -f qcow2", "format": "qcow2", "virtual_size": MIB, "words": None},
        {"who": "claim", "format": "raw", "virtual_size": None, "words": None}]
    text = run("check", "disk.img", "--claim", "raw", "--no-checksum", folder=tmp_path).out
    assert f"({OURS}; qemu-img -f qcow2: qcow2, 1048576 bytes; claim: raw)" in " ".join(text.split())


@needs("qemu-img")
def test_the_guess_of_qemu_is_shown_with_the_run_facts(tmp_path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed,force_size=on", "disk.vhd", "8M"],
                   check=True, cwd=tmp_path)
    facts = run("inspect", "disk.vhd", "--no-checksum", "--run-facts", "--format", "json", folder=tmp_path).document
    assert (facts["run"]["qemu"]["format"], facts["run"]["qemu"]["probed"]) == ("vpc", "raw")
    assert {problem["code"] for problem in facts["problems"]} == {"nothing-inside"}
    assert "raw when it is not told" in run("inspect", "disk.vhd", "--no-checksum", "--run-facts", folder=tmp_path).out
    assert "views" not in json.dumps(facts)
