"""Each fact is carried by a rule, a value or an error code; each contradiction by one that names its readings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imgbuild import rulebook

BOOK = rulebook.load()
CASES = Path(__file__).parent / "rules"
FACTS = tomllib.loads((Path(__file__).parent / "reference" / "ims.toml").read_text(encoding="utf-8"))
CARRIED = [pytest.param(carrier, id=f"{table} {fact}: {carrier}") for table, facts in FACTS.items()
           for fact, carriers in facts.items() for carrier in carriers]


def value_at(path: str) -> Any:
    """Return a value of the profile by the names of the fields that lead to it."""
    found = msgspec.to_builtins(BOOK.profile)
    for name in path.split("."):
        found = found[name]
    return found


def sources_of(path: str) -> set[str]:
    """Return the documents of a value: its own, those of its parts, or those of what it is a part of."""
    found = value_at(path)
    parts = list(found.values()) if isinstance(found, dict) else found if isinstance(found, (list, tuple)) else []
    below = {source for part in parts if isinstance(part, dict) for source in part.get("sources", ())}
    return below or set(value_at(path.rpartition(".")[0])["sources"])


def readings_of(carrier: str) -> set[str]:
    """Return the documents that a carrier cites for its readings."""
    kind, _, name = carrier.partition(":")
    if kind == "rule":
        return set(BOOK.rule(name).cited)
    if kind == "error":
        return set(BOOK.all_errors[name].readings) | set(BOOK.all_errors[name].sources)
    return sources_of(name)


def test_there_is_a_table_for_each_kind_of_fact():
    assert {table: len(facts) for table, facts in FACTS.items()} == {
        "relations": 16, "files": 32, "iso": 6, "data_disks": 4, "encryption": 5, "memory": 2, "object_store": 7,
        "contradictions": 24}


@pytest.mark.parametrize("carrier", CARRIED)
def test_what_carries_a_fact_is_there(carrier):
    kind, _, name = carrier.partition(":")
    if kind == "rule":
        rule = BOOK.rule(name)
        assert rule is not None
        home = CASES / rule.pack / f"{name}.toml"
        assert home.is_file() or type(rule.check).__name__ == "ProblemOfImage"
    elif kind == "error":
        assert BOOK.all_errors[name].readings
    elif kind == "value":
        assert value_at(name)
    else:
        assert kind == "unseen"
        assert name.strip()


@pytest.mark.parametrize("fact", FACTS["contradictions"])
def test_a_contradiction_is_carried_with_its_readings(fact):
    carriers = [carrier for carrier in FACTS["contradictions"][fact] if not carrier.startswith("unseen:")]
    assert carriers or fact == "17-login"
    for carrier in carriers:
        assert len(readings_of(carrier)) >= 2, carrier


@pytest.mark.parametrize("carrier", [carrier for carriers in FACTS["contradictions"].values() for carrier in carriers
                                     if carrier.startswith("rule:")])
def test_a_rule_on_a_contradiction_says_what_each_document_says(carrier):
    """Those of min_disk are values of the profile, which its checks put into the findings."""
    rule = BOOK.rule(carrier.removeprefix("rule:"))
    said = {rule.readings[source] for source in rule.cited if source in rule.readings}
    assert len(said) >= 2 or rule.check.__struct_config__.tag in {"min-disk-against-disk", "min-disk-range"}


@pytest.mark.parametrize("code", BOOK.errors)
def test_a_code_of_a_creation_is_found_by_a_rule_or_seen_by_the_server_alone(code):
    assert bool(BOOK.preventing(code)) != BOOK.errors[code].server_only


def test_codes_of_other_calls_say_whose_they_are():
    other = {code: error for code, error in BOOK.all_errors.items() if code not in BOOK.errors}
    assert len(BOOK.errors) == 55
    assert len(other) == 144
    assert {error.category for error in other.values()} == {
        "backup", "update", "from-server", "service", "market", "replicate", "share", "export"}
    assert all(error.category == "create" for error in BOOK.errors.values())


@pytest.mark.parametrize("code", BOOK.all_errors)
def test_a_code_has_a_meaning_and_documents(code):
    error = BOOK.all_errors[code]
    assert error.meaning
    assert error.status in {400, 403, 404, 409}
    assert all(BOOK.document(source).url for source in (*error.sources, *error.readings))
    assert error.sources
