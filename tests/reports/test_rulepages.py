"""The page of each rule is fresh, and shows an example that fails, the finding it gives, and one that passes.

That a case gives its message is tried in ``tests/test_rule_cases.py``, for every case of every rule.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from test_rule_cases import CASES, KEYS, book_for, cloud_of, context_of

from imgbuild import linting, rulebook
from imgbuild.checks.problems import ProblemOfImage
from imgbuild.reports.markdown import plain
from imgbuild.reports.reference import all_books
from imgbuild.reports.rulepages import LONGEST, render_pages
from imgbuild.rulebook import cases

PAGES = Path(__file__).parent.parent.parent / "rules" / "pages"
BOOKS = {book.profile.name: book for book in all_books()}
USUAL_LAST = [*(book for name, book in reversed(BOOKS.items()) if name != "huaweicloud"), BOOKS["huaweicloud"]]
RULES = {rule.id: rule for book in USUAL_LAST for rule in book.rules}


def test_all_pages_are_fresh(monkeypatch):
    monkeypatch.setattr(cases, "_home", lambda: str(CASES))  # an installed package has no tests beside it
    fresh = render_pages(tuple(BOOKS.values()))
    kept = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*")}
    assert kept == fresh, "python -m imgbuild.reports.reference --write rules"


def parts(rule_id: str) -> dict[str, str]:
    """Return the sections of a page by their titles."""
    found = re.split(r"^## (.*)$", (PAGES / f"{rule_id}.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"": found[0], **dict(zip(found[1::2], found[2::2], strict=True))}


def test_a_page_says_all_there_is_to_say():
    for rule in RULES.values():
        page = parts(rule.id)
        assert page[""].startswith(f"# {rule.id}\n")
        for word in (f"**{rule.severity}**", f"pack {rule.pack}", "**Cure**: "):
            assert word in page[""], rule.id
        assert page["Who says so"].count("\n- ") == len(rule.cited), rule.id
        if isinstance(rule.check, ProblemOfImage):
            assert "its words are the finding" in page[""], rule.id
        assert "\nThe finding: " in page["An example that fails"], rule.id
        assert "````json" in page["An example that passes"], rule.id


def example(text: str) -> str:
    return re.search(r"````json\n(.*?)\n?````", text, re.DOTALL)[1]


def case_on(text: str) -> dict[str, Any]:
    """Return the case that an example on a page is: all it gives, or the text of a request alone."""
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    is_case = isinstance(given, dict) and given and set(given) <= KEYS
    return given if is_case else {"json": text}


def test_examples_taken_from_the_pages_do_what_the_pages_say(tmp_path):
    """What a person copies from a page gives the finding that stands below it, or none."""
    tried = 0
    for rule_id, rule in RULES.items():
        page, cloud = parts(rule_id), cloud_of(rule.pack)
        for title in [title for title in page if title.startswith("An example")]:
            text = example(page[title])
            if not text.endswith("…"):
                case = case_on(text)
                findings, _ = linting.lint(book_for(case, cloud, tmp_path), context_of(case, cloud), select={rule_id})
                told = re.search(r"^The finding: (.*?)(, at `.*`)?$", page[title], re.MULTILINE)
                assert [plain(found.message) for found in findings][:1] == ([told[1]] if told else []), rule_id
                tried += 1
    assert tried > 400


def test_a_long_example_is_cut():
    assert max(len(example(text)) for path in PAGES.glob("*") for title, text in parts(path.stem).items()
               if title.startswith("An example")) <= LONGEST + 2


def test_a_page_says_what_other_clouds_have_otherwise():
    assert "- Open Telekom Cloud IMS: why: The guide of this cloud keeps root out" in "".join(
        parts(rule).get("On other clouds", "") for rule in RULES)


def test_the_pages_render_from_the_rules_alone():
    assert set(render_pages([rulebook.load()])) < {path.name for path in PAGES.glob("*")}
