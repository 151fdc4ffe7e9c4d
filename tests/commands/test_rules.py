"""``imgbuild rules``, over the rule book that is there."""

from __future__ import annotations

import json

from caller import call, errors

from imgbuild import rulebook


def test_every_rule_has_a_line():
    lines = call("rules").stdout.splitlines()
    rules = rulebook.load().rules
    listed = [line.split()[:2] for line in lines if line.startswith("  ") and line[2] != " "]
    assert sorted(listed) == sorted([rule.id, rule.severity] for rule in rules)
    assert lines[-3] == f"{len(rules)} rules for huaweicloud; imgbuild explain RULE shows one."


def test_json_holds_every_rule_with_its_documents():
    document = json.loads(call("rules", "--format", "json").stdout)
    assert (document["kind"], document["cloud"]) == ("rules", "huaweicloud")
    assert len(document["rules"]) == len(rulebook.load().rules)
    for rule in document["rules"]:
        assert rule["why"], rule["id"]
        assert rule["hint"], rule["id"]
        assert rule["sources"][0]["title"], rule["id"]


def test_an_unknown_cloud_is_wrong_usage():
    for words in (("rules",), ("explain", "image-backing-file")):
        status, message = errors(*words, "--cloud", "nimbus")
        assert status == 2
        assert message.startswith("no cloud 'nimbus' (one of: ")


def test_the_names_of_all_packs_are_wrapped(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, call("rules", "--check").stdout.splitlines())) <= 60
