"""Every rule fires where it should and is silent where it should be: tests/rules/<pack>/<rule-id>.toml.

A case file has ``[[pass]]`` and ``[[fail]]`` tables. Each says in ``says`` what the case is and gives a request, as a
table (``request``), as text (``json``, filled up with spaces to ``bytes``) or as bytes (``hex``), facts of an image
(``image``, a part of an inspection; ``undecided`` where it has no format), or both; further ``operation`` (or
``recognise``, which finds it from the request), ``policy`` (of min_disk), ``path`` (of a call that was built) and
``region`` (with an exact OS list). ``manifest`` holds the facts of the image that a manifest was built of, ``answer``
what the server said and ``expected`` what was foretold of it, ``record`` what Packer recorded, ``statement`` what was
stated of the image when it was verified; ``by_content`` compares the disk with that of the manifest. A failing case
gives the ``message`` in full, and the ``pointer`` or ``guest_path`` where there is one. The cases of a cloud's pack are
asked of its own book, those of the common pack of Huawei Cloud's. The ``[[fix]]`` tables are those of test_fixes.py.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.manifest import Manifest
from imgbuild.packer import Record
from imgbuild.recognition import recognise
from imgbuild.statements import Attested
from imgbuild.sums import Digest

CASES = Path(__file__).parent / "rules"
REGION = json.dumps([{"platform": "Ubuntu", "version_list": [
    {"platform": "Ubuntu", "os_version_key": "Ubuntu 22.04 server 64bit", "os_version": "Ubuntu 22.04 server 64bit",
     "os_bit": 64, "os_type": "Linux"}]}])
KEYS = {"says", "request", "json", "bytes", "hex", "image", "undecided", "operation", "policy", "region", "message",
        "pointer", "guest_path", "hint", "path", "recognise", "manifest", "answer", "expected", "severity", "record",
        "statement", "by_content"}


@cache
def book(cloud: str = "huaweicloud") -> rulebook.RuleBook:
    return rulebook.load(cloud)


def cloud_of(pack: str) -> str:
    return pack if pack in rulebook.clouds() else "huaweicloud"


BOOKS = [book(cloud) for cloud in rulebook.clouds()]
RULES = [pytest.param(found, rule, id=f"{found.profile.name} {rule.id}") for found in BOOKS for rule in found.rules
         if cloud_of(rule.pack) == found.profile.name]


def read_cases() -> list[Any]:
    return [pytest.param(cloud_of(path.parent.name), path.stem, kind, case,
                         id=f"{path.parent.name} {path.stem}: {case['says']}")
            for path in sorted(CASES.glob("*/*.toml"))
            for kind, cases in tomllib.loads(path.read_text(encoding="utf-8")).items() if kind != "fix"
            for case in cases]


def text_of(case: dict[str, Any]) -> bytes | None:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    text = case.get("json", json.dumps(case["request"]) if "request" in case else None)
    return None if text is None else text.encode().ljust(case.get("bytes", 0))


def image_of(case: dict[str, Any]) -> Inspection | None:
    if "image" not in case:
        return None
    facts = {"path": "disk.qcow2", "size": 600 << 20, "format": None if case.get("undecided") else "qcow2"}
    facts |= case["image"]
    if "os" in facts:
        facts["os"] = dict.fromkeys(("type", "id", "version", "release", "name", "architecture", "bits")) | facts["os"]
    return msgspec.convert(facts, Inspection)


def context_of(case: dict[str, Any], cloud: str = "huaweicloud") -> Context:
    data = text_of(case)
    document = None if data is None else jsontext.parse(data)
    body = document.value if document is not None and isinstance(document.value, dict) else None
    found = recognise(body, book(cloud).profile, image_of(case)) if "recognise" in case and body is not None else None
    operation = found.operation if found is not None else case.get("operation", "create-metadata")
    return Context(operation=operation, recognised=found, document=document, body=body, path=case.get("path"),
                   image=image_of(case), min_disk_policy=case.get("policy"), request_path="request.json",
                   record=record_of(case), manifest=manifest_of(case), by_content="by_content" in case,
                   answer=answer_of(case), expected=case.get("expected", {}), statement=statement_of(case))


def manifest_of(case: dict[str, Any]) -> Manifest | None:
    if "manifest" not in case:
        return None
    image = msgspec.to_builtins(image_of({"image": case["manifest"]}))
    made = {"cloud": "huaweicloud", "policy": {"min_disk": "greater"}, "image": image, "derived": {},
            "request": {"operation": "create-metadata", "method": "POST", "path": "/v2/images", "body": {}},
            "route": {"operation": None, "why": []}, "expected": {"created": {}, "active": {}}}
    return msgspec.convert(made, Manifest)


def record_of(case: dict[str, Any]) -> Record | None:
    if "record" not in case:
        return None
    size = case["record"].get("size")
    digests = tuple(Digest(name, value, "SHA256SUMS", 1) for name, value in case["record"].items() if name != "size")
    return Record("disk.qcow2", "qemu", size, digests, "packer-manifest.json")


def statement_of(case: dict[str, Any]) -> Attested | None:
    if "statement" not in case:
        return None
    return msgspec.convert({"path": "statement.json", "result": "PASSED"} | case["statement"], Attested)


def answer_of(case: dict[str, Any]) -> jsontext.JsonDocument | None:
    return None if "answer" not in case else jsontext.parse(json.dumps(case["answer"]).encode())


def book_for(case: dict[str, Any], cloud: str, folder: Path) -> rulebook.RuleBook:
    if "region" not in case:
        return book(cloud)
    path = folder / "os_version.json"
    path.write_text(REGION)
    return rulebook.load(cloud, catalogue=str(path))


@pytest.mark.parametrize(("cloud", "rule", "kind", "case"), read_cases())
def test_case(cloud, rule, kind, case, tmp_path):
    assert set(case) <= KEYS
    findings, tally = linting.lint(book_for(case, cloud, tmp_path), context_of(case, cloud), select={rule})
    if kind == "pass":
        assert [finding.message for finding in findings] == []
        return
    assert tally.failed == 1
    assert findings[0].message == case["message"]
    assert findings[0].subject.pointer == case.get("pointer")
    assert findings[0].subject.guest_path == case.get("guest_path")
    if "severity" in case:
        assert findings[0].severity == case["severity"]
    if "hint" in case:
        assert findings[0].hint == case["hint"]


@pytest.mark.parametrize(("found", "rule"), RULES)
def test_rule_has_cases(found, rule):
    assert found.rule(rule.id) is rule
    path = CASES / rule.pack / f"{rule.id}.toml"
    assert path.is_file(), f"write {path.relative_to(CASES.parent)} with a [[pass]] and a [[fail]]"
    assert set(tomllib.loads(path.read_text())) - {"fix"} == {"pass", "fail"}


def test_case_files_belong_to_rules():
    """A cloud's folder may have cases of rules that it inherits, too: it may have other values for them."""
    homes = {(pack, rule.id) for found in BOOKS for rule in found.rules for pack in (rule.pack, found.profile.name)}
    assert {(path.parent.name, path.stem) for path in CASES.glob("*/*.toml")} <= homes


EXAMPLES = [pytest.param(found, rule, text, fails,
                         id=f"{found.profile.name} {rule.id}: {'fails' if fails else 'passes'}")
            for found in BOOKS for rule in found.rules for text, fails in ((rule.fails, True), (rule.passes, False))
            if text is not None]


@pytest.mark.parametrize(("found", "rule", "text", "fails"), EXAMPLES)
def test_example_does_what_explain_says(found, rule, text, fails):
    case = {"json": text, "operation": rule.operations[0] if rule.operations else found.profile.default_operation}
    findings, _ = linting.lint(found, context_of(case, found.profile.name), select={rule.id})
    assert bool(findings) == fails
