"""Findings: order, places, sources, codes, marks that stay, and nothing that is dropped in silence."""

from __future__ import annotations

import json

import msgspec
import pytest
from pace import ENDLESS, Clock

from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.choices import Choices
from imgbuild.derivation import derive
from imgbuild.documents.findings import ErrorCode, Evidence, Subject
from imgbuild.documents.inspection import Inspection
from imgbuild.errors import UsageError
from imgbuild.jsontext import JsonDocument, JsonProblem
from imgbuild.model import Problem
from imgbuild.request import build_request

BOOK = rulebook.load()
GIB = 1 << 30


def request(text: str, **words) -> Context:
    document = jsontext.parse(text.encode())
    body = document.value if isinstance(document.value, dict) else None
    return Context(**{"document": document, "body": body, "request_path": "request.json", **words})


def image(**facts) -> Inspection:
    return msgspec.convert({"path": "disk.qcow2", "size": 1 << 20, "format": "qcow2", **facts}, Inspection)


def rules_of(context: Context, **words) -> list[tuple[str, str]]:
    return [(finding.severity, finding.rule) for finding in linting.lint(BOOK, context, **words)[0]]


# The samples of the pages

CREATE = """{
  "__os_version": "Ubuntu 14.04 server 64bit",
  "container_format": "bare",
  "disk_format": "vhd",
  "min_disk": 100,
  "min_ram": 1024,
  "name": "test",
  "tags": ["test=testvalue", "image=imagevalue"],
  "visibility": "private",
  "protected": false
}"""


def test_sample_of_the_create_page_is_clean():
    assert rules_of(request(CREATE)) == [("note", "ims-no-lazy-loading")]


def test_sample_of_the_register_page_is_clean():
    text = '{"image_url": "bucketname:Centos6.5-disk1.vmdk"}'
    assert rules_of(request(text, operation="register-file")) == []


@pytest.mark.parametrize(("operation", "body"), [
    ("action", {"name": "ims_test_file", "description": "Create an image from a file in an OBS bucket",
                "image_url": "ims-image:centos70.qcow2", "os_version": "CentOS 7.0 64bit", "min_disk": 40,
                "tags": ["aaa.111", "bbb.333", "ccc.444"]}),
    ("quickimport-system", {"name": "ims_test_file", "image_url": "ims-image:centos70.zvhd2", "min_disk": 40,
                            "os_version": "CentOS 7.0 64bit", "type": "ECS", "tags": ["aaa.111"]}),
    ("quickimport-data", {"name": "ims_test_file", "image_url": "ims-image:centos70.zvhd2", "os_type": "Linux",
                          "min_disk": 40, "type": "DataImage", "image_tags": [{"key": "key2", "value": "value2"}]}),
    ("dataimage", {"name": "fedora-data1", "image_url": "image-test:fedora_data1.qcow2", "min_disk": 40,
                   "description": "Data disk 1 of Fedora", "tags": ["aaa.111", "bbb.222"], "os_type": "Linux"}),
])
def test_samples_of_the_other_pages_are_clean(operation, body):
    assert rules_of(request(json.dumps(body), operation=operation)) == []


# One finding


def test_finding_in_full():
    context = request('{\n  "name": "a", "min_ram": 0,\n  "min_disk": 39\n}',
                      image=image(virtual_size=40 * GIB))
    (finding,), tally = linting.lint(BOOK, context, select={"ims-min-disk-below-disk"})
    assert (finding.rule, finding.severity, finding.group) == ("ims-min-disk-below-disk", "error", "request")
    assert finding.cloud == "huaweicloud"
    assert finding.message == "min_disk is 39 GiB, but the disk has 40 GiB (42949672960 bytes)"
    assert finding.hint == "Set min_disk to 41 or more."
    assert finding.subject == Subject(kind="request", path="request.json", pointer="/min_disk", line=3, column=15)
    assert finding.value == 39
    assert finding.errors == (ErrorCode(code="IMG.0055", status=400),)
    assert finding.sources[0].url == "https://support.huaweicloud.com/api-ims/ims_03_0707.html"
    assert finding.sources[0].date == "2026-01-14"
    assert finding.sources[0].reading == "greater than the system disk in the image, or creating a server may fail"
    assert finding.evidence is None
    assert (tally.passed, tally.failed, tally.not_applicable) == (0, 1, 0)


def test_equal_disk_names_both_documents_and_the_option():
    context = request('{"min_disk": 40}', image=image(virtual_size=40 * GIB))
    (finding,), _ = linting.lint(BOOK, context, select={"ims-min-disk-equals-disk"})
    assert finding.severity == "warning"
    assert [source.reading for source in finding.sources] == [
        "min_disk must be greater than the size of the system disk in the image",
        "min_disk must be greater than the size of the system disk in the image",
        "the system disk must not be smaller than the disk in the image file"]
    assert "--min-disk-policy not-less" in finding.hint


def test_range_of_another_reading_names_who_takes_it():
    (finding,), _ = linting.lint(BOOK, request('{"min_disk": 5}'), select={"ims-min-disk-below-the-least"})
    readings = [source.reading for source in finding.sources]
    assert readings[0] == "Linux 10 to 1024 GB, Windows 20 to 1024 GB"
    assert "1 to 1024 GB" in readings
    assert "40 to 1024 GB" not in readings


def test_problem_of_the_image_has_its_bytes_as_evidence():
    problem = Problem(code="backing-file", message="a backing file is named", field="backing_file_offset", offset=8,
                      length=8, hex="0000000000000210")
    (finding,), _ = linting.lint(BOOK, Context(image=image(problems=[problem])), select={"image-backing-file"})
    assert (finding.severity, finding.group, finding.cloud) == ("error", "safety", None)
    assert finding.subject == Subject(kind="image", path="disk.qcow2")
    assert finding.evidence == Evidence(field="backing_file_offset", offset=8, length=8, hex="0000000000000210")


def test_problem_that_no_rule_knows_is_not_dropped():
    context = Context(image=image(problems=[Problem(code="never-heard-of", message="it is odd")]))
    (finding,), _ = linting.lint(BOOK, context)
    assert (finding.rule, finding.severity, finding.message) == ("image-never-heard-of", "error", "it is odd")


def test_slip_of_json_that_no_rule_knows_is_not_dropped():
    document = jsontext.parse(b"{}")
    slip = JsonProblem("json-odd", "it is odd", "/name", 2, 3)
    odd = JsonDocument(document.value, (slip,), document.complete, document._lines, document._root)
    found, _ = linting.lint(BOOK, Context(document=odd, body={}, request_path="r.json"))
    assert [(f.rule, f.subject.line, f.subject.column) for f in found if f.rule == "json-odd"] == [("json-odd", 2, 3)]


def test_every_slip_of_the_json_reader_has_a_rule():
    known = {code for rule in BOOK.rules for code in getattr(rule.check, "codes", ())}
    texts = [b"", b"[]", b"{", b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}", b'{"a": NaN}', b'{"a": 99999999999999999999}',
             b"[" * 99, b" " * (1 << 20) + b"{}", b"\xff\xfe{\x00"]
    codes = {problem.code for text in texts for problem in jsontext.parse(text).problems}
    assert codes == known


def test_broken_json_is_a_finding_and_asks_no_rule_on_fields():
    found, tally = linting.lint(BOOK, request("{"))
    assert [finding.rule for finding in found] == ["ims-json-syntax"]
    assert tally.not_applicable > 50


# Order, places, marks


def test_findings_are_sorted_by_severity_then_place():
    text = '{\n"visibility": "public",\n"team": "a",\n"tags": [""],\n"disk_format": "zvhd"\n}'
    found, _ = linting.lint(BOOK, request(text))
    order = [(linting.SEVERITIES.index(finding.severity), finding.subject.line) for finding in found]
    assert order == sorted(order)
    assert {severity for severity, _ in order} == {0, 1, 2}


def test_key_at_fault_is_pointed_at_as_key():
    (finding,), _ = linting.lint(BOOK, request('{\n  "status":   "active"}'), select={"ims-key-set-by-server"})
    assert (finding.subject.line, finding.subject.column) == (2, 3)


def test_missing_field_points_at_the_object():
    (finding,), _ = linting.lint(BOOK, request('\n {"min_disk": 40}'), select={"ims-name-missing"})
    assert finding.subject == Subject(kind="request", path="request.json", pointer="/name", line=2, column=2)


def test_built_request_has_a_pointer_but_neither_path_nor_line():
    context = Context(body={"visibility": "public"})
    (finding,), _ = linting.lint(BOOK, context, select={"ims-visibility-not-private"})
    assert finding.subject == Subject(kind="request", pointer="/visibility")


def marks(context: Context) -> list[str]:
    return [finding.fingerprint for finding in linting.lint(BOOK, context)[0]]


def test_fingerprint_stays_when_lines_move_and_files_are_renamed():
    before = request('{"visibility": "public", "tags": [""]}', image=image(virtual_size=GIB + 1))
    after = request('{\n\n"visibility":\n"public", "tags": [""]}', request_path="other.json",
                    image=image(virtual_size=GIB + 1, path="elsewhere/other.qcow2"))
    assert sorted(marks(before)) == sorted(marks(after))
    assert all(len(mark) == 16 and int(mark, 16) >= 0 for mark in marks(before))


def test_fingerprint_changes_with_the_value_and_the_place():
    one, two, three = (marks(request(text)) for text in (
        '{"tags": ["a=b=c"]}', '{"tags": ["a=b=d"]}', '{"tags": ["x", "a=b=c"]}'))
    assert len({tuple(one), tuple(two), tuple(three)}) == 3


def test_findings_alike_have_marks_of_their_own():
    parts = [{"index": index, "start": 0, "size": GIB, "filesystem": "luks"} for index in (1, 2, 3)]
    found, _ = linting.lint(BOOK, Context(image=image(partitions=parts)), select={"ims-encrypted-content"})
    assert len({finding.fingerprint for finding in found}) == 3


def test_same_facts_give_the_same_bytes():
    context = request('{"visibility": "public", "tags": ["a b"], "x": 1}', image=image(virtual_size=GIB + 1))
    assert linting.lint(BOOK, context) == linting.lint(BOOK, context)


def test_long_value_is_cut_and_lists_are_not_repeated():
    (finding,), _ = linting.lint(BOOK, request(json.dumps({"name": "n" * 500})), select={"ims-name-too-long"})
    assert finding.value == "n" * 199 + "…"
    (finding,), _ = linting.lint(BOOK, request('{"name": ["a"]}'), select={"ims-wrong-type"})
    assert finding.value is None


# Choosing rules


def test_select_and_ignore():
    context = request('{"visibility": "public", "container_format": "ovf"}')
    assert rules_of(context, select={"ims-visibility-not-private"}) == [("error", "ims-visibility-not-private")]
    assert ("error", "ims-visibility-not-private") not in rules_of(context, ignore={"ims-visibility-not-private"})
    assert rules_of(context, select={"ims-visibility-not-private"}, ignore={"ims-visibility-not-private"}) == []


@pytest.mark.parametrize("words", [{"select": {"ims-nothing"}}, {"ignore": {"ims-nothing"}}])
def test_unknown_rule_is_wrong_usage(words):
    with pytest.raises(UsageError) as caught:
        linting.lint(BOOK, Context(), **words)
    assert str(caught.value) == "no rule 'ims-nothing' (imgbuild rules lists them)"


def test_tally_counts_every_rule_once():
    _, tally = linting.lint(BOOK, request(CREATE, image=image()))
    assert tally.passed + tally.failed + tally.not_applicable == len(BOOK.rules)
    assert tally.failed > 0


def test_without_anything_nothing_is_asked():
    found, tally = linting.lint(BOOK, Context())
    assert found == ()
    assert tally.passed == tally.failed == 0


# Requests that are no requests


@pytest.mark.parametrize("body", [
    {f"key{number}": number for number in range(5000)},
    {f"min_disk{number}": "x" for number in range(5000)},
    {"k" * 1_000_000: "v" * 10},
    {"__os_version": "Ubuntu " * 100_000, "name": "n" * 100_000},
    {"tags": ["a=b=c"] * 50_000},
])
def test_absurd_requests_are_linted_in_time(body):
    clock = Clock()
    found, _ = linting.lint(BOOK, Context(body=body))
    assert found
    assert clock.seconds() < ENDLESS


# The builder obeys the linter

UNKNOWN_TO_THE_CLOUD = {"ims-os-version-missing", "ims-os-version-default", "ims-os-version-of-a-sister-cloud"}


def linux(system: str, version: str, **more) -> dict:
    return {"type": "Linux", "id": system, "version": version, "release": version, "name": f"{system} {version}",
            "architecture": "x86_64", "bits": 64, **more}


SYSTEMS = [None, linux("debian", "12", release="12.5"), linux("ubuntu", "22.04"), linux("ubuntu", "25.10"),
           linux("rocky", "9.4"), linux("centos", "9", name="CentOS Stream 9", release=None), linux("fedora", "41"),
           linux("flatcar", "4152.2.3"), linux("sles", "15.6"), linux("debian", "12", architecture="aarch64"),
           linux("centos", "6.10", architecture="x86", bits=32), linux("freebsd", "14.1", type="FreeBSD"),
           linux("windows", "2019", type="Windows", edition="Standard", release=None)]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["name"] if system else "nothing found")
@pytest.mark.parametrize(("image_format", "virtual_size"), [
    ("qcow2", 2 * GIB), ("raw", 10 * GIB), ("vhd", 2147991552), ("zvhd2", 40 * GIB), ("zvhd", 3 * GIB),
    ("iso", 700 << 20)])
@pytest.mark.parametrize("firmware", [{"bios": True, "uefi": True}, {"bios": False, "uefi": True}, {"bios": True}, {}])
@pytest.mark.parametrize("policy", ["greater", "not-less"])
def test_what_is_built_is_clean(system, image_format, virtual_size, firmware, policy):
    facts = image(path="disk.img", format=image_format, virtual_size=virtual_size, os=system, firmware=firmware,
                  disk_format=BOOK.profile.disk_formats.get(image_format))
    derived = derive(facts, Choices(), BOOK, policy)
    built = build_request(derived, BOOK.profile.operations["create-metadata"])
    found, _ = linting.lint(BOOK, Context(body=built.body, image=facts, min_disk_policy=policy))
    loud = {finding.rule for finding in found if finding.severity != "note" and finding.group == "request"}
    assert loud <= UNKNOWN_TO_THE_CLOUD
    assert not [finding for finding in found if finding.severity == "error"]
    assert len([finding for finding in found if finding.severity == "warning"]) <= 2


# Where no system was seen, an operation that must be told lacks what only a person knows; so it does of a system in no
# list that is no Linux, for the default would be false of it.
UNKNOWN_TO_THE_BUILDER = UNKNOWN_TO_THE_CLOUD | {"ims-field-missing", "ims-iso-without-os-version"}


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["name"] if system else "nothing found")
@pytest.mark.parametrize(("image_format", "virtual_size"), [
    ("qcow2", 2 * GIB), ("raw", 40 * GIB), ("zvhd2", 10 * GIB - 1), ("iso", 700 << 20)])
@pytest.mark.parametrize("firmware", [{"bios": True, "uefi": True}, {"bios": False, "uefi": True}, {"bios": True}, {}])
@pytest.mark.parametrize("operation", [name for name in BOOK.profile.operations if name != "create-metadata"])
def test_what_is_built_for_any_operation_is_clean(operation, system, image_format, virtual_size, firmware):
    facts = image(path="disk.img", format=image_format, virtual_size=virtual_size, os=system, firmware=firmware,
                  disk_format=BOOK.profile.disk_formats.get(image_format))
    found, policy = BOOK.profile.operations[operation], BOOK.profile.min_disk_of(operation).policy
    choices = Choices(address=f"images:disk.{image_format}" if found.from_object_store else None, tags=("team=web",))
    if operation in {"upload-file", "register-file"}:
        choices = msgspec.structs.replace(choices, tags=())
    built = build_request(derive(facts, choices, BOOK, policy, found), found)
    context = Context(operation=operation, body=built.body, path=built.path, image=facts, min_disk_policy=policy)
    loud = {(finding.rule, finding.subject.pointer) for finding in linting.lint(BOOK, context)[0]
            if finding.severity != "note" and finding.group == "request"}
    assert {rule for rule, _ in loud} <= UNKNOWN_TO_THE_BUILDER
    assert {pointer for rule, pointer in loud if rule not in UNKNOWN_TO_THE_CLOUD} <= {"/os_version"}
    unnamed = system is None or system["id"] == "freebsd"
    assert unnamed or not {rule for rule, _ in loud} & (UNKNOWN_TO_THE_BUILDER - UNKNOWN_TO_THE_CLOUD)


@pytest.mark.parametrize(("keys", "listed"), [(200, 200), (201, 201), (5000, 201)])
def test_of_one_rule_so_many_findings_are_listed(keys, listed):
    body = ", ".join(f'"k{number}": ""' for number in range(keys))
    found = [finding for finding in linting.lint(BOOK, request(f"{{{body}}}"))[0]
             if finding.rule == "ims-property-of-ones-own"]
    assert len(found) == listed
    said = [finding.message for finding in found if "finds more" in finding.message]
    assert said == ["this rule finds more: the first 200 are listed"] * (listed - 200)


# What lies inside of a compressed file or an archive

GUEST = [{"check": "lin_dhcp", "status": "fail", "detail": "no DHCP", "files": [],
          "places": [{"path": "/etc/network/interfaces", "line": 3, "text": "iface eth0"}]},
         {"check": "lin_fstab_uuid", "status": "pass", "detail": "by UUID", "files": []},
         {"check": "lin_sshd_running", "status": "unknown", "detail": "not seen", "files": []}]
SYSTEM = {"type": "Linux", "id": "debian", "version": "12", "release": "12.5", "name": "Debian GNU/Linux 12",
          "architecture": "x86_64", "bits": 64}


def packed(*names: str | None, **facts) -> Inspection:
    entries = [{"name": name, "size": 512, "format": "raw", "os": SYSTEM, "guest": GUEST,
                "firmware": {"bios": False, "uefi": False}} for name in names]
    return image(path="box.ova", format="tar", inside=entries, **facts)


def test_a_guest_inside_is_asked_what_guests_are_asked():
    """The findings are those of the image alone, named by where it lies; the file is the one that was given."""
    alone = image(format="raw", os=SYSTEM, guest=GUEST, firmware={"bios": False, "uefi": False})
    expected = [finding for finding in linting.lint(BOOK, Context(image=alone))[0] if finding.group == "guest"]
    assert {finding.rule for finding in expected} == {"guest-static-address", "ims-image-boots-nowhere"}
    for name, before in ((None, "inside: "), ("a'\n.raw", "\"a'\\n.raw\": ")):
        found, tally = linting.lint(BOOK, Context(image=packed(name)))
        assert [(finding.rule, finding.severity, finding.message, finding.subject.guest_path, finding.fingerprint)
                for finding in found if finding.group == "guest"] == [
            (finding.rule, finding.severity, before + finding.message, finding.subject.guest_path, finding.fingerprint)
            for finding in expected]
        assert {finding.subject.path for finding in found} == {"box.ova"}
        assert tally.passed + tally.failed + tally.not_applicable == len(BOOK.rules)
        assert tally.failed == len(expected) + 1  # and the file is no image


def test_each_of_several_guests_inside_has_its_findings():
    found, tally = linting.lint(BOOK, Context(image=packed("a", "b")), select={"guest-static-address"})
    assert [finding.message for finding in found] == ["'a': no DHCP", "'b': no DHCP"]
    assert len({finding.fingerprint for finding in found}) == 2
    assert (tally.passed, tally.failed, tally.not_applicable) == (0, 1, 0)


def test_what_is_inside_is_compared_with_no_request():
    """A file that holds an image is no image that a request could be for."""
    with_one = rules_of(request(CREATE, image=packed("a")))
    assert [entry for entry in with_one if entry[1].startswith("guest-")] == [("error", "guest-static-address")]
    without = rules_of(request(CREATE, image=packed()))
    assert [entry for entry in with_one if entry not in without] == [("error", "guest-static-address"),
                                                                    ("warning", "ims-image-boots-nowhere")]
