"""What is built for OpenStack is sent to a real Glance: its answers are those that the manifest foretold.

Each image goes the whole way: ``build``, the request and the file by plain HTTP, ``verify`` of both answers. Glance
reads ``virtual_size`` out of the file itself, by the inspectors of oslo.utils: a second witness for ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import imageservice
import msgspec
import program
import pytest
from images import containers, disks
from images.run import run
from tools import needs, needs_glance

from imgbuild import pipeline
from imgbuild.choices import Choices
from imgbuild.pipeline import verifying
from imgbuild.settings import Settings

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest

SAMPLES = Path(__file__).parent.parent.parent / "samples"
OPENSTACK = Settings(cloud="openstack")
# Container -> the name that Glance has for it.
CONTAINERS = {"qcow2": "qcow2", "qcow2-v2": "qcow2", "qcow2-zlib": "qcow2", "qcow2-zstd": "qcow2", "raw": "raw",
              "vhd-dynamic": "vhd", "vhdx-dynamic": "vhdx", "vmdk-stream": "vmdk", "vmdk-sparse": "vmdk", "vdi": "vdi"}
SYSTEM = "gpt-uefi-ext4"


def objections(manifest: Manifest, answer: str) -> list[str]:
    """Return what ``verify`` finds in an answer, the request itself included."""
    data = msgspec.json.encode(manifest)
    found = verifying.verify("manifest.json", data=data, answer=("answer.json", answer.encode()))
    return [f"{finding.rule}: {finding.message}" for finding in found.findings]


def in_order(body: dict) -> dict:
    """Return a body with its tags sorted: they are a set, and Glance gives them in any order."""
    return {**body, "tags": sorted(body["tags"])}


def sent(glance: str, path: Path, settings: Settings = OPENSTACK, **extra: str) -> dict:
    """Send an image, compare both answers with its manifest, and return the last one."""
    choices = Choices(min_ram=256, tags=("os:debian", "managed_by_example"), extra=extra) if extra else Choices()
    manifest = pipeline.build(str(path), settings, choices).manifest
    created = imageservice.create(glance, manifest.request.body)
    assert created.status == 201, created.text
    assert objections(manifest, created.text) == []
    uploaded = imageservice.upload(glance, created.document["id"], path)
    assert uploaded.status == 204, uploaded.text
    shown = imageservice.show(glance, created.document["id"])
    assert objections(manifest, shown.text) == []
    assert in_order(shown.document).items() >= in_order(manifest.request.body).items()
    imageservice.remove(glance, created.document["id"])
    return shown.document


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_disk_in_a_container(container, glance, disk, tmp_path):
    path = containers.wrap(container, disk(SYSTEM), tmp_path)

    image = sent(glance, path)

    assert (image["status"], image["disk_format"]) == ("active", CONTAINERS[container])
    assert image["virtual_size"] == disk(SYSTEM).stat().st_size
    assert image["min_disk"] == 1


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
def test_the_way_of_the_command_line(glance, disk, tmp_path):
    path = containers.wrap("vmdk-stream", disk(SYSTEM), tmp_path)
    assert program.run("build", path.name, "--cloud", "openstack", "-o", "manifest.json", folder=tmp_path).status == 0
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    created = imageservice.create(glance, manifest["request"]["body"])
    (tmp_path / "created.json").write_text(created.text)
    imageservice.upload(glance, created.document["id"], path)
    (tmp_path / "active.json").write_text(imageservice.show(glance, created.document["id"]).text)

    for answer, stage, step in (("created.json", "created", f"/v2/images/{created.document['id']}/file"),
                                ("active.json", "active", "can be used")):
        result = program.run("verify", "manifest.json", "--response", answer, "--format", "json", folder=tmp_path)
        verified = result.document
        assert (result.status, verified["verified"], verified["stage"]) == (0, True, stage)
        assert verified["findings"] == []
        assert verified["next"][0].endswith(step)


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
@pytest.mark.parametrize("layout", [name for name in (*disks.MAIN, *disks.STOCK) if name != SYSTEM])
def test_a_disk_of_each_layout(layout, glance, disk, tmp_path):
    image = sent(glance, containers.wrap("qcow2-zlib", disk(layout), tmp_path))

    system = disks.LAYOUTS[layout].os
    assert image["virtual_size"] == disk(layout).stat().st_size
    assert system is None or image["architecture"] == system[2]


@needs_glance()
@needs("xorriso")
@pytest.mark.parametrize("kind", ["hybrid", "uefi", "data"])
def test_a_disc(kind, glance, iso):
    image = sent(glance, iso(kind))
    assert (image["disk_format"], image["min_disk"]) == ("iso", 0)
    assert image["virtual_size"] == iso(kind).stat().st_size


@needs_glance()
def test_a_disk_without_partitions_is_raw(glance, tmp_path):
    path = tmp_path / "data.raw"
    path.write_bytes(b"\0" * 65536 + b"data" * 1000)
    assert sent(glance, path)["virtual_size"] == path.stat().st_size


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
def test_an_image_with_the_metadata_of_scs(glance, disk, tmp_path):
    path = containers.wrap("qcow2-zlib", disk(SYSTEM), tmp_path)

    image = sent(glance, path, Settings(cloud="scs"), replace_frequency="monthly", provided_until="none",
                 uuid_validity="last-3", image_source="private", image_description="https://example.org/debian-12",
                 image_build_date="2026-11-28", image_original_user="debian", os_purpose="generic",
                 hypervisor_type="qemu", hw_rng_model="virtio")

    assert (image["min_ram"], image["os_purpose"], image["hw_disk_bus"]) == (256, "generic", "scsi")


# Glance takes the request, and refuses the file: by its inspection, or because no disk_format could be given.
REFUSED = {"vhd-fixed": (415, "glance-vhd-fixed"), "qcow2-subclusters": (415, "glance-qcow2-feature-unknown"),
           "qed": (400, "glance-file-format"), "zvhd2-zlib": (400, "glance-file-format")}


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
@pytest.mark.parametrize("container", REFUSED)
def test_what_glance_refuses_is_found_before(container, glance, disk, tmp_path):
    status, rule = REFUSED[container]
    path = containers.wrap(container, disk(SYSTEM), tmp_path)
    manifest = pipeline.build(str(path), OPENSTACK).manifest
    created = imageservice.create(glance, manifest.request.body)

    uploaded = imageservice.upload(glance, created.document["id"], path)

    assert (created.status, uploaded.status) == (201, status)
    found = pipeline.check([str(path)], OPENSTACK).findings.findings
    assert rule in {finding.rule for finding in found if finding.severity == "error"}


@needs_glance()
@needs("mkntfs", "sgdisk")
@pytest.mark.parametrize(("commands", "written"), [
    ([["mkntfs", "-F", "-q"]], {}),
    ([["sgdisk", "-n", "1:2048:8191", "-n", "2:8192:16383"], ["sgdisk", "-h", "1"]], {}),
    ([["sgdisk", "-n", "1:2048:8191"]], {447: b"\0\1\0"}),
    ([["sgdisk", "-n", "1:2048:8191"]], {454: b"\2"}),
    ([["sgdisk", "-n", "1:2048:8191"]], {446: bytes(16), 462: bytes.fromhex("00000200eeffffff01000000ff7f0000")}),
], ids=["ntfs", "hybrid", "chs", "block", "second"])
def test_a_raw_disk_that_fails_the_safety_check_is_found_before(commands, written, glance, tmp_path):
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(16 << 20)
    for command in commands:
        run(*command, path)
    with path.open("r+b") as file:
        for offset, data in written.items():
            file.seek(offset)
            file.write(data)
    created = imageservice.create(glance, pipeline.build(str(path), OPENSTACK).manifest.request.body)

    assert imageservice.upload(glance, created.document["id"], path).status == 415

    found = pipeline.check([str(path)], OPENSTACK).findings.findings
    assert [(finding.rule, finding.errors[0].status) for finding in found if finding.severity == "error"] == [
        ("glance-raw-boot-sector", 415)]


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
def test_another_format_than_the_files_is_refused(glance, disk, tmp_path):
    path = containers.wrap("qcow2", disk(SYSTEM), tmp_path)
    request = {"name": "a", "disk_format": "vmdk", "container_format": "bare", "min_disk": 1,
               "hw_firmware_type": "uefi"}
    created = imageservice.create(glance, request)

    assert imageservice.upload(glance, created.document["id"], path).status == 415

    found = pipeline.lint(msgspec.json.encode(request), OPENSTACK, name="request.json", image=str(path)).findings
    errors = [finding for finding in found if finding.severity == "error"]
    assert [(finding.rule, finding.errors[0].status) for finding in errors] == [
        ("glance-disk-format-not-the-image", 415)]


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
def test_another_format_called_raw_is_taken_and_lint_refuses_it(glance, disk, tmp_path):
    """Glance stores it and says so in its log alone; the disk of a server then holds a qcow2, which does not boot."""
    path = containers.wrap("qcow2", disk(SYSTEM), tmp_path)
    request = {"name": "a", "disk_format": "raw", "container_format": "bare", "min_disk": 1, "hw_firmware_type": "uefi"}
    created = imageservice.create(glance, request)

    assert imageservice.upload(glance, created.document["id"], path).status == 204

    shown = imageservice.show(glance, created.document["id"]).document
    assert shown["virtual_size"] == path.stat().st_size
    found = pipeline.lint(msgspec.json.encode(request), OPENSTACK, name="request.json", image=str(path)).findings
    assert [finding.rule for finding in found if finding.severity == "error"] == ["glance-disk-format-not-the-image"]


@needs_glance()
def test_a_delta_is_refused_by_both(glance):
    path = SAMPLES / "overlay.qcow2"
    created = imageservice.create(glance, pipeline.build(str(path), OPENSTACK).manifest.request.body)

    assert imageservice.upload(glance, created.document["id"], path).status == 415

    found = pipeline.check([str(path)], OPENSTACK).findings.findings
    assert [finding.rule for finding in found if finding.severity == "error"] == ["image-backing-file"]


@needs_glance()
@needs("qemu-img", *disks.XFS_TOOLS)
def test_a_changed_file_is_noticed(glance, disk, tmp_path):
    path = containers.wrap("qcow2", disk(SYSTEM), tmp_path)
    manifest = pipeline.build(str(path), OPENSTACK).manifest
    created = imageservice.create(glance, manifest.request.body)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert imageservice.upload(glance, created.document["id"], path).status == 204

    found = objections(manifest, imageservice.show(glance, created.document["id"]).text)

    assert [words.split(" is ")[0] for words in found] == [
        "glance-answer-field-changed: checksum", "glance-answer-field-changed: os_hash_value"]
