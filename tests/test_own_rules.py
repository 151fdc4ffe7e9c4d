"""Rules of one's own: ``--rules DIR`` on a disk, each kind of check passing and failing; a broken folder is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from images import filesystems as fs
from images import stockfiles
from images.tree import DEBIAN_12, ROCKY_9, linux
from program import run
from rpmfiles import header, sqlite
from tools import needs

from imgbuild import rulebook
from imgbuild.errors import RuleBookError

REQUEST = '{"name": "web", "min_disk": 40}'
RULE = '[[rule]]\nid = "web-{name}"\nseverity = "error"\ncheck = {check}\n'
KINDS = {
    "file-there": '{ kind = "guest-file", path = "/etc/motd" }',
    "file-missing": '{ kind = "guest-file", path = "/etc/nothing" }',
    "key-there": '{ kind = "guest-file", path = "/root/.ssh/*", exists = false }',
    "pam": "{ kind = 'guest-text', path = '/etc/ssh/sshd_config', matches = '^UsePAM\\s+yes' }",
    "no-pam": "{ kind = 'guest-text', path = '/etc/ssh/sshd_config', lacks = 'UsePAM' }",
    "cloud-init": '{ kind = "guest-package", name = "cloud-init", version = ">= 22" }',
    "new-cloud-init": '{ kind = "guest-package", name = "cloud-init", version = ">= 99" }',
    "ssh": '{ kind = "guest-unit", name = "ssh" }',
    "no-ssh": '{ kind = "guest-unit", name = "ssh", enabled = false }',
}
FAILING = {"file-missing", "key-there", "no-pam", "new-cloud-init", "no-ssh"}


def write(folder, **files):
    own = folder / "own"
    own.mkdir(exist_ok=True)
    for name, text in files.items():
        (own / f"{name}.toml").write_text(text)
    return own


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    tree = linux(DEBIAN_12, "") | stockfiles.unit("ssh.service", "multi-user.target") | stockfiles.texts({
        "etc/motd": "hi\n", "root/.ssh/authorized_keys": "x\n", "etc/ssh/sshd_config": "# x\nUsePAM yes\n",
        "var/lib/dpkg/status": stockfiles.DPKG_STATUS, "srv/long": "a" * 40 + "b\n"})
    return fs.ext(tmp_path_factory.mktemp("own") / "disk.raw", 24, tree)


def findings_of(image, folder, *words):
    result = run("check", image, "--no-checksum", "--rules", "own", "--format", "json", *words, folder=folder)
    assert result.err == ""
    return {finding["rule"]: finding for finding in result.document["findings"]}


@needs("mke2fs", "debugfs")
def test_each_kind_on_a_disk(image, tmp_path):
    write(tmp_path, web="".join(RULE.format(name=name, check=check) for name, check in KINDS.items()))
    found = findings_of(image, tmp_path)
    assert {rule for rule in found if rule.startswith("web-")} == {f"web-{name}" for name in FAILING}
    assert found["web-no-pam"]["subject"] == {"kind": "guest", "path": str(image), "pointer": None, "line": 2,
                                              "column": None, "guest_path": "/etc/ssh/sshd_config"}
    assert found["web-no-pam"]["excerpt"] == "UsePAM yes"
    assert found["web-no-pam"]["sources"][0]["title"] == "own rules, web.toml"
    assert (found["web-no-ssh"]["cloud"], found["web-no-ssh"]["group"]) == (None, "guest")


@needs("mke2fs", "debugfs")
def test_inspect_answers_too(image, tmp_path):
    write(tmp_path, web=RULE.format(name="ssh", check=KINDS["ssh"]))
    result = run("inspect", image, "--no-checksum", "--rules", "own", "--format", "json", folder=tmp_path)
    assert result.document["guest"][-1] == {"check": "web-ssh", "status": "pass", "detail": "ssh is enabled", "files": [
        "/etc/systemd/system/multi-user.target.wants/ssh.service"]}


@needs("mke2fs", "debugfs")
def test_a_pattern_that_never_ends_costs_its_own_answer_only(image, tmp_path):
    write(tmp_path, web=RULE.format(name="a", check=KINDS["no-ssh"]) + RULE.format(
        name="b", check="{ kind = 'guest-text', path = '/srv/long', matches = '^(a+)+$' }"))
    result = run("inspect", image, "--no-checksum", "--rules", "own", "--format", "json", "--time-limit", "2",
                 folder=tmp_path)
    facts = {fact["check"]: fact for fact in result.document["guest"]}
    assert facts["web-a"]["status"] == "fail"
    assert (facts["web-b"]["status"], facts["web-b"]["detail"]) == ("unknown", "the look ended before it")
    assert "lin_dhcp" in facts


@needs("mke2fs")
def test_an_image_without_a_system(tmp_path):
    write(tmp_path, web=RULE.format(name="ssh", check=KINDS["ssh"]))
    result = run("inspect", fs.ext(tmp_path / "empty.raw", 8, {"x": b"y"}), "--no-checksum", "--rules", "own",
                 "--format", "json", folder=tmp_path)
    assert [(fact["status"], fact["detail"]) for fact in result.document["guest"]] == [
        ("unknown", "no system was found in the image")]


def test_rules_on_a_request(tmp_path):
    write(tmp_path, web='[[rule]]\nid = "web-name"\nseverity = "error"\ntitle = "Name has no number"\nat = "/name"\n'
                        'check = { kind = "matches", pattern = "[a-z]+-[0-9]+", accepts = "a-1" }\n')
    (tmp_path / "r.json").write_text(REQUEST)
    result = run("lint", "r.json", "--rules", "own", "--format", "json", folder=tmp_path)
    assert [(finding["rule"], finding["group"]) for finding in result.document["findings"]
            if finding["rule"] == "web-name"] == [("web-name", "request")]


def test_a_rule_of_the_book_is_changed_key_by_key(tmp_path):
    own = write(tmp_path, change='[[rule]]\nid = "guest-machine-id"\nseverity = "error"\n')
    before, after = rulebook.load().rule("guest-machine-id"), rulebook.load(rules=str(own)).rule("guest-machine-id")
    assert (before.severity, after.severity) == ("warning", "error")
    assert (after.pack, after.why, after.sources) == (before.pack, before.why, before.sources)


def test_rules_lists_and_explain_shows_them(tmp_path):
    write(tmp_path, web=RULE.format(name="ssh", check=KINDS["ssh"]))
    listed = run("rules", "--rules", "own", "--format", "json", folder=tmp_path).document["rules"]
    assert [rule["pack"] for rule in listed if rule["id"] == "web-ssh"] == ["own"]
    shown = run("explain", "web-ssh", "--rules", "own", folder=tmp_path)
    assert "See web.toml:2." in shown.out


BAD = {
    "[[rule]\n": "own/a.toml: Expected ']]' at the end of an array declaration (at line 1, column 7)"
                 " (mend the file, or reinstall imgbuild)",
    'x = 1\n[[rule]]\nid = "a-b"\n': "own/a.toml:1: 'x' is neither a rule nor a source (begin each rule with [[rule]],"
                                     " each document with [sources.ID])",
    "rule = 3\n": "own/a.toml:1: 'rule' is no table of that kind (begin it with [[rule]])",
    "\n[rule]\nid = 'a-b'\n": "own/a.toml:2: 'rule' is no table of that kind (begin it with [[rule]])",
    "rule = [1]\n": "own/a.toml:1: 'rule' is no table of that kind (begin it with [[rule]])",
    "sources = []\n": "own/a.toml:1: 'sources' is no table of that kind (begin it with [sources.ID])",
    "[sources]\na = 1\n": "own/a.toml:1: 'sources' is no table of that kind (begin it with [sources.ID])",
    "[[rule]]\nseverity = 'note'\n": 'own/a.toml: a rule has no id (begin it with id = "...")',
    "[[rule]]\nid = 3\n": 'own/a.toml: a rule has no id (begin it with id = "...")',
    "# x\n[[rule]]\nid = 'a-b'\nseverity = 'note'\n": "own/a.toml:3: rule 'a-b': Object missing required field `check`"
                                                     " (see rules/README.md for the keys of a rule)",
    "[[rule]]\nid = 'a-b'\nseverity = 'note'\ncheck = 3\n": "own/a.toml:2: rule 'a-b': Expected `object`, got `int` -"
                                                           " at `$.check` (see rules/README.md for the keys of a rule)",
    RULE.format(name="x", check='{ kind = "guest-file", path = "etc" }'):
        "own/a.toml:2: rule 'web-x': 'etc' is no absolute path in the guest - at `$.check`"
        " (see rules/README.md for the keys of a rule)",
    RULE.format(name="x", check='{ kind = "guest-text", path = "/x" }'):
        "own/a.toml:2: rule 'web-x': give it matches or lacks - at `$.check`"
        " (see rules/README.md for the keys of a rule)",
    RULE.format(name="x", check='{ kind = "guest-text", path = "/x", lacks = "(" }'):
        "own/a.toml:2: rule 'web-x': '(' is no regular expression: missing ), unterminated subpattern at position 0 -"
        " at `$.check` (see rules/README.md for the keys of a rule)",
    RULE.format(name="x", check='{ kind = "matches", pattern = "(", accepts = "x" }'):
        "own/a.toml:2: rule 'web-x': '(' is no regular expression: missing ), unterminated subpattern at position 0"
        " (write it as Python's re has it)",
    RULE.format(name="x", check='{ kind = "guest-package", name = "x", version = "1" }'):
        "own/a.toml:2: rule 'web-x': '1' is no relation such as '>= 22.1' - at `$.check`"
        " (see rules/README.md for the keys of a rule)",
    RULE.format(name="x", check=KINDS["ssh"]) * 2: "own/a.toml:2: the rule 'web-x' stands in own twice"
                                                   " (give one of them another id)",
    RULE.format(name="x", check=KINDS["ssh"]) + 'sources = ["wiki"]\n':
        "own/a.toml:2: rule 'web-x': there is no source 'wiki' (add [sources.wiki])",
}


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_a_broken_file_is_refused_before_any_work(text, message, tmp_path):
    write(tmp_path, a=text)
    for words in (("inspect", "no-such.raw"), ("check", "no-such.raw"), ("build", "no-such.raw"), ("rules",)):
        result = run(*words, "--rules", "own", folder=tmp_path)
        assert (result.status, result.out, result.err) == (3, "", f"imgbuild: {message}\n"), words


@pytest.mark.parametrize("name", ["none", "empty", "file"])
def test_a_folder_that_is_none(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    result = run("check", "x.raw", "--rules", name, folder=tmp_path)
    assert (result.status, result.out) == (3, "")
    assert result.err.endswith("(name a folder of TOML files)\n")


def test_the_library_refuses_it_too(tmp_path):
    with pytest.raises(RuleBookError):
        rulebook.load(rules=str(write(tmp_path, a="x = 1\n")))


def test_a_configuration_names_the_folder(tmp_path):
    write(tmp_path,
          web=RULE.format(name="name", check='{ kind = "matches", pattern = "x", accepts = "x" }') + 'at = "/name"\n')
    (tmp_path / "imgbuild.toml").write_text('rules = "own"\n[severity]\nweb-name = "note"\n')
    (tmp_path / "r.json").write_text(REQUEST)
    result = run("lint", "r.json", "--format", "json", folder=tmp_path)
    assert [finding["severity"] for finding in json.loads(result.out)["findings"]
            if finding["rule"] == "web-name"] == ["note"]


@needs("mke2fs", "debugfs")
def test_the_rules_of_the_readme(image, tmp_path):
    text = (Path(__file__).parent.parent / "README.md").read_text()
    block = next(block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[[rule]]" in block)
    write(tmp_path, readme=block)
    found = findings_of(image, tmp_path)
    assert {rule for rule in found if rule.startswith("web-")} == {"web-proxy"}
    assert rulebook.load(rules=str(tmp_path / "own")).rule("guest-no-ipv6").severity == "error"


@needs("mke2fs", "debugfs")
def test_sqlite_is_read_inside_the_sandbox(tmp_path):
    data = sqlite([header("cloud-init", "23.1", "1.el9")], tmp_path / "rpmdb.sqlite")
    tree = linux(ROCKY_9, "") | {"var/lib/rpm/rpmdb.sqlite": data}
    write(tmp_path, web=RULE.format(name="a", check=KINDS["cloud-init"]) + RULE.format(
        name="b", check=KINDS["new-cloud-init"]))
    result = run("inspect", fs.ext(tmp_path / "disk.raw", 24, tree), "--no-checksum", "--rules", "own", "--format",
                 "json", folder=tmp_path)
    facts = {fact["check"]: (fact["status"], fact["detail"]) for fact in result.document["guest"]}
    assert facts["web-a"] == ("pass", "cloud-init >= 22 is installed: 23.1-1.el9")
    assert facts["web-b"] == ("fail", "cloud-init >= 99 is not installed: cloud-init is 23.1-1.el9")
