"""Where an image can go: one row for each cloud, from one look at the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

import imgbuild
from imgbuild import pipeline, rulebook
from imgbuild.destinations import _row, find_destinations
from imgbuild.errors import UsageError
from imgbuild.examination import inspect
from imgbuild.model import Problem
from imgbuild.settings import Settings

SAMPLES = Path(__file__).parent.parent / "samples"
DEBIAN = str(SAMPLES / "debian-12-tiny.qcow2")


@pytest.fixture(scope="module")
def placed():
    (found,) = imgbuild.find_destinations(DEBIAN).images
    return found


def test_every_cloud_has_a_row(placed):
    rows = [row.cloud for row in placed.destinations if row.basis == "rules"]
    assert rows == list(rulebook.clouds())
    assert {"aws", "azure", "gce"} <= {row.cloud for row in placed.destinations if row.basis == "file rules only"}


def test_the_checksums_of_all_clouds_come_from_one_look(placed):
    data = Path(DEBIAN).read_bytes()
    assert placed.checksums == {name: hashlib.new(name, data).hexdigest() for name in ("md5", "sha256", "sha512")}


def test_a_row_is_what_check_says_of_its_cloud(placed):
    for row in placed.destinations:
        if row.cloud in {"huaweicloud", "otc", "openstack"}:
            checked = imgbuild.check(DEBIAN, imgbuild.Settings(cloud=row.cloud, checksums=None))
            (manifest,) = checked.manifests
            assert manifest is not None
            assert (row.format, row.min_disk) == (manifest.image.disk_format, manifest.request.body["min_disk"])
            assert row.os_version == manifest.request.body.get("__os_version", manifest.request.body.get("os_version"))
            assert (row.route, row.errors, row.verdict) == (manifest.route.operation, 0, "yes")
            assert row.warnings == checked.findings.summary.warning


def test_a_delta_goes_nowhere():
    (found,) = find_destinations(str(SAMPLES / "overlay.qcow2"), Settings(checksums=None)).images
    assert {row.verdict for row in found.destinations} == {"no"}
    assert {row.obstacle.rule for row in found.destinations if row.basis == "rules"} == {"image-backing-file"}
    aws = next(row for row in found.destinations if row.cloud == "aws")
    assert (aws.errors, aws.obstacle.rule) == (2, "image-backing-file")  # that, and qcow2 it does not take


def test_a_file_that_keeps_the_known_rules_is_unknown_without_an_obstacle(placed):
    tencent = next(row for row in placed.destinations if row.cloud == "tencent")
    assert (tencent.verdict, tencent.errors, tencent.obstacle) == ("unknown", 0, None)


def test_what_is_no_image_goes_nowhere(tmp_path):
    (tmp_path / "notes.txt").write_text("no disk\n" * 100)
    (found,) = find_destinations(str(tmp_path / "notes.txt"), Settings(checksums=None)).images
    assert "yes" not in {row.verdict for row in found.destinations}
    assert all(row.obstacle for row in found.destinations)


@pytest.fixture(scope="module")
def facts():
    return inspect(DEBIAN, Settings(checksums=None))


@pytest.mark.parametrize(("size", "operation", "route"), [
    (1 << 30, "create-metadata", "upload-file"), (3 << 30, "create-metadata", "register-file"),
    (200 << 30, "quickimport-system", "quickimport-system"),
])
def test_where_the_usual_call_cannot_carry_the_file_another_one_is_taken(facts, size, operation, route):
    """The upload takes less than 2 GB, the registration 128 GB, and the quick import 1 TB of zvhd2."""
    kind = "qcow2" if size < 128 << 30 else "zvhd2"
    image = replace(facts, size=size, format=kind, disk_format=kind, container={})
    profile = rulebook.load("huaweicloud").profile
    row, findings = _row(image, profile, Settings(), pipeline.NO_CHOICES)
    assert (row.verdict, row.operation, row.route) == ("yes", operation, route), [found.message for found in findings]


def test_a_disk_of_which_not_all_was_seen_is_unknown(facts):
    image = replace(facts, os=None, firmware=replace(facts.firmware, bios=None, uefi=None), partitions=())
    row, _ = _row(image, rulebook.load("otc").profile, Settings(), pipeline.NO_CHOICES)
    assert (row.verdict, row.obstacle.message) == (
        "unknown", "whether it is a system disk was not seen: not all of its partitions have a known file system")
    row, _ = _row(replace(image, problems=(Problem(code="nothing-inside", message="there is nothing"),)),
                  rulebook.load("otc").profile, Settings(), pipeline.NO_CHOICES)
    assert row.obstacle.message == "whether it is a system disk was not seen: there is nothing"


def test_decisions_on_rules_hold(facts):
    bad = replace(facts, virtual_size=2000 << 30)
    profile = rulebook.load("otc").profile
    before, findings = _row(bad, profile, Settings(), pipeline.NO_CHOICES)
    errors = tuple({found.rule for found in findings if found.severity == "error"})
    after, _ = _row(bad, profile, Settings(ignore=errors), pipeline.NO_CHOICES)
    assert (before.verdict, after.errors) == ("no", 0)


@pytest.mark.parametrize("words", [{"operation": "action"}, {"catalogue": "x.json"}])
def test_what_belongs_to_one_cloud_is_refused(words):
    with pytest.raises(UsageError, match="--cloud all contradict each other"):
        find_destinations(DEBIAN, Settings(**words))
