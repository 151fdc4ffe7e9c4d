"""``imgbuild lint``: requests from files and from standard input."""

from __future__ import annotations

import json

import pytest
from caller import Stand, call, errors
from conftest import SAMPLES
from documents import BELOW, CUT, IMAGE, NEAR, REQUEST, findings
from msgspec.structs import replace


@pytest.fixture
def request_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "request.json").write_bytes(REQUEST)
    return "request.json"


def test_it_hands_on_bytes_name_and_facts(monkeypatch, request_file):
    stand = Stand(monkeypatch, "lint", findings())
    monkeypatch.setattr("imgbuild.pipeline.examining.examine", lambda path, *_: replace(IMAGE, path=path))
    call("lint", request_file, "--image", "disk.raw", "--select", "a", "--ignore", "b", "--min-disk-policy", "not-less")
    (data, settings), options = stand.calls[0]
    assert (data, options["name"], options["image"].path) == (REQUEST, "request.json", "disk.raw")
    assert (settings.select, settings.ignore, settings.min_disk_policy) == (("a",), ("b",), "not-less")
    assert settings.checksums is None


def test_standard_input_is_a_request(monkeypatch):
    stand = Stand(monkeypatch, "lint", findings())
    assert call("lint", "-", stdin=b"\xff{").exit_code == 0
    assert (stand.calls[0][0][0], stand.calls[0][1]["name"]) == (b"\xff{", "-")


def test_findings_point_into_the_text(monkeypatch, request_file):
    Stand(monkeypatch, "lint", findings(BELOW))
    result = call("lint", request_file)
    assert result.exit_code == 1
    assert '  3 | "min_disk": 1\n                  ^ min_disk is 1 GiB' in result.stdout
    assert "\n  why     " in result.stdout


@pytest.mark.parametrize(("found", "fail_on", "status"), [
    ((), "note", 0), ((NEAR,), "error", 0), ((NEAR,), "note", 1), ((CUT,), "error", 0), ((CUT,), "warning", 1),
    ((BELOW,), "error", 1), ((BELOW, CUT, NEAR), "never", 0)])
def test_the_status_follows_what_counts(found, fail_on, status, monkeypatch, request_file):
    Stand(monkeypatch, "lint", findings(*found))
    assert call("lint", request_file, "--fail-on", fail_on).exit_code == status


def test_with_an_image_the_reports_show_it(tmp_path):
    """As those of check do; the request stays what is judged."""
    image, page = SAMPLES / "debian-12-tiny.qcow2", tmp_path / "page.html"
    request = SAMPLES / "requests" / "debian-12-tiny.json"
    result = call("lint", request, "--image", image, "--format", "text", "--format", f"html={page}")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{request} -> huaweicloud")
    assert "\nImage     qcow2 v3, 2 GiB disk in a file of 576 KiB\n" in result.stdout
    shown = page.read_text()
    assert shown.count("<svg") >= 1
    for section in ("disk", "boot", "ready", "file"):
        assert f'<section id="{section}"' in shown
    assert f"<code>{image}</code>" in shown


def test_json_is_the_document(monkeypatch, request_file):
    Stand(monkeypatch, "lint", findings(BELOW))
    document = json.loads(call("lint", request_file, "--format", "json").stdout)
    assert (document["kind"], document["summary"]["error"]) == ("findings", 1)


def test_a_missing_request_is_a_failure(tmp_path):
    assert errors("lint", tmp_path / "absent.json") == (
        3, f"no such file: {str(tmp_path / 'absent.json')!r} (check the path)")


def test_an_output_never_replaces_the_request(request_file):
    assert errors("lint", request_file, "-o", "request.json")[0] == 2


MANIFEST = str(SAMPLES / "debian-12-tiny.manifest.json")


@pytest.mark.parametrize("words", [("lint",), ("lint", "--fix"), ("lint", "--diff"), ("lint", "--cloud", "openstack"),
                                   ("check", str(SAMPLES / "debian-12-tiny.qcow2"), "--request")])
def test_a_manifest_is_no_request_and_what_takes_one_is_named(words):
    said = (f"{MANIFEST!r} is a manifest, which holds a request among other things (imgbuild verify takes manifests and"
            " lints their requests; jq .request.body MANIFEST | imgbuild lint - lints the request alone)")
    assert errors(*words, MANIFEST) == (2, said)


def test_another_document_of_imgbuild_is_no_request():
    data = b'{"imgbuild": "0.1.0", "schema": 1, "kind": "inspection"}'
    said = ("'-' is no request: it is a document of imgbuild, of kind 'inspection' (name the request; imgbuild build"
            " --request-only writes one)")
    assert errors("lint", "-", stdin=data) == (2, said)


@pytest.mark.parametrize("data", [b'{"imgbuild": "0.1.0", "kind": "manifest"}', b'{"schema": 1}', b"[]",
                                  b'{"imgbuild": "0.1.0", "schema": "1", "kind": "manifest"}'])
def test_a_request_may_have_properties_of_these_names(data):
    assert call("lint", "-", "--cloud", "openstack", stdin=data).stdout
