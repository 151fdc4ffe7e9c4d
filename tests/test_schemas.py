"""JSON Schemas: valid ones, and real output is valid by them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from program import run

from imgbuild.commands.schema import NAMES
from imgbuild.errors import UsageError
from imgbuild.reports.json import encode
from imgbuild.schemas import KINDS, schema_of

SAMPLES = Path(__file__).parent.parent / "samples"
IMAGES = ("debian-12-tiny.qcow2", "debian-12.11-netinst-tiny.iso", "data-disk.vhd", "overlay.qcow2")


def validate(document):
    schema = schema_of(document["kind"])
    jsonschema.Draft202012Validator(schema).validate(document)


def test_the_command_knows_all_kinds():
    assert tuple(KINDS) == NAMES


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one(kind):
    jsonschema.Draft202012Validator.check_schema(schema_of(kind))
    assert run("schema", kind, folder=SAMPLES).document == json.loads(encode(schema_of(kind)))


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("words", [("inspect", "--run-facts"), ("check",)], ids=["inspect", "check"])
def test_facts_and_findings_of_real_images(name, words):
    validate(run(*words, name, "--format", "json", folder=SAMPLES).document)


def test_the_way_from_a_build_to_a_verification(tmp_path):
    shutil.copy(SAMPLES / IMAGES[0], tmp_path)
    built = run("build", IMAGES[0], "--format", "json", folder=tmp_path)
    validate(built.document)
    (tmp_path / "manifest.json").write_text(built.out)
    validate(run("verify", "manifest.json", "--format", "json", folder=tmp_path).document)
    validate(run("diff", "manifest.json", "manifest.json", "--format", "json", folder=tmp_path).document)


@pytest.mark.parametrize("name", sorted(path.name for path in (SAMPLES / "requests").glob("*.json")
                                        if ".findings." not in path.name))
def test_findings_on_requests(name):
    validate(run("lint", name, "--format", "json", folder=SAMPLES / "requests").document)


def test_the_review_of_the_rule_book():
    validate(run("rules", "--check", "--format", "json", folder=SAMPLES).document)


def test_the_rule_book():
    validate(run("rules", "--format", "json", folder=SAMPLES).document)


@pytest.mark.parametrize(("change", "message"), [
    ({"schema": 2}, "1 was expected"), ({"kind": "manifest"}, "is not one of"), ({"size": "7"}, "is not of type")])
def test_what_is_no_such_document(change, message):
    document = run("inspect", IMAGES[0], "--format", "json", folder=SAMPLES).document | change
    with pytest.raises(jsonschema.ValidationError, match=message):
        jsonschema.Draft202012Validator(schema_of("inspection")).validate(document)


def test_an_unknown_kind():
    with pytest.raises(UsageError, match=r"^no document 'disk' \(one of: inspection, "):
        schema_of("disk")


def test_it_goes_into_a_file_whole(tmp_path):
    assert run("schema", "findings", "-o", "findings.schema.json", folder=tmp_path).status == 0
    assert json.loads((tmp_path / "findings.schema.json").read_bytes()) == json.loads(encode(schema_of("findings")))
