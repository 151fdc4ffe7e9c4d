"""Findings as people see them, to the character."""

from __future__ import annotations

import msgspec
import pytest
from documents import BELOW, CUT, IMAGE, MANIFEST, NEAR, REQUEST, RULES, findings
from rich.cells import cell_len

from imgbuild import reports
from imgbuild.documents.findings import Finding, Subject
from imgbuild.model import GuestCheck
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView


def drawn(*found: Finding, page=None, **view):
    fields = {"findings": findings(*found), "cloud": "huaweicloud", "status": 1, "rules": RULES, **view}
    return reports.render("text", FindingsView(**fields), page or Page(width=80)).decode()


def test_a_request_beside_its_image():
    assert drawn(BELOW, CUT, NEAR, name="request.json", request=REQUEST, images=(IMAGE,), manifests=(MANIFEST,)) == """\
disk.qcow2 -> huaweicloud  1 error, 1 warning, 1 note                  NOT READY
error    ims-min-disk-below-disk                               request.json:3:15
  3 | "min_disk": 1
                  ^ min_disk is 1 GiB: 3 or more is expected
  why     A smaller disk would not hold the image.
  fix     Write 3 or more.
  says    Creating Image Metadata, 2026-01  “greater than the disk”
          https://example.com/api
  server  IMG.0055 (HTTP 400)
warning  image-truncated                                              disk.qcow2
  the file ends before its tables
  bytes   l1_table_offset at byte 40, 8 bytes: 0000000000030000
  fix     Copy it again.
  says    Image Attributes, 2025-10
          https://example.com/attributes
note     ims-os-version-near                                       /__os_version
  __os_version: Debian 12.0
                ^ another release is listed
  fix     Nothing to do.
  says    Image Attributes, 2025-10
Image     qcow2 v3, 2 GiB disk in a file of 654 MiB
  system  Debian GNU/Linux 12.5 (bookworm), x86_64
  boots   BIOS no, UEFI yes, Secure Boot not seen
  md5     d41d8cd98f00b204e9800998ecf8427e
7 rules passed, 3 failed, 2 not applicable                                exit 1
"""


def test_an_image_that_is_ready_shows_the_request_that_was_built():
    assert drawn(status=0, images=(IMAGE,), manifests=(MANIFEST,)) == """\
disk.qcow2 -> huaweicloud  0 errors, 0 warnings, 0 notes                   READY
Image     qcow2 v3, 2 GiB disk in a file of 654 MiB
  system  Debian GNU/Linux 12.5 (bookworm), x86_64
  boots   BIOS no, UEFI yes, Secure Boot not seen
  md5     d41d8cd98f00b204e9800998ecf8427e
Request   POST /v2/images
  name       disk     from the file name
  min_disk   10       least for Linux; the disk needs 3
  tags       ["a=b"]  chosen
  protected  false    not asked for
Route     upload-file: 654 MiB, limit 2 GB
7 rules passed, 0 failed, 2 not applicable                                exit 0
"""


def test_a_request_alone():
    text = drawn(BELOW, name="request.json", request=REQUEST)
    assert text.startswith("request.json -> huaweicloud  1 error, 0 warnings, 0 notes")
    assert "\nImage " not in text


def test_each_of_several_images_has_its_verdict():
    other = msgspec.structs.replace(IMAGE, path="other.qcow2")
    text = drawn(CUT, NEAR, images=(IMAGE, other), manifests=(MANIFEST, None), status=0)
    verdicts = [line.split("  ")[0] for line in text.splitlines() if " -> " in line]
    assert verdicts == ["disk.qcow2 -> huaweicloud", "other.qcow2 -> huaweicloud", "request -> huaweicloud"]
    assert text.count("READY\n") == 3


READY = [  # findings, what fails, verdict
    ((NEAR,), "error", "READY"), ((BELOW,), "error", "NOT READY"), ((BELOW,), "never", "NOT READY"),
    ((CUT,), "warning", "NOT READY"), ((CUT,), "error", "READY"), ((), "note", "READY"),
]


@pytest.mark.parametrize(("found", "fail_on", "verdict"), READY)
def test_ready_means_no_error_and_nothing_that_fails(found, fail_on, verdict):
    assert drawn(*found, fail_on=fail_on, name="r").splitlines()[0].split("  ")[-1].strip() == verdict


def test_one_image_that_is_not_ready_leaves_the_others_as_they_are():
    other = msgspec.structs.replace(IMAGE, path="other.qcow2")
    text = drawn(msgspec.structs.replace(CUT, severity="error"), images=(IMAGE, other),
                 manifests=(None, None))
    verdicts = [line.rsplit("  ", 1)[1].strip() for line in text.splitlines() if line.endswith("READY")]
    assert verdicts == ["NOT READY", "READY"]


def test_quiet_leaves_the_verdict():
    assert drawn(BELOW, name="r.json", page=Page(width=80, quiet=True)).count("\n") == 1


def test_more_documents_are_named_when_asked():
    assert "https://example.com/attributes" not in drawn(BELOW, name="r")
    assert "  and     Image Attributes, 2025-10\n" in drawn(BELOW, name="r", page=Page(width=80, verbose=True))


def test_what_could_not_be_seen_is_said():
    password = GuestCheck(check="p", status="unknown", detail="the password", files=())
    image = msgspec.structs.replace(IMAGE, guest=(password,))
    assert "  unseen  the password\n" in drawn(images=(image,), manifests=(None,))


def at(line, column, **changes):
    return msgspec.structs.replace(
        BELOW, subject=Subject(kind="request", path="r.json", pointer="/a", line=line, column=column), **changes)


LONG = [  # the line of a request, the column, what is shown of it in 60 columns, and what of that is before the caret
    ('{"a": 1}', 7, '1 | {"a": 1}', '1 | {"a": '),
    ('      {"a": 1}   ', 13, '1 | {"a": 1}', '1 | {"a": '),
    ('{"' + "k" * 300 + '": 1}', 306, "1 | …" + "k" * 32 + '": 1}', "1 | …" + "k" * 32 + '": '),
    ('{"a": 1, "' + "k" * 300 + '": 1}', 7, '1 | {"a": 1, "' + "k" * 43 + "…", '1 | {"a": '),
    ('{"' + "日" * 100 + '": 1, "' + "本" * 100 + '": 1}', 106, "1 | …" + "日" * 15 + '": 1, "' + "本" * 7 + "…",
     "1 | …" + "日" * 15 + '": '),
    ('{"' + "\x1b" * 300 + '": 1}', 306, "1 | …" + "\\x1b" * 7 + '": 1}', "1 | …" + "\\x1b" * 7 + '": '),
]


@pytest.mark.parametrize(("line", "column", "shown", "before"), LONG)
def test_a_long_line_is_shown_around_its_place(line, column, shown, before):
    text = drawn(at(1, column), name="r.json", request=line.encode(), page=Page(width=60))
    _, _, _, cut, caret, *_ = text.splitlines()
    assert cut == f"  {shown}"
    assert cell_len(cut) <= 60
    assert caret.index("^") == cell_len(f"  {before}")


def test_control_characters_of_a_request_are_shown():
    request = b'{"a": "\x1b[31m\xe2\x80\xae"}'
    text = drawn(at(1, 7, message="bad \x1b value"), name="r\n.json", request=request)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert '1 | {"a": "\\x1b[31m\\u202e"}' in text


@pytest.mark.parametrize(("line", "column"), [(9, 1), (0, 1), (1, 500), (None, None)])
def test_a_place_that_is_not_there_does_no_harm(line, column):
    assert BELOW.message in drawn(at(line, column), name="r.json", request=REQUEST)


def test_a_message_that_is_long_wraps_behind_its_caret():
    found = at(3, 15, message="a message of many words " * 8)
    lines = drawn(found, name="r.json", request=REQUEST).splitlines()
    assert lines[3:6] == [" " * 18 + "^ a message of many words a message of many words a message of",
                          " " * 20 + "many words a message of many words a message of many words a",
                          " " * 20 + "message of many words a message of many words a message of"]


def test_a_message_with_little_room_behind_its_caret_stands_below():
    request = b'{"a_long_name_of_a_field_of_this_request": 10}'
    found = at(1, 44, message="a message of many words, more than there is room for")
    assert drawn(found, name="r.json", request=request).splitlines()[2:5] == [
        '  1 | {"a_long_name_of_a_field_of_this_request": 10}', " " * 49 + "^",
        "  a message of many words, more than there is room for"]


def test_what_a_block_above_has_said_is_not_said_again():
    text = drawn(BELOW, BELOW, name="r", page=Page(width=80, verbose=True))
    assert text.count("  why     A smaller disk") == 1
    assert text.count("  says    Creating Image Metadata") == 2
    assert text.count("https://example.com/api") == 1


def test_each_image_has_the_whole_story():
    other = msgspec.structs.replace(IMAGE, path="other.qcow2")
    theirs = msgspec.structs.replace(CUT, subject=Subject(kind="image", path="other.qcow2"))
    text = drawn(CUT, theirs, images=(IMAGE, other), manifests=(None, None))
    assert text.count("https://example.com/attributes") == 2


def test_a_long_name_stands_above_its_verdict_and_a_long_place_below_its_rule():
    name = "a/very/long/path/to/the/request/of/an/image.json"
    found = msgspec.structs.replace(BELOW, subject=Subject(kind="request", path=name, pointer="/a", line=3, column=15))
    assert drawn(found, name=name, request=REQUEST, page=Page(width=70)).splitlines()[:4] == [
        f"{name} -> huaweicloud", "1 error, 0 warnings, 0 notes                                 NOT READY",
        "error    ims-min-disk-below-disk", f"{name}:3:15".rjust(70)]


def test_the_columns_hold_in_colour():
    plain, coloured = drawn(BELOW, name="r"), drawn(BELOW, name="r", page=Page(width=80, colour=True))
    for code in ("1;31", "1;32", "1;36", "1;33", "1", "2", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain
