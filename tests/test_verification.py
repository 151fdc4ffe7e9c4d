"""verify: manifests that are none, images that are found or not, stages of an answer and what comes next."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from program import run

from imgbuild import rulebook, verification
from imgbuild.documents.manifest import Expected
from imgbuild.errors import SourceError
from imgbuild.verification import ManifestError, expected_at, next_steps, read_manifest, stage_of

SAMPLES = Path(__file__).parent.parent / "samples"
IMAGE = "debian-12-tiny.qcow2"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with an image and its manifest."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copy(SAMPLES / IMAGE, folder)
    assert run("build", IMAGE, "-o", "manifest.json", folder=folder).status == 0
    return folder


@pytest.fixture
def place(built, tmp_path):
    """The same, to be changed."""
    for path in built.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def answer(built):
    """What the server should say to the create call."""
    expected = json.loads((built / "manifest.json").read_text())["expected"]["created"]
    own = {"created_at": "2026-11-28T10:00:00Z", "updated_at": "2026-11-28T10:00:00Z", "owner": "b912fb4a",
           "id": "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86", "schema": "/v2/schemas/image",
           "self": "/v2/images/4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86",
           "file": "/v2/images/4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86/file"}
    return {name: value for name, value in expected.items() if not isinstance(value, dict)} | own


def verify(folder, *words):
    return run("verify", "manifest.json", *words, "--format", "json", folder=folder)


def rules(result, severity="error"):
    return [finding["rule"] for finding in result.document["findings"] if finding["severity"] == severity]


def test_nothing_has_changed(place):
    result = verify(place)
    assert (result.status, result.document["kind"], result.document["verified"]) == (0, "verification", True)
    assert rules(result) == []
    assert result.document["next"] == ["send the request: POST /v2/images"]


def test_one_bit_has_changed(place):
    data = bytearray((place / IMAGE).read_bytes())
    data[-1] ^= 1
    (place / IMAGE).write_bytes(data)
    result = verify(place)
    assert (result.status, result.document["verified"]) == (1, False)
    assert rules(result).count("image-checksum-not-the-manifests") == 2


def test_the_image_was_replaced(place):
    shutil.copy(SAMPLES / "data-disk.vhd", place / IMAGE)
    found = verify(place)
    assert {"image-size-not-the-manifests", "image-checksum-not-the-manifests"} <= set(rules(found))
    assert "image-facts-not-the-manifests" in rules(found, "warning")


def test_the_rules_have_changed_their_mind(place):
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["request"]["body"]["min_disk"] = 1
    (place / "manifest.json").write_text(json.dumps(manifest))
    assert "ims-min-disk-below-disk" in rules(verify(place))


def test_an_image_elsewhere_is_named(place):
    (place / "there").mkdir()
    (place / IMAGE).rename(place / "there" / "renamed.qcow2")
    missing = verify(place)
    assert (missing.status, missing.out) == (3, "")
    said = f"imgbuild: no such file: '{IMAGE}', the image of 'manifest.json' (name it behind that)\n"
    assert missing.err == said
    assert verify(place, "there/renamed.qcow2").status == 0


def test_the_answer_is_as_foretold(place, answer):
    (place / "answer.json").write_text(json.dumps(answer))
    (place / IMAGE).unlink()  # the image is not needed for it
    result = verify(place, "--response", "answer.json")
    assert (result.status, rules(result)) == (0, [])
    assert result.document["stage"] == "created"
    assert result.document["next"] == [
        "upload the image file (native OpenStack): PUT /v2/images/4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86/file"]


def test_the_server_has_changed_a_field(place, answer):
    (place / "answer.json").write_text(json.dumps(answer | {"min_disk": 40}, indent=1))
    result = verify(place, "--response", "answer.json")
    assert (result.status, rules(result)) == (1, ["ims-answer-field-changed"])
    (finding,) = [found for found in result.document["findings"] if found["severity"] == "error"]
    subject = finding["subject"]
    assert (subject["kind"], subject["path"], subject["pointer"]) == ("response", "answer.json", "/min_disk")
    assert subject["line"] is not None


def test_after_the_upload(place, answer):
    manifest = json.loads((place / "manifest.json").read_text())
    answer |= manifest["expected"]["active"]
    (place / "answer.json").write_text(json.dumps(answer))
    result = verify(place, "--response", "answer.json")
    assert (result.status, result.document["stage"], rules(result)) == (0, "active", [])
    assert result.document["next"] == ["the image 4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86 is there and can be used"]
    (place / "answer.json").write_text(json.dumps(answer | {"__image_size": "1"}))
    assert rules(verify(place, "--response", "answer.json")) == ["ims-answer-field-changed"]


def test_an_answer_that_is_no_json(place):
    (place / "answer.json").write_text("<html>502 Bad Gateway</html>")
    result = verify(place, "--response", "answer.json")
    assert (result.status, rules(result)) == (1, ["ims-answer-not-an-object"])


@pytest.mark.parametrize(("data", "message", "cure"), [
    (b"", "'m.json' is no JSON: Input data was truncated", "build it anew"),
    (b"[]", "'m.json' is no manifest: it is no JSON object", "name the manifest"),
    (b"[" * 100_000, "'m.json' is no JSON: maximum recursion depth exceeded while deserializing an object",
     "build it anew"),
    (b'{"kind": "inspection"}', "'m.json' is no manifest: its kind is 'inspection'",
     "imgbuild build -o manifest.json IMAGE makes one"),
    (b'{"kind": "manifest", "schema": 2}', "'m.json' is of schema 2, this version reads 1",
     "build it anew, or use the version of imgbuild that made it"),
    (b'{"kind": "manifest", "schema": 1}', "'m.json' is a broken manifest: Object missing required field `cloud`",
     "build it anew"),
    (b"\xff", "'m.json' is no JSON: JSON is malformed: invalid character (byte 0)", "build it anew"),
    (b'{"a": 1}\n{"b": 2}\n', "'m.json' is no JSON: JSON is malformed: trailing characters (byte 10)",
     "of several images, each line is a manifest: give one of them"),
])
def test_what_is_no_manifest(data, message, cure):
    with pytest.raises(ManifestError) as failure:
        read_manifest(data, "m.json")
    assert (failure.value.message, failure.value.cure) == (message, cure)


def test_a_manifest_has_a_limit(monkeypatch):
    monkeypatch.setattr(verification, "MANIFEST_BYTES", 3)
    with pytest.raises(ManifestError, match=r"^'m\.json' has over 3 bytes"):
        read_manifest(b"[1,2]", "m.json")


def test_a_broken_manifest_is_work_that_cannot_be_done(place):
    (place / "manifest.json").write_text("{}")
    result = run("verify", "manifest.json", folder=place)
    assert (result.status, result.out) == (3, "")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(("answer", "stage"), [
    ({"status": "queued"}, "created"), ({"status": "active"}, "active"), ({}, "created"), (None, "created"),
    ({"status": 7}, "created")])
def test_stages(answer, stage):
    assert stage_of(answer) == stage


@pytest.mark.parametrize(("answer", "words"), [
    ({"status": "saving", "id": "x"}, "the file is on its way: ask again, GET /v2/images/x"),
    ({"status": "importing", "id": "x"}, "the file is on its way: ask again, GET /v2/images/x"),
    ({"status": "deactivated", "id": "x"},
     "the image x is there, but an administrator has taken it out of use: ask why"),
    ({"status": "killed", "id": "x"}, "this image will not become active: delete x and send the request again"),
    ({"job_id": "j"}, "the job runs: ask how far it is, GET /v1/{project_id}/jobs/j"),
    ({"job_id": 7, "status": "INIT"}, "the job runs: ask how far it is, GET /v1/{project_id}/jobs/{job_id}"),
    ({"job_id": "j", "status": "FAIL"}, "the job has failed: mend what it says, and send the request again"),
    ({"job_id": "j", "status": "SUCCESS", "entities": {"image_id": "x"}},
     "the image is made: compare it, GET /v2/images/x"),
    ({"job_id": "j", "status": "SUCCESS", "entities": 7}, "the image is made: compare it, GET /v2/images/{image_id}"),
    ({"error": {"code": "IMG.0055"}},
     "no image was made: mend what the server says, and send the request again"),
    ({"status": "queued", "id": 7}, "upload the image file (native OpenStack): PUT /v2/images/{image_id}/file")])
def test_what_comes_next(built, answer, words):
    manifest = read_manifest((built / "manifest.json").read_bytes(), "m")
    assert next_steps(manifest, answer, rulebook.load().profile.operations) == (words,)


@pytest.mark.parametrize(("expected", "answer"), [
    ({"job_id": 1}, {"job_id": "j"}), ({"job_id": 1}, None), ({"job_id": 1}, {}), ({"size": 7}, {"status": "active"}),
    ({}, {"status": "saving", "id": "x"})])
def test_of_a_call_that_began_a_job_only_the_image_is_compared_with_a_get(built, expected, answer):
    manifest = read_manifest((built / "manifest.json").read_bytes(), "m")
    manifest = msgspec.structs.replace(manifest, expected=Expected(created={"job_id": 1}, active={"size": 7}))
    assert expected_at(manifest, answer) == expected


def test_the_job_that_registers_a_file_says_nothing_of_the_image(built):
    manifest = read_manifest((built / "manifest.json").read_bytes(), "m")
    assert expected_at(manifest, {"job_id": "j"}) == {}
    assert expected_at(manifest, {"id": "x"}) == manifest.expected.created


def test_find_image_asks_beside_the_manifest_first(built, monkeypatch, tmp_path):
    manifest = read_manifest((built / "manifest.json").read_bytes(), "m")
    assert verification.find_image(manifest, str(built / "manifest.json")) == str(built / IMAGE)
    monkeypatch.chdir(built)
    assert verification.find_image(manifest, str(tmp_path / "manifest.json")) == IMAGE
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError):
        verification.find_image(manifest, str(tmp_path / "manifest.json"))
