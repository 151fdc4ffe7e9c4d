"""The pipeline of samples/pipeline: from a built disk to an image on a real Glance, and no step too far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import imageservice
import pytest
from tools import needs, needs_glance

SAMPLES = Path(__file__).parent.parent.parent / "samples"
SCRIPT = SAMPLES / "pipeline" / "upload.sh"
DISK = SAMPLES / "debian-12-tiny.qcow2"
LEFT = ["answer.json", "findings.sarif", "manifest.json", "send.sh"]


def run(image: Path, glance: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    variables = {"PATH": path, "OS_TOKEN": "none", "GLANCE_ENDPOINT": glance, "IMAGE_POLL": "0", "no_proxy": "*"}
    return subprocess.run(["bash", SCRIPT, image.name, "out"], cwd=image.parent, env=variables, capture_output=True,
                          text=True, check=False, timeout=300)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.qcow2"
    path.write_bytes(DISK.read_bytes())
    return path


@needs_glance()
@needs("bash", "curl", "jq")
def test_a_built_disk_becomes_an_image(image, glance):
    done = run(image, glance)
    assert done.returncode == 0, done.stderr
    *_, image_id = done.stdout.splitlines()
    stored = imageservice.show(glance, image_id).document
    manifest = json.loads((image.parent / "out" / "manifest.json").read_text())
    assert stored.items() >= manifest["request"]["body"].items()
    assert stored["os_hash_value"] == manifest["image"]["checksums"]["sha512"]
    assert (done.stdout.count(" VERIFIED"), done.stderr.count(" VERIFIED")) == (2, 2)
    assert sorted(os.listdir(image.parent / "out")) == LEFT


@needs("bash")
@pytest.mark.parametrize(("size", "left"), [(300_000, ["findings.sarif", "manifest.json"]),
                                            (0, ["findings.sarif"])])
def test_a_broken_disk_stops_it_before_anything_is_sent(size, left, image):
    with image.open("r+b") as file:
        file.truncate(size)
    done = run(image, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "NOT READY" in done.stdout
    assert sorted(os.listdir(image.parent / "out")) == left


@needs("bash", "shellcheck")
def test_shellcheck_has_nothing_to_say():
    subprocess.run(["shellcheck", SCRIPT], check=True)
