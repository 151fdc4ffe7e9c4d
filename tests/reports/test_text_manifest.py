"""A create request as people see it, to the character."""

from __future__ import annotations

import msgspec
import pytest
from documents import BODY, MANIFEST

from imgbuild import reports
from imgbuild.documents.manifest import Route, RouteOption
from imgbuild.reports.page import Page
from imgbuild.reports.text_manifest import value_words
from imgbuild.reports.views import ManifestView


def drawn(manifest, **page):
    return reports.render("text", ManifestView(manifest=manifest), Page(**{"width": 80, **page})).decode()


def test_each_field_has_its_reasons():
    assert drawn(MANIFEST) == """\
disk.qcow2  -> huaweicloud
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
"""


def test_the_documents_and_the_other_routes_are_said_when_asked():
    text = drawn(MANIFEST, verbose=True, width=120)
    assert "least for Linux; the disk needs 3; [Creating Image Metadata, 2026-01]\n" in text
    assert text.endswith("  or      action: could carry it as well\n")


def test_where_no_route_carries_the_file_all_say_why():
    route = Route(operation=None, why=("upload-file: 3 GiB, limit 2 GB",),
                  others=(RouteOption(operation="action", why_not="it does not take raw"),))
    assert drawn(msgspec.structs.replace(MANIFEST, route=route)).endswith("""\
Route     no import path carries this file
          upload-file: 3 GiB, limit 2 GB
  or      action: it does not take raw
""")


def test_reasons_stand_below_their_fields_where_the_page_is_narrow():
    assert """\
Request   POST /v2/images
  name       disk
      from the file name
  min_disk   10
      least for Linux; the disk needs 3
""" in drawn(MANIFEST, width=44)


def test_quiet_leaves_the_first_line():
    assert drawn(MANIFEST, quiet=True) == "disk.qcow2  -> huaweicloud\n"


def test_the_request_alone_is_json_for_people_too():
    data = reports.render("text", ManifestView(manifest=MANIFEST, request_only=True), Page())
    assert msgspec.json.decode(data) == BODY


@pytest.mark.parametrize(("value", "words"), [("a b", "a b"), (None, "?"), (True, "true"), (10, "10"), ([], "[]")])
def test_values_are_text_or_json(value, words):
    assert value_words(value) == words
