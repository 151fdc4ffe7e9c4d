"""Whether a rule does what its examples say, and whether it has cases: a rule in, what is missing or wrong out.

``fails`` and ``passes`` of a rule are bodies of requests; they are tried here. The cases of our own packs stand in
``tests/rules/PACK/RULE.toml`` beside the packs, where there is a checkout; the tests try them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from imgbuild import jsontext
from imgbuild.checks.base import Case, Context
from imgbuild.rulebook.own import PACK as OWN
from imgbuild.rulebook.packs import folder, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.rulebook import RuleBook
    from imgbuild.rulebook.rules import Rule

_KINDS = frozenset({"fail", "pass"})
_DOES = {"fails": "breaks the rule", "passes": "does not break it"}
_BY_REQUEST = frozenset({"request"})


def example_problems(rule: Rule, book: RuleBook) -> Iterator[tuple[str, str, str]]:
    """Yield where an example does not do what it should, or a person's own rule on requests has none."""
    for key, text, should in (("fails", rule.fails, True), ("passes", rule.passes, False)):
        if text is not None and rule.pack == OWN and type(rule.check).needs == _BY_REQUEST and not _is_body(text):
            yield "example", f"the example in {key} is no JSON object", f"write a request body that {_DOES[key]}"
        elif text is not None and _finds(rule, book, text) != should:
            does = "breaks the rule" if not should else "does not break the rule"
            yield "example", f"the example in {key} {does}", "mend the example or the check"
        elif text is None and rule.pack == OWN and type(rule.check).needs == _BY_REQUEST:
            yield "no-cases", f"it has no example in {key}", f"write there, as JSON, a request body that {_DOES[key]}"


def _is_body(text: str) -> bool:
    document = jsontext.parse(text.encode())
    return isinstance(document.value, dict) and not document.problems


def _finds(rule: Rule, book: RuleBook, text: str) -> bool:
    document = jsontext.parse(text.encode())
    body = document.value if isinstance(document.value, dict) else None
    operation = rule.operations[0] if rule.operations else book.profile.default_operation
    case = Case(context=Context(operation=operation, document=document, body=body, request_path="example"),
                profile=book.profile, catalogue=lambda: book.catalogue, rule_id=rule.id, at=rule.places)
    return rule.check.applies(case) and next(rule.check.find(case), None) is not None


def _home() -> str:
    return os.path.join(os.path.dirname(folder()), "tests", "rules")


def read_cases(rule_id: str, pack: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the cases of a rule by their kind, of a pack or of all; none where there is no checkout."""
    found: dict[str, list[dict[str, Any]]] = {}
    for home in sorted(os.listdir(_home())) if os.path.isdir(_home()) else ():
        path = os.path.join(_home(), home, f"{rule_id}.toml") if pack in {None, home} else ""
        for kind, cases in read_toml(path).items() if os.path.isfile(path) else ():
            found.setdefault(kind, []).extend(cases)
    return found


def case_problems(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """Yield what is missing of the cases of a rule of ours."""
    if not os.path.isdir(_home()):
        return
    for kind in sorted(_KINDS - set(read_cases(rule.id))):
        yield "no-cases", f"it has no case of the kind [[{kind}]]", f"write one in tests/rules/PACK/{rule.id}.toml"
