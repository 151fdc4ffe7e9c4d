"""The scripts make an image on a real Glance: by curl, and by OpenStack's own client, hostile names and all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageservice
import msgspec
import pytest
from msgspec.structs import replace
from tools import GLANCE_FOLDER, needs, needs_glance

from imgbuild import pipeline, rulebook
from imgbuild.choices import Choices
from imgbuild.reports import scripts
from imgbuild.settings import Settings

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "debian-12-tiny.qcow2"
HOSTILE = "-x '$(touch pwned)' \"`touch pwned`\" \\; touch pwned # {a,b}* %s"


def send(kind: str, manifest: Manifest, image: Path, glance: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a manifest in the folder of its image."""
    folder, profile = image.parent, rulebook.load(manifest.cloud).profile
    (folder / "send.sh").write_bytes(scripts.write(kind, manifest, profile, str(image)))
    known = {"curl": {"OS_TOKEN": "none", f"{profile.prefix.upper()}_ENDPOINT": glance},
             "openstack": {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": glance}}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], str(GLANCE_FOLDER / "bin")))
    variables = {"PATH": path, "no_proxy": "*", "IMAGE_POLL": "0", **known[kind], **more}
    return subprocess.run(["bash", "send.sh"], env=variables, cwd=folder, capture_output=True, text=True, check=False,
                          timeout=120)


@needs_glance()
@needs("bash", "curl", "jq")
@pytest.mark.parametrize(("cloud", "kind"), [("huaweicloud", "curl"), ("openstack", "openstack")])
def test_the_image_is_there_as_it_was_built(cloud, kind, glance, tmp_path):
    image = tmp_path / "disk $(touch pwned).qcow2"
    image.write_bytes(SAMPLE.read_bytes())
    choices = Choices(name=HOSTILE, tags=(HOSTILE, "team=web"), extra={"team": HOSTILE, "$(touch pwned)": "a=b"})
    settings = Settings(cloud=cloud, checksums=("md5", "sha256", "sha512"))
    manifest = pipeline.build(str(image), settings, choices).manifest
    assert manifest is not None

    done = send(kind, manifest, image, glance)

    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == sorted(["send.sh", image.name])
    stored: dict[str, Any] = imageservice.show(glance, done.stdout.strip()).document
    expected = manifest.request.body
    assert {key: stored.get(key) for key in expected} == expected | {"tags": stored["tags"]}
    assert sorted(stored["tags"]) == sorted(expected["tags"])
    assert (stored["status"], stored["size"]) == ("active", image.stat().st_size)
    assert stored["os_hash_value"] == hashlib.sha512(image.read_bytes()).hexdigest()


@needs_glance()
@needs("bash", "curl", "jq")
def test_the_answers_are_those_of_the_manifest(glance, tmp_path):
    image = tmp_path / "disk.qcow2"
    image.write_bytes(SAMPLE.read_bytes())
    manifest = pipeline.build(str(image), Settings(cloud="openstack")).manifest
    assert manifest is not None
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    done = send("curl", manifest, image, glance, IMGBUILD_MANIFEST="manifest.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(" VERIFIED\n") == 2

    expected = replace(manifest.expected, active={**manifest.expected.active, "os_hash_value": "0" * 128})
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(replace(manifest, expected=expected)))
    done = send("curl", manifest, image, glance, IMGBUILD_MANIFEST="manifest.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "os_hash_value" in done.stderr


@needs_glance()
@needs("bash")
def test_another_file_on_the_way_is_noticed(glance, tmp_path):
    manifest = pipeline.build(str(SAMPLE), Settings(checksums=("md5",))).manifest
    assert manifest is not None
    image = tmp_path / "disk.qcow2"
    data = bytearray(SAMPLE.read_bytes())
    data[-1] ^= 1
    image.write_bytes(data)
    done = send("openstack", manifest, image, glance)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the service has another file: its MD5 is {hashlib.md5(data).hexdigest()}" in done.stderr  # noqa: S324 - Glance's own
