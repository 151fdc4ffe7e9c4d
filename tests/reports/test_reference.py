"""``rules/README.md`` is what the rule book says."""

from __future__ import annotations

from pathlib import Path

from imgbuild import rulebook
from imgbuild.reports.reference import render_reference

README = Path(__file__).parent.parent.parent / "rules" / "README.md"


def test_reference_is_fresh():
    fresh = render_reference(*(rulebook.load(cloud) for cloud in rulebook.clouds()))
    assert README.read_text(encoding="utf-8") == fresh, "python -m imgbuild.reports.reference > rules/README.md"


def test_reference_names_every_rule_and_kind():
    from imgbuild.checks import KINDS  # noqa: PLC0415 - beside its one use

    text = README.read_text(encoding="utf-8")
    missing = [rule.id for rule in rulebook.load().rules if f"| `{rule.id}` |" not in text]
    assert missing == []
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
