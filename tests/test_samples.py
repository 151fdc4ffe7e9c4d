"""The files of samples/ against their golden facts and findings; ``pytest --update-golden`` writes these anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from images.run import run as run_tool
from program import run
from tools import needs

SAMPLES = Path(__file__).parent.parent / "samples"
IMAGES = ("debian-12-tiny.qcow2", "debian-12.11-netinst-tiny.iso", "data-disk.vhd", "overlay.qcow2")
REQUESTS = sorted(path.stem for path in (SAMPLES / "requests").glob("*.json")
                  if not path.stem.endswith((".findings", "-response")))
LIMIT = 5 * 1000 * 1000  # bytes, the whole folder


def steady(text: str) -> bytes:
    """Return the document as golden files keep it: without our version and without the tally of rules."""
    document = json.loads(text)
    document.pop("imgbuild")
    document.pop("rules", None)
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize("name", IMAGES)
def test_the_facts_of_an_image(name, golden):
    result = run("inspect", name, "--format", "json", folder=SAMPLES)
    golden(SAMPLES / f"{name}.inspection.json", steady(result.out))


@pytest.mark.parametrize("name", IMAGES)
def test_the_findings_on_an_image(name, golden):
    result = run("check", name, "--format", "json", folder=SAMPLES)
    golden(SAMPLES / f"{name}.findings.json", steady(result.out))


def test_the_manifest_of_an_image(golden):
    result = run("build", "debian-12-tiny.qcow2", "--format", "json", folder=SAMPLES)
    golden(SAMPLES / "debian-12-tiny.manifest.json", steady(result.out))


@pytest.mark.parametrize("name", REQUESTS)
def test_the_findings_on_a_request(name, golden):
    result = run("lint", f"{name}.json", "--format", "json", folder=SAMPLES / "requests")
    golden(SAMPLES / "requests" / f"{name}.findings.json", steady(result.out))


def test_the_sample_is_fit_for_the_cloud():
    result = run("check", "debian-12-tiny.qcow2", "--fail-on", "error", folder=SAMPLES)
    assert (result.status, result.err) == (0, "")


def test_the_samples_are_small():
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < LIMIT


@needs("qemu-img", "sfdisk", "mke2fs", "debugfs", "mkfs.vfat", "mmd", "mcopy", "xorriso")
def test_the_samples_can_be_made_anew(tmp_path):
    """Other versions of the tools give other bytes, but disks of the same size and content."""
    run_tool("python3", SAMPLES / "make_samples.py", tmp_path)
    for name in IMAGES:
        made = run("inspect", name, "--format", "json", "--no-checksum", folder=tmp_path).document
        kept = run("inspect", name, "--format", "json", "--no-checksum", folder=SAMPLES).document
        for fact in ("format", "virtual_size", "partition_table", "partitions", "firmware", "os", "other_os"):
            assert made[fact] == kept[fact]
