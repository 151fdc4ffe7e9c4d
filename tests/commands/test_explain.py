"""``imgbuild explain``: one rule as a page."""

from __future__ import annotations

import json

from caller import call, errors

from imgbuild import rulebook


def test_every_rule_has_a_page():
    for rule in rulebook.load().rules:
        result = call("explain", rule.id)
        assert result.exit_code == 0
        assert result.stdout.startswith(rule.id)
        assert rule.title in result.stdout


def test_a_page_is_json_too():
    document = json.loads(call("explain", "image-backing-file", "--format", "json").stdout)
    assert [rule["id"] for rule in document["rules"]] == ["image-backing-file"]


def test_an_unknown_rule_is_wrong_usage_and_the_nearest_is_named():
    status, message = errors("explain", "image-backing-fil")
    assert status == 2
    assert message.startswith("no rule 'image-backing-fil' (did you mean image-backing-file")
    assert errors("explain", "qqq") == (2, "no rule 'qqq' (imgbuild rules lists them)")
