"""``imgbuild explain``: one rule as a page, or one error code of the server with the rules that forestall it."""

from __future__ import annotations

import json

import pytest
from caller import call, errors

from imgbuild import rulebook
from imgbuild.rulebook.evidence import read_evidence

BOOK = rulebook.load()


def test_every_rule_has_a_page():
    for rule in BOOK.rules:
        result = call("explain", rule.id)
        assert result.exit_code == 0
        assert result.stdout.startswith(rule.id)
        assert rule.title in result.stdout


def test_a_page_is_json_too():
    document = json.loads(call("explain", "image-backing-file", "--format", "json").stdout)
    assert [rule["id"] for rule in document["rules"]] == ["image-backing-file"]
    assert "errors" not in document


def test_a_rule_on_images_shows_what_it_points_at_in_hex():
    text = call("explain", "image-backing-file").stdout
    assert "  bytes   qcow: backing_file_offset at byte 8, 8 bytes: 0000000000000040" in text
    assert "          qcow2: backing_file_offset at byte 8, 8 bytes: 0000000000000100" in text
    (rule,) = json.loads(call("explain", "image-size-overflow", "--format", "json").stdout)["rules"]
    assert rule["evidence"] == [
        {"format": "qcow2", "field": "size", "offset": 24, "length": 8, "hex": "8000000000000000"}]


def test_every_example_is_of_a_rule_and_has_its_bytes():
    examples = read_evidence()
    assert set(examples) <= {rule.id for rule in rulebook.load().rules}
    shown = [example for rows in examples.values() for example in rows if example.hex is not None]
    assert all(len(bytes.fromhex(example.hex)) == min(example.length, 32) for example in shown)
    assert len(shown) > 100


def test_an_unknown_rule_is_wrong_usage_and_the_nearest_is_named():
    status, message = errors("explain", "image-backing-fil")
    assert status == 2
    assert message.startswith("no rule 'image-backing-fil' (did you mean image-backing-file")
    assert errors("explain", "qqq") == (2, "no rule 'qqq' (imgbuild rules lists them)")


def test_every_error_code_has_a_page():
    assert len(BOOK.all_errors) == 199
    for code, error in BOOK.all_errors.items():
        document = json.loads(call("explain", code, "--format", "json").stdout)
        (entry,) = document["errors"]
        assert (entry["code"], entry["status"], entry["meaning"]) == (code, error.status, error.meaning)
        assert all(source["url"] and source["date"] for source in entry["sources"])
        assert [rule["id"] for rule in document["rules"]] == entry["rules"]


def test_an_error_code_for_people():
    result = call("explain", "IMG.0118")
    assert result.exit_code == 0
    assert result.stdout.startswith("""\
IMG.0118                                                                HTTP 400
bare metal image cannot be encrypted

  calls   those that make an image from a file
  rules   ims-bare-metal-encrypted (error): A bare metal image is to be
          encrypted
  says    IMS error codes, Huawei Cloud, Chinese copy of 2022, 2022-10-28
""")


@pytest.mark.parametrize(("code", "says"), [
    ("IMG.0097", "no rule: only the server can see it"), ("IMG.0088", "no rule: imgbuild makes no such call"),
    ("IMG.0026", "“HTTP\n          403”"), ("IMG.0072", "ims-disk-format-unknown (error)")])
def test_what_no_rule_finds_says_so_and_readings_are_named(code, says):
    assert " ".join(says.split()) in " ".join(call("explain", code).stdout.split())


@pytest.mark.parametrize("text", ["IMG.0072", "img.0072", "IMG.72", "img72", "IMG-0072"])
def test_a_code_may_be_written_as_people_do(text):
    assert call("explain", text).stdout.startswith("IMG.0072 ")


@pytest.mark.parametrize("text", ["415", "Unsupported Media Type", "unsupported media type"])
@pytest.mark.parametrize("cloud", ["openstack", "scs"])
def test_where_there_are_no_codes_the_status_is_one(text, cloud):
    result = call("explain", text, "--cloud", cloud)
    assert result.stdout.startswith("Unsupported Media Type ")
    assert "glance-raw-boot-sector (error)" in result.stdout


def test_a_status_of_many_codes_names_none_of_them():
    said = "199 error codes of huaweicloud have the status 400 (name the code that is in the answer, such as IMG.0001)"
    assert errors("explain", "400") == (2, said)
    assert call("explain", "400", "--cloud", "openstack").stdout.startswith("Bad Request ")


@pytest.mark.parametrize(("text", "near"), [
    ("IMG.9999", "is IMG.0099"), ("IMG.0199", "are IMG.0198, IMG.0197, IMG.0196"),
    ("IMG.0000", "are IMG.0001, IMG.0002, IMG.0003"), ("ECS.0072", "is IMG.0072"),
    ("IMG.00721", "are IMG.0072, IMG.0071, IMG.0021"), ("IMG.1072", "is IMG.0072"), ("img.10072", "is IMG.0072"),
])
def test_an_unknown_code_is_wrong_usage_and_those_close_to_it_are_named(text, near):
    assert errors("explain", text) == (2, f"no error code {text!r} on huaweicloud (close to it {near})")


def test_a_code_of_another_cloud_is_named_with_it():
    message = "no error code 'IMG.0238' on huaweicloud (it is one of otc: --cloud otc)"
    assert errors("explain", "IMG.0238") == (2, message)
    message = "no error code 'IMG.0158' on otc (it is one of huaweicloud: --cloud huaweicloud)"
    assert errors("explain", "IMG.0158", "--cloud", "otc") == (2, message)


@pytest.mark.parametrize("name", ["IMG.0118", "image-backing-file", "ims-os-version-unlisted", "CentOS 7.9 64bit"])
def test_quiet_leaves_the_first_line(name):
    assert call("explain", "-q", name).stdout == call("explain", name).stdout.partition("\n")[0] + "\n"
