"""``rules --check``: our packs have nothing wrong with them, and whatever may be wrong with a pack is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_rulebook import RULE as PLAIN_RULE
from test_rulebook import SOURCE

from imgbuild.rulebook import cases, catalogue, clouds, packs
from imgbuild.rulebook.review import review

CLOUD = """\
name = "a"
title = "A"
prefix = "a"
[default_system]
value = "Other"
[min_disk]
policy = "greater"
[min_disk.policies.greater]
sources = ["page"]
reading = "greater"
[min_disk.bounds]
linux = [10, 1024]
windows = [20, 1024]
sources = ["page"]
[operations.create-metadata]
title = "Create"
method = "POST"
path = "/v2/images"
sources = ["page"]
fields = { name = { type = "string" } }
"""
RULE = PLAIN_RULE + """\
fails = '{"name": "0123456789x"}'
passes = '{"name": "0123456789"}'
"""
CASES = "[[pass]]\nsays = 'short'\n[[fail]]\nsays = 'long'\n"
LIST = "columns = ['os_version']\nrows = ''\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Give a small rule book that has nothing wrong with it."""
    packs._read_toml.cache_clear()
    for module in (packs, catalogue, cases):
        monkeypatch.setattr(module, "folder", lambda: str(tmp_path / "rules"))
    write(tmp_path / "rules" / "common" / "page.toml", SOURCE)
    write(tmp_path / "rules" / "common" / "os_versions.toml", LIST)
    write(tmp_path / "rules" / "a" / "cloud.toml", CLOUD)
    write(tmp_path / "rules" / "a" / "rules.toml", RULE)
    write(tmp_path / "tests" / "rules" / "a" / "a-name-long.toml", CASES)
    yield tmp_path
    packs._read_toml.cache_clear()


def problems(home: Path, cloud: str = "a", own: str | None = None) -> list[tuple[str, str, str]]:
    made = review(cloud, None if own is None else str(home / own))
    return [(problem.code, f"{Path(problem.path).name}:{problem.line or ''}", problem.message)
            for problem in made.problems]


def test_our_packs_have_nothing_wrong_with_them():
    made = review("huaweicloud")
    assert made.problems == ()
    assert made.packs == ("common", *clouds())
    assert made.rules > 300


def test_a_small_book_has_nothing_wrong_with_it(home):
    assert problems(home) == []


TWIN = RULE.replace("a-name-long", "a-name-longer")


@pytest.mark.parametrize(("old", "new", "found"), [
    ("a-name-long", "b-name-long", ("prefix", "rules.toml:2",
                                    "'b-name-long' does not begin with image- or guest- or a-")),
    ('"The name is long"', '" "', ("no-words", "rules.toml:2", "title is empty")),
    ('"It is refused."', '""', ("no-words", "rules.toml:2", "why is empty")),
    ('"Shorten it."', '""', ("no-words", "rules.toml:2", "hint is empty")),
    ('"The name is long"', '"The name is long."', ("words", "rules.toml:2", "title ends with a full stop")),
    ('"It is refused."', '"It is refused"', ("words", "rules.toml:2", "why is no whole sentence")),
    ('"It is refused."', '"The name is long."', ("words", "rules.toml:2", "why says what the title says")),
    ('at = "/name"', 'at = ["/name", "/nam"]', ("dead", "rules.toml:2", "no operation has a field 'nam'")),
    ('at = "/name"', 'at = "/name"\noperations = ["create-metadata", "x"]',
     ("dead", "rules.toml:2", "there is no operation 'x'")),
    ("9x", "", ("example", "rules.toml:2", "the example in fails does not break the rule")),
    ("789\"}'\n", "789abc\"}'\n", ("example", "rules.toml:2", "the example in passes breaks the rule")),
])
def test_a_rule(home, old, new, found):
    assert RULE.count(old) == 1
    write(home / "rules" / "a" / "rules.toml", RULE.replace(old, new))
    if new.startswith("b-"):
        write(home / "tests" / "rules" / "a" / "b-name-long.toml", CASES)
    assert problems(home) == [found]


@pytest.mark.parametrize(("file", "text", "found"), [
    ("rules.toml", RULE + TWIN, ("repeated", "rules.toml:14", "it asks for the same as 'a-name-long'")),
    ("more.toml", "[sources.x]\ntitle = 'X'\nurl = 'https://x.org/'\ndate = '2026-01'\n",
     ("unused", "more.toml:1", "nobody cites the source 'x'")),
    ("more.toml", "[default_system]\nsources = ['y']\n", ("dead", "more.toml:", "there is no source 'y'")),
    ("more.toml", "[operations.create-metadata.fields.name]\nerrors = ['A.1']\n",
     ("dead", "more.toml:", "there is no error code 'A.1'")),
])
def test_a_pack(home, file, text, found):
    write(home / "rules" / "a" / file, text)
    write(home / "tests" / "rules" / "a" / "a-name-longer.toml", CASES)
    assert problems(home) == [found]


@pytest.mark.parametrize("operations", ['operations = ["create-metadata"]\n', ""])
def test_rules_for_the_same_operation_are_the_same(home, operations):
    write(home / "tests" / "rules" / "a" / "a-name-longer.toml", CASES)
    write(home / "rules" / "a" / "rules.toml", RULE + operations + TWIN)
    assert [code for code, *_ in problems(home)] == ["repeated"]


def test_rules_for_other_operations_or_places_are_not(home):
    write(home / "tests" / "rules" / "a" / "a-name-longer.toml", CASES)
    for change in ('at = "/id"', 'at = "/name"\noperations = ["other"]'):
        other = CLOUD + '[operations.other]\ntitle = "O"\nmethod = "PUT"\npath = "/"\nsources = ["page"]\n'
        write(home / "rules" / "a" / "cloud.toml", other + 'fields = { id = { type = "string" } }\n')
        write(home / "rules" / "a" / "rules.toml", RULE.replace('at = "/name"\n', 'at = "/name"\noperations = ['
              '"create-metadata"]\n') + TWIN.replace('at = "/name"', change).partition("fails")[0])
        packs._read_toml.cache_clear()
        assert problems(home) == []


@pytest.mark.parametrize(("line", "fault"), [
    ('url = "https://example.com/"\n', "has no address"), ('url = "example.com"\n', "has no address"),
    ('date = "2026"\n', "has no date"), ('date = "26-1"\n', "has no date such as 2026-01-31: '26-1'"),
    ('date = "2026-13"\n', "has no date such as 2026-01-31: '2026-13'"),
])
def test_a_source(home, line, fault):
    key = line.split(" ")[0]
    kept = "".join(known for known in SOURCE.splitlines(keepends=True) if not known.startswith(key))
    given = kept if line in SOURCE else kept + line
    write(home / "rules" / "common" / "page.toml", given)
    assert problems(home) == [("source", "page.toml:1", f"the source 'page' {fault}")]


def test_logic_needs_no_address_but_makes_a_note(home):
    logic = RULE.replace('["page"]', '["logic"]') + '[sources.logic]\ntitle = "logic"\nkind = "logic"\n'
    write(home / "rules" / "a" / "rules.toml", logic)
    assert problems(home) == [("severity", "rules.toml:2", "only logic speaks for it, and it is of severity error")]
    packs._read_toml.cache_clear()
    write(home / "rules" / "a" / "rules.toml", logic.replace('"error"', '"note"'))
    assert problems(home) == []


@pytest.mark.parametrize(("text", "missing"), [(None, ["fail", "pass"]), ("[[pass]]\nsays = 'x'\n", ["fail"])])
def test_a_rule_without_cases(home, text, missing):
    path = home / "tests" / "rules" / "a" / "a-name-long.toml"
    path.unlink() if text is None else path.write_text(text)
    expected = [f"it has no case of the kind [[{kind}]]" for kind in missing]
    assert [message for _, _, message in problems(home)] == expected


def test_an_installed_book_has_no_cases_beside_it(home):
    (home / "tests").rename(home / "elsewhere")
    assert problems(home) == []


def test_a_change_that_changes_nothing(home):
    write(home / "rules" / "b" / "cloud.toml", 'name = "b"\ntitle = "B"\ninherits = ["a"]\n')
    write(home / "rules" / "b" / "rules.toml", '[[rule]]\nid = "a-name-long"\nseverity = "error"\n')
    assert problems(home) == [("idle", "rules.toml:2", "it changes nothing of the rule below it")]
    packs._read_toml.cache_clear()
    write(home / "rules" / "b" / "rules.toml", '[[rule]]\nid = "a-name-long"\nseverity = "note"\n')
    assert problems(home) == []


OWN = """\
[[rule]]
id = "{id}"
severity = "error"
title = "The name has no number"
at = "/name"
check = {{ kind = "matches", pattern = "[a-z]+-[0-9]+", accepts = "a-1" }}
"""
EXAMPLES = "fails = '{\"name\": \"a\"}'\npasses = '{\"name\": \"a-1\"}'\n"


@pytest.mark.parametrize(("text", "found"), [
    (OWN.format(id="web-name") + EXAMPLES, []),
    ("# all\n" + OWN.format(id="web-name"), [("no-cases", "own.toml:3", "it has no example in fails"),
                                             ("no-cases", "own.toml:3", "it has no example in passes")]),
    (OWN.format(id="web-name") + EXAMPLES.replace("passes = '{", "passes = '"), [
        ("example", "own.toml:2", "the example in passes is no JSON object")]),
    (OWN.format(id="a-name") + EXAMPLES, [
        ("prefix", "own.toml:2", "'a-name' begins as rules of the book do: a later version may have one of that id")]),
    (RULE.replace("a-name-long", "web-name"), [("repeated", "own.toml:2", "it asks for the same as 'a-name-long'")]),
    ('[[rule]]\nid = "a-name-long"\nseverity = "error"\n', [
        ("idle", "own.toml:2", "it changes nothing of the rule below it")]),
    ('[[rule]]\nid = "a-name-long"\nseverity = "note"\n', []),
    (OWN.format(id="web-name") + EXAMPLES + '[sources.wiki]\ntitle = "Wiki"\n', [
        ("source", "own.toml:9", "the source 'wiki' has no address"),
        ("source", "own.toml:9", "the source 'wiki' has no date"),
        ("unused", "own.toml:9", "nobody cites the source 'wiki'")]),
    ('[[rule]]\nid = "web-ssh"\nseverity = "error"\ncheck = { kind = "guest-unit", name = "ssh" }\n', []),
])
def test_rules_of_ones_own(home, text, found):
    write(home / "own" / "own.toml", text)
    assert problems(home, own="own") == found
