"""diff: what counts as a change between two manifests, and what does not."""

from __future__ import annotations

import json

import msgspec
import pytest
from documents import IMAGE, MANIFEST
from program import run

from imgbuild.comparison import compare
from imgbuild.documents.manifest import Derived
from imgbuild.documents.run import Run
from imgbuild.model import GuestCheck, Partition, Problem

CHANGED = msgspec.structs.replace


def changes(after, before=MANIFEST):
    found = compare(before, after, ("a.json", "b.json")).changes
    return [(change.pointer, change.before, change.after) for change in found]


def with_image(**facts):
    return CHANGED(MANIFEST, image=CHANGED(IMAGE, **facts))


def with_body(**fields):
    return CHANGED(MANIFEST, request=CHANGED(MANIFEST.request, body=MANIFEST.request.body | fields))


def test_nothing():
    assert changes(MANIFEST) == []


@pytest.mark.parametrize("after", [
    with_image(path="there/disk.qcow2"),
    with_image(imgbuild="9.9"),
    with_image(run=Run(seconds=1, hash_seconds=None, inspect_seconds=1, reads=1, bytes_read=1, allocated=None,
                       sandbox=())),
    CHANGED(MANIFEST, derived=MANIFEST.derived | {"name": Derived(value="disk", why=("chosen",))}),
], ids=["place", "version", "run", "reasons"])
def test_what_says_nothing_of_the_image(after):
    assert changes(after) == []


def test_tags_have_no_order():
    assert changes(with_body(tags=["a", "b"]), with_body(tags=["b", "a"])) == []
    assert changes(with_body(tags=["a"]), with_body(tags=["a", "b"])) == [("/request/body/tags", ["a", "b"], ["a"])]


def test_a_field_of_the_request_is_said_once():
    derived = MANIFEST.derived | {"min_disk": Derived(value=40, why=("chosen",))}
    assert changes(CHANGED(with_body(min_disk=40), derived=derived)) == [("/request/body/min_disk", 10, 40)]


def test_a_field_that_came_and_one_that_went():
    body = {"description": "web"} | {name: value for name, value in MANIFEST.request.body.items() if name != "tags"}
    after = CHANGED(MANIFEST, request=CHANGED(MANIFEST.request, body=body),
                    derived={name: value for name, value in MANIFEST.derived.items() if name != "tags"})
    assert changes(after) == [("/request/body/description", None, "web"), ("/request/body/tags", ["a=b"], None)]


def test_partitions_are_compared_by_their_number():
    first, second = IMAGE.partitions
    after = with_image(partitions=(second, CHANGED(first, size=1), Partition(index=3, start=0, size=7)))
    found = changes(after)
    assert found[0] == ("/image/partitions/1/size", first.size, 1)
    assert [pointer for pointer, _, _ in found[1:]] == ["/image/partitions/3"]


def test_checks_and_problems_are_compared_by_name():
    check = GuestCheck(check="lin_dhcp", status="pass", detail="DHCP", files=())
    dirty = [Problem(code="dirty", message=words) for words in ("a", "b")]
    before = with_image(guest=(check,), problems=tuple(dirty))
    after = with_image(guest=(CHANGED(check, status="fail"),), problems=tuple(dirty[:1]))
    assert [pointer for pointer, _, _ in changes(after, before)] == [
        "/image/guest/lin_dhcp/status", "/image/problems/dirty (2)"]


def test_true_is_not_1():
    assert changes(with_body(min_ram=1), with_body(min_ram=True)) == [("/request/body/min_ram", True, 1)]


def test_the_request_comes_first():
    after = CHANGED(with_image(size=1), request=CHANGED(MANIFEST.request, path="/v2.1/images"))
    assert [pointer for pointer, _, _ in changes(after)] == ["/request/path", "/image/size"]


@pytest.fixture
def folder(tmp_path):
    """Two manifests, of which the second has another min_disk and one more partition."""
    (tmp_path / "a.json").write_bytes(msgspec.json.encode(MANIFEST))
    added = with_image(partitions=(*IMAGE.partitions, Partition(index=3, start=0, size=7)))
    body = MANIFEST.request.body | {"min_disk": 40}
    changed = CHANGED(added, request=CHANGED(MANIFEST.request, body=body))
    (tmp_path / "b.json").write_bytes(msgspec.json.encode(changed))
    return tmp_path


def test_the_command(folder):
    same = run("diff", "a.json", "a.json", folder=folder)
    assert (same.status, same.out) == (0, "a.json -> a.json  0 changes\n")
    result = run("diff", "a.json", "b.json", "--format", "json", folder=folder)
    assert (result.status, result.document["kind"]) == (1, "difference")
    assert result.document["changes"][0] == {"pointer": "/request/body/min_disk", "before": 10, "after": 40}
    text = run("diff", "a.json", "b.json", folder=folder).out
    assert text.startswith("a.json -> b.json  2 changes\nRequest\n  min_disk  now  40, was 10\nImage\n")
    assert "  partitions/3  new  {" in text


def test_what_is_no_manifest(folder):
    (folder / "c.json").write_text(json.dumps({"kind": "findings"}))
    result = run("diff", "a.json", "c.json", folder=folder)
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith("imgbuild: 'c.json' is no manifest")
