"""``rules/README.md`` and the pages are what the rule book says."""

from __future__ import annotations

import re
from pathlib import Path

from imgbuild import rulebook
from imgbuild.reports.reference import all_books, render_reference, write

RULES = Path(__file__).parent.parent.parent / "rules"
README = RULES / "README.md"


def test_reference_is_fresh():
    fresh = render_reference(*all_books())
    assert README.read_text(encoding="utf-8") == fresh, "python -m imgbuild.reports.reference --write rules"


def test_reference_names_every_rule_and_kind():
    from imgbuild.checks import KINDS  # noqa: PLC0415 - beside its one use

    text = README.read_text(encoding="utf-8")
    missing = [rule.id for rule in rulebook.load().rules if f"| [`{rule.id}`](pages/{rule.id}.md) |" not in text]
    assert missing == []
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []


def test_its_links_lead_to_pages_and_each_page_has_one():
    linked = re.findall(r"\]\((pages/[^)]+)\)", README.read_text(encoding="utf-8"))
    assert {RULES / link for link in linked} == set(RULES.glob("pages/*"))


def test_what_is_gone_is_removed(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "gone.md").write_text("old")
    write(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == README.read_bytes()
    assert not (tmp_path / "pages" / "gone.md").exists()
