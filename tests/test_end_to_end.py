"""The main job on whole disks, through the command line: each layout in each container, stock images, wrong inputs.

The expected values stand beside the recipes of the disks (tests/images); checksums are hashlib's.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from images import containers, disks, isos
from program import WHERE, run
from tools import needs

SAMPLES = Path(__file__).parent.parent / "samples"
SAMPLE = SAMPLES / "debian-12-tiny.qcow2"
GIB = 1 << 30

# Promise 3 allows what could not be known: the cloud's list has no exact name for the system, or none was found.
MAY_BE_UNKNOWN = ("os-version",)

TAKEN = [name for name in containers.VARIANTS if name != "parallels"]  # of which the cloud takes no file


def check(path: Path, folder: Path, *options: object) -> tuple[dict, dict]:
    """Run ``check`` and return the findings and the manifest."""
    manifest = folder / "manifest.json"
    manifest.unlink(missing_ok=True)
    result = run("check", path, "--format", "json", "--manifest", manifest, *options, folder=folder)
    assert (result.status, result.err) == (0, "")
    return result.document, json.loads(manifest.read_text())


def assert_no_error(findings: dict) -> None:
    assert [finding["message"] for finding in findings["findings"] if finding["severity"] == "error"] == []


def assert_builder_obeys_linter(findings: dict) -> None:
    objections = {finding["rule"] for finding in findings["findings"]
                  if finding["group"] == "request" and finding["severity"] != "note"}
    assert {rule for rule in objections if not any(word in rule for word in MAY_BE_UNKNOWN)} == set()


def assert_facts(image: dict, layout: disks.Layout) -> None:
    """Compare what was found on the disk with how it was made."""
    assert image["partition_table"] == layout.table
    assert {part["index"]: part["filesystem"] for part in image["partitions"]} == layout.filesystems
    found = {volume["name"]: volume["filesystem"] for volume in image["volumes"]}
    assert layout.volumes.items() <= found.items()
    assert (image["firmware"]["bios"], image["firmware"]["uefi"]) == (layout.bios, layout.uefi)
    system = image["os"]
    assert (system and (system["id"], system["version"], system["architecture"])) == layout.os


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@needs("qemu-img", *disks.XFS_TOOLS)
@pytest.mark.parametrize("container", TAKEN)
@pytest.mark.parametrize("layout", disks.MAIN)
def test_a_disk_in_a_container(layout, container, disk, tmp_path):
    raw = disk(layout)
    path = containers.wrap(container, raw, tmp_path)

    findings, manifest = check(path, tmp_path)

    image = manifest["image"]
    assert image["format"] == containers.VARIANTS[container].format
    assert image["size"] == path.stat().st_size
    assert image["virtual_size"] == containers.virtual_size(container, raw.stat().st_size)
    assert image["checksums"]["md5"] == md5(path)
    assert_facts(image, disks.LAYOUTS[layout])
    assert_no_error(findings)
    assert_builder_obeys_linter(findings)


@needs("qemu-img", *disks.XFS_TOOLS, "mkfs.btrfs")
@pytest.mark.parametrize("layout", disks.STOCK)
def test_a_stock_image_is_quiet(layout, disk, tmp_path):
    path = containers.wrap("qcow2-zlib", disk(layout), tmp_path)

    findings, manifest = check(path, tmp_path)

    assert_facts(manifest["image"], disks.LAYOUTS[layout])
    assert_no_error(findings)
    assert_builder_obeys_linter(findings)
    warnings = [finding["message"] for finding in findings["findings"] if finding["severity"] == "warning"]
    assert len(warnings) <= 2, warnings


ISOS = [("hybrid", True, True), ("uefi", False, True), ("data", False, False)]


@needs(*isos.TOOLS)
@pytest.mark.parametrize(("kind", "bios", "uefi"), ISOS)
def test_an_iso(kind, bios, uefi, iso, tmp_path):
    path = iso(kind)

    findings, manifest = check(path, tmp_path)

    image = manifest["image"]
    assert (image["format"], image["virtual_size"]) == ("iso", path.stat().st_size)
    assert image["checksums"]["md5"] == md5(path)
    assert (image["firmware"]["bios"], image["firmware"]["uefi"]) == (bios, uefi)
    assert_no_error(findings)
    assert_builder_obeys_linter(findings)


def test_the_built_request_lints_clean(tmp_path):
    built = run("build", SAMPLE, "--request-only", "-o", "request.json", folder=tmp_path)
    assert (built.status, built.out, built.err) == (0, "", "")

    linted = run("lint", "request.json", "--image", SAMPLE, "--format", "json", folder=tmp_path)

    assert linted.status == 0
    assert_builder_obeys_linter(linted.document)


def test_a_request_of_ones_own_is_checked_against_the_image(tmp_path):
    (tmp_path / "request.json").write_text('{"name": "web", "disk_format": "vhd", "min_disk": 10}')

    result = run("check", SAMPLE, "--request", "request.json", "--format", "json", folder=tmp_path)

    assert result.status == 1
    errors = [finding for finding in result.document["findings"] if finding["severity"] == "error"]
    assert "/disk_format" in {finding["subject"]["pointer"] for finding in errors}


def test_the_same_facts_are_the_same_bytes(tmp_path):
    first, second = (run("inspect", SAMPLE, "--format", "json", folder=tmp_path) for _ in range(2))
    assert first.out == second.out != ""


def test_several_images(tmp_path):
    paths = [SAMPLE, SAMPLES / "data-disk.vhd"]

    lines = run("inspect", *paths, "--format", "json", "--no-checksum", folder=tmp_path).out.splitlines()
    assert [json.loads(line)["format"] for line in lines] == ["qcow2", "vhd"]

    findings = run("check", *paths, "--format", "json", folder=tmp_path).document
    assert findings["kind"] == "findings"


# What is no image, or a broken one. Each is written by a function of the folder that returns its path.


def _empty(folder: Path) -> Path:
    (folder / "empty.qcow2").touch()
    return folder / "empty.qcow2"


def _text(folder: Path) -> Path:
    (folder / "notes.img").write_text("this is no disk image\n" * 200)
    return folder / "notes.img"


def _cut(folder: Path) -> Path:
    (folder / "cut.qcow2").write_bytes(SAMPLE.read_bytes()[:300_000])
    return folder / "cut.qcow2"


def _overlay(folder: Path) -> Path:
    return Path(shutil.copy(SAMPLES / "overlay.qcow2", folder))


@pytest.mark.parametrize("make", [_empty, _text, _cut, _overlay])
def test_a_wrong_image_is_a_finding(make, tmp_path):
    path = make(tmp_path)

    checked = run("check", path, "--format", "json", folder=tmp_path)
    assert (checked.status, checked.err) == (1, "")
    errors = [finding for finding in checked.document["findings"] if finding["severity"] == "error"]
    assert {finding["group"] for finding in errors} & {"safety", "integrity", "file"}
    for finding in errors:
        assert_one_sentence(finding["message"])

    inspected = run("inspect", path, "--format", "json", folder=tmp_path)
    assert (inspected.status, inspected.err) == (0, "")


@pytest.mark.parametrize("make", [_empty, _text])
def test_build_writes_nothing_for_what_is_no_image(make, tmp_path):
    kept = tmp_path / "manifest.json"
    kept.write_text("kept\n")

    built = run("build", make(tmp_path), "-o", kept, folder=tmp_path)

    assert (built.status, built.out) == (1, "")
    assert_one_line(built.err)
    assert kept.read_text() == "kept\n"


def assert_one_sentence(text: str) -> None:
    assert text.strip(), "a finding says what is wrong"
    assert "\n" not in text
    assert "Traceback" not in text


def assert_one_line(err: str) -> None:
    """Check what goes to standard error: one line for a person, no traceback."""
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert_one_sentence(err.rstrip("\n"))


COMMANDS = [("inspect",), ("build",), ("check",)]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_missing_file_is_no_finding(words, tmp_path):
    result = run(*words, "absent.qcow2", folder=tmp_path)

    assert (result.status, result.out) == (3, "")
    assert_one_line(result.err)
    assert "absent.qcow2" in result.err


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_folder_is_no_image(words, tmp_path):
    result = run(*words, tmp_path, folder=tmp_path)

    assert (result.status, result.out) == (3, "")
    assert "is a directory" in result.err


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_fifo_is_not_waited_for(words, tmp_path):
    os.mkfifo(tmp_path / "pipe.qcow2")

    result = run(*words, "pipe.qcow2", folder=tmp_path, timeout=20)

    assert (result.status, result.out) == (3, "")
    assert "FIFO" in result.err


def test_a_missing_request_is_no_finding(tmp_path):
    result = run("lint", "absent.json", folder=tmp_path)

    assert (result.status, result.out) == (3, "")
    assert_one_line(result.err)


@pytest.mark.parametrize("text", ["", "{", '{"name": "web"', "[1, 2]", '{"name": "a", "name": "b"}', "\x00"])
def test_a_broken_request_is_a_finding(text, tmp_path):
    result = run("lint", "-", "--format", "json", folder=tmp_path, stdin=text)

    assert (result.status, result.err) == (1, "")
    assert result.document["summary"]["error"] >= 1


def test_wrong_words_are_wrong_usage(tmp_path):
    wrong = (("inspect",), ("inspect", SAMPLE, "--cloud", "no-such-cloud"), ("inspect", SAMPLE, "--no-such-option"),
             ("check", SAMPLE, "--checksum", "no-such-algorithm"), ("no-such-command",))
    for words in wrong:
        result = run(*words, folder=tmp_path)
        assert (result.status, result.out) == (2, ""), words
        assert "Traceback" not in result.err


@pytest.mark.parametrize(("words", "said"), [
    (("--name", "x"), "--name and --request contradict each other (change the request itself)"),
    (("--set", "a=b"), "--set and --request contradict each other (change the request itself)"),
    (("--manifest", "m.json"), "--manifest and --request contradict each other"),
    ((SAMPLES / "data-disk.vhd",), "one request, but 2 images"),
])
def test_a_request_of_ones_own_is_not_built(words, said, tmp_path):
    result = run("check", SAMPLE, "--request", SAMPLES / "requests" / "debian-12-tiny.json", *words, folder=tmp_path)

    assert (result.status, result.out) == (2, "")
    assert said in result.err


@pytest.mark.parametrize("command", ["build", "check"])
def test_what_only_a_person_knows_is_said_and_not_made_up(command, tmp_path):
    result = run(command, SAMPLE, "--operation", "action", "--format", "json", folder=tmp_path)
    assert result.status == 1
    if command == "build":
        assert "error: image_url is missing: action cannot do without it (ims-field-missing)" in result.err
        assert result.document["derived"]["image_url"]["value"] is None
        assert "image_url" not in result.document["request"]["body"]
    else:
        errors = [finding for finding in result.document["findings"] if finding["severity"] == "error"]
        assert [(finding["rule"], finding["subject"]["pointer"]) for finding in errors] == [
            ("ims-field-missing", "/image_url")]
        assert errors[0]["hint"] == "Add it; imgbuild build takes it as --object BUCKET:KEY."


PLACE = ("--object", "images:debian/")


@pytest.mark.parametrize(("operation", "options"), [
    ("create-metadata", ()), ("upload-file", ()), ("register-file", PLACE), ("action", PLACE),
    ("action", (*PLACE, "--set", "type=BMS")),
    ("action", (*PLACE, "--data-image", f"{SAMPLES / 'data-disk.vhd'}=images:data/disk.vhd"))])
def test_each_operation_is_built_and_found_good(operation, options, tmp_path):
    findings, manifest = check(SAMPLE, tmp_path, "--operation", operation, *options)
    assert (findings["operation"], manifest["request"]["operation"]) == (operation, operation)
    assert_builder_obeys_linter(findings)
    assert_no_error(findings)
    body = tmp_path / "body.json"
    body.write_text(json.dumps(manifest["request"]["body"]))
    linted = run("lint", body, "--operation", operation, "--image", SAMPLE, "--format", "json", folder=tmp_path)
    assert_no_error(linted.document)
    if "--data-image" in options:
        assert manifest["request"]["body"]["data_images"] == [
            {"image_url": "images:data/disk.vhd", "min_disk": 1}]


@pytest.mark.parametrize(("operation", "image"), [
    ("dataimage", "data-disk.vhd"), ("action", "debian-12.11-netinst-tiny.iso")])
def test_other_kinds_of_images_are_built_and_found_good(operation, image, tmp_path):
    findings, manifest = check(SAMPLES / image, tmp_path, "--operation", operation, "--object", f"images:{image}",
                               "--name", "web", "--ignore", "ims-image-url-iso-name")
    assert manifest["route"]["operation"] == operation
    assert_builder_obeys_linter(findings)


@needs("bash")
@pytest.mark.parametrize("stream", [0, 2])
def test_a_closed_stream_does_not_become_the_image(stream, tmp_path):
    command = f"exec {stream}>&-; exec {sys.executable} -m imgbuild inspect --no-checksum --format json {SAMPLE}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env={**os.environ, **WHERE}, stdout=subprocess.PIPE,
                          check=True, timeout=60)

    assert json.loads(done.stdout)["os"]["id"] == "debian"


@pytest.mark.parametrize("command", ["inspect", "build", "check"])
def test_a_name_that_is_no_utf_8_is_a_name(command, tmp_path):
    copy = os.fsencode(tmp_path) + b"/n\xff.qcow2"
    shutil.copy(SAMPLE, copy)
    result = run(command, os.fsdecode(copy), "--format", "json", folder=tmp_path)

    assert (result.status, result.err) == (0, "")
    assert r"n\\xff.qcow2" in result.out


def test_findings_on_built_requests_say_which_image(tmp_path):
    copy = tmp_path / "copy.qcow2"
    shutil.copy(SAMPLE, copy)
    findings = run("check", SAMPLE, copy, "--format", "json", folder=tmp_path).document["findings"]

    assert {finding["subject"]["path"] for finding in findings} == {str(SAMPLE), str(copy)}


def test_a_format_of_images_is_no_format_of_reports(tmp_path):
    result = run("inspect", SAMPLE, "--format", "qcow2", folder=tmp_path)

    assert result.status == 2
    assert "did you mean --claim qcow2" in result.err


def test_an_output_that_cannot_be_written_leaves_nothing(tmp_path):
    result = run("inspect", SAMPLE, "--format", "json", "-o", "absent/facts.json", folder=tmp_path)

    assert (result.status, result.out) == (3, "")
    assert_one_line(result.err)
    assert list(tmp_path.iterdir()) == []


def test_an_output_never_replaces_the_image(tmp_path):
    image = Path(shutil.copy(SAMPLE, tmp_path))

    result = run("build", image.name, "-o", image.name, folder=tmp_path)

    assert result.status in {2, 3}
    assert image.read_bytes() == SAMPLE.read_bytes()


def test_an_output_is_whole_and_alone(tmp_path):
    result = run("build", SAMPLE, "-o", "manifest.json", folder=tmp_path)

    assert (result.status, result.out) == (0, "")
    assert json.loads((tmp_path / "manifest.json").read_text())["kind"] == "manifest"
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_control_characters_of_a_path_do_not_reach_the_terminal(tmp_path):
    path = tmp_path / "disk\x1b[31m\n.qcow2"
    shutil.copy(SAMPLE, path)

    for words in (("inspect", path), ("check", path), ("inspect", str(path) + "absent")):
        result = run(*words, folder=tmp_path)
        assert "\x1b" not in result.out + result.err


def test_v_says_how_long_each_step_took(tmp_path):
    """Of a whole check, with the initramfs as a step of its own; without -v no time stands in any document."""
    words = ("check", SAMPLES / "debian-12-tiny.qcow2", "--manifest", "m.json", "-v")
    text = run(*words, folder=tmp_path).out
    table = text.partition("  step ")[2]
    taken = [line.split()[0] for line in table.splitlines()[1:] if line.startswith("  ")]
    assert [name for name in taken if name != "qemu-img"] == [
        "open", "container", "table", "filesystems", "guests", "firmware", "readiness", "initramfs", "hash", "derive",
        "lint"]
    assert json.loads((tmp_path / "m.json").read_text())["image"]["run"]["steps"][0]["name"] == "open"
    assert "seconds" not in run(*words[:2], "--format", "json", folder=tmp_path).out
