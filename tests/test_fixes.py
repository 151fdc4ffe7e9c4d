"""Every rule that mends does so: the ``[[fix]]`` tables of tests/rules/<pack>/<rule-id>.toml.

Each says in ``says`` what the case is and gives the request as text (``json``) and what it becomes (``fixed``); without
it the text stays. ``operation`` and ``image`` are as in the other tables of the file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from test_rule_cases import RULES, book, cloud_of, context_of

from imgbuild import fixing, jsontext, linting
from imgbuild.documents.findings import Edit, Findings, Summary
from imgbuild.fixes import KINDS

CASES = Path(__file__).parent / "rules"
MENDING = [rule for _, rule in (param.values for param in RULES) if rule.fix is not None]


def cases() -> list[Any]:
    return [pytest.param(cloud_of(path.parent.name), path.stem, case,
                         id=f"{path.parent.name} {path.stem}: {case['says']}")
            for path in sorted(CASES.glob("*/*.toml"))
            for case in tomllib.loads(path.read_text(encoding="utf-8")).get("fix", ())]


def mended(cloud: str, rule: str, case: dict[str, Any]) -> fixing.Fixed:
    def lint(data: bytes) -> tuple[jsontext.JsonDocument, Findings]:
        context = context_of({**case, "json": data.decode()}, cloud)
        assert context.document is not None
        found, _ = linting.lint(book(cloud), context, select={rule})
        return context.document, Findings(summary=Summary(), findings=found)

    return fixing.fix(case["json"].encode(), lint)


@pytest.mark.parametrize(("cloud", "rule", "case"), cases())
def test_case(cloud, rule, case):
    fixed = mended(cloud, rule, case)
    assert fixed.data.decode() == case.get("fixed", case["json"])
    assert bool(fixed.findings.findings) == ("fixed" not in case)
    assert bool(fixed.findings.fixed) == ("fixed" in case)


@pytest.mark.parametrize("rule", MENDING, ids=lambda rule: rule.id)
def test_each_rule_that_mends_is_shown_mending(rule):
    files = [path.read_text(encoding="utf-8") for path in CASES.glob(f"*/{rule.id}.toml")]
    assert any("fixed" in case for text in files for case in tomllib.loads(text).get("fix", ()))


def test_each_kind_is_used_and_says_what_it_does():
    assert {type(rule.fix) for rule in MENDING} == set(KINDS.values())
    assert all(rule.fix.summary.endswith(".") for rule in MENDING)


def test_a_text_that_is_no_json_has_no_fix():
    context = context_of({"json": '{"min_disk": "40",}'})
    found, _ = linting.lint(book(), context, select={"ims-wrong-type"})
    assert [isinstance(finding.fix, Edit) for finding in found] == [False]
