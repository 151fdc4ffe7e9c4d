"""Markdown for job summaries: what it says, and that nothing of an image is markup."""

from __future__ import annotations

from documents import BELOW, CUT, HOSTILE, IMAGE, MANIFEST, RULES, findings
from markdown_it import MarkdownIt
from msgspec.structs import replace

from imgbuild import reports
from imgbuild.documents.inspection import Content
from imgbuild.reports.markdown import plain
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView


def made(*found, **view):
    fields = {"findings": findings(*found), "cloud": "huaweicloud", "status": 1, "rules": RULES, **view}
    return reports.render("markdown", FindingsView(**fields), Page()).decode()


def test_the_verdict_stands_first():
    assert made(BELOW).startswith("## imgbuild: ❌ not ready for huaweicloud\n\n1 error, 0 warnings, 0 notes\n")
    assert made(status=0).startswith("## imgbuild: ✅ ready for huaweicloud\n")


def test_an_image_and_its_findings():
    text = made(CUT, images=(IMAGE,), manifests=(MANIFEST,))
    assert "**disk.qcow2**: qcow2, 2 GiB disk in a file of 654 MiB" in text
    assert "| ⚠️ | **image-truncated**<br>the file ends before its tables | disk.qcow2 | Copy it again. |" in text


def test_the_digest_of_the_whole_disk():
    content = Content(size=2 << 30, sha256="aa", data_end=2 << 30, data_sha256="bb")
    assert "\n\nsha256 of all 2 GiB of the disk, in any container `aa`\n" in made(
        images=(replace(IMAGE, content=content),), manifests=(MANIFEST,))


def test_reasons_and_documents():
    text = made(BELOW)
    assert "- **ims-min-disk-below-disk**: A smaller disk would not hold the image." in text
    assert "  - [Creating Image Metadata, 2026-01](https://example.com/api)" in text
    assert "  - the server answers IMG.0055" in text


def test_each_rule_is_told_once_by_its_first_finding():
    text = made(replace(BELOW, rule="b", message="first"), CUT, replace(BELOW, rule="b", message="second"))
    told = [line for line in text.splitlines() if line.startswith("- **")]
    assert told == ["- **b**: first", "- **image-truncated**: the file ends before its tables"]


def test_the_findings_are_gone_through_a_few_times_however_many_rules_there_are():
    class Counted(tuple):
        __slots__ = ()
        taken = 0

        def __iter__(self):
            for item in super().__iter__():
                Counted.taken += 1
                yield item

    document = findings(*(replace(BELOW, rule=f"rule-{number}") for number in range(500)))
    assert "rule-499" in made(findings=replace(document, findings=Counted(document.findings)))
    assert Counted.taken < 10 * 500


def test_nothing_of_an_image_is_markup():
    text = made(HOSTILE, images=(IMAGE,), manifests=(None,))
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    assert "<script" not in page
    assert 'href="http://y"' not in page
    assert text.count("\n| ") == 3  # heading, rule, one row: no cell was broken


def test_plain_text_is_shown_as_it_is():
    strange = "a|b *c* _d_ `e` [f](g) <h> & \\i http://x www.y"
    page = MarkdownIt("commonmark", {"html": True}).render(plain(strange))
    assert page == "<p>a|b *c* _d_ `e` [f](g) &lt;h&gt; &amp; \\i http://x www.y</p>\n"
