"""The rule book as people see it."""

from __future__ import annotations

from documents import OTHER, PAGE

from imgbuild import reports
from imgbuild.documents.findings import ErrorCode
from imgbuild.documents.rules import Example, RuleEntry, Rules
from imgbuild.reports.page import Page
from imgbuild.reports.views import RulesView

ENTRY = RuleEntry(
    id="ims-min-disk-below-disk", severity="error", group="request", pack="huaweicloud",
    title="min_disk is below the disk, whose size is known from the image",
    why="The disk would not hold the image.", hint="Write more.", at=("/min_disk",), operations=("create-metadata",),
    sources=(PAGE, OTHER), errors=(ErrorCode(code="IMG.0055", status=400), ErrorCode(code="IMG.9", status=None)),
    fails='{"min_disk": 1}', passes='{"min_disk": 10}',
    evidence=(Example(format="qcow2", field="size", offset=24, length=8, hex="00"), Example(format="raw", field="x")))
NOTE = RuleEntry(id="image-dirty", severity="note", group="integrity", pack="common", title="It was not closed",
                 why="…", hint="…")


def drawn(*entries, page, quiet=False):
    view = RulesView(rules=Rules(cloud="huaweicloud", rules=entries), page=page)
    return reports.render("text", view, Page(width=80, quiet=quiet)).decode()


def test_the_list_has_the_rules_of_each_group():
    assert drawn(NOTE, ENTRY, page=False) == """\
integrity the file is broken, cut off or was not closed
  image-dirty              note     It was not closed

request   the fields of the create request
  ims-min-disk-below-disk  error    min_disk is below the disk, whose size is
                                    known from the image

2 rules for huaweicloud; imgbuild explain RULE shows one.
"""


def test_the_page_of_a_rule_has_everything():
    assert drawn(ENTRY, page=True) == """\
ims-min-disk-below-disk                   error, group request, pack huaweicloud
min_disk is below the disk, whose size is known from the image

  why     The disk would not hold the image.
  fix     Write more.
  at      /min_disk
  asked   for create-metadata
  server  IMG.0055 (HTTP 400)
          IMG.9
  bytes   qcow2: size at byte 24, 8 bytes: 00
          raw: x
  wrong   {"min_disk": 1}
  right   {"min_disk": 10}
  says    Creating Image Metadata, 2026-01  “greater than the disk”
          https://example.com/api
  and     Image Attributes, 2025-10
          https://example.com/attributes
"""


def test_the_page_of_a_rule_leaves_out_what_there_is_not():
    text = drawn(NOTE, page=True)
    assert not [label for label in ("at ", "asked", "server", "wrong", "right", "says") if f"\n  {label}" in text]


def test_quiet_leaves_one_line():
    assert drawn(NOTE, ENTRY, page=False, quiet=True) == "2 rules for huaweicloud\n"
    assert drawn(ENTRY, page=True, quiet=True).splitlines() == drawn(ENTRY, page=True).splitlines()[:1]
