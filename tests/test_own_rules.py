"""Rules of one's own: ``--rules DIR`` on a disk, each kind of check passing and failing; a broken folder is refused."""

from __future__ import annotations

import json
import os
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
    "[[rule]\n": "1:7: Expected ']]' at the end of an array declaration (mend the file there)",
    "[[rule]]\nid = 'a-b'\nid = 'a-c'\n": "3:11: Cannot overwrite a value (mend the file there)",
    "[[rule]]\nid = a-b\n": "2:6: Invalid value (mend the file there)",
    "[[rule]]\nid = 'a-b\n": "at its end: Expected \"'\" (mend the file there)",
    "x = " + "[" * 5000: " tables lie too deep in each other (mend the file)",
    b"[[rule]]\nid = '\xe4'\n": "2:7: it is no UTF-8 but another encoding (mend the file there)",
    "[[rule]]\n".encode("utf-16"): "1:1: it is no UTF-8 but UTF-16 (mend the file there)",
    b"#" * (4 << 20) + b"x": " it has over 4194304 bytes: no file of rules has (mend the file)",
    'x = 1\n[[rule]]\nid = "a-b"\n': "1: 'x' is neither a rule nor a source (begin each rule with [[rule]],"
                                     " each document with [sources.ID])",
    "[[rules]]\nid = 'a-b'\n": "1: 'rules' is neither a rule nor a source (begin each rule with [[rule]],"
                               " each document with [sources.ID])",
    "rule = 3\n": "1: 'rule' is no table of that kind (begin it with [[rule]])",
    "\n[rule]\nid = 'a-b'\n": "2: 'rule' is no table of that kind (begin it with [[rule]])",
    "rule = [1]\n": "1: 'rule' is no table of that kind (begin it with [[rule]])",
    "sources = []\n": "1: 'sources' is no table of that kind (begin it with [sources.ID])",
    "[sources]\na = 1\n": "1: 'sources' is no table of that kind (begin it with [sources.ID])",
    "[sources.a]\nurl = 'x'\n": "1: the source 'a': title is missing (write title = ...)",
    "[sources.a]\ntitle = 'x'\nkind = 'web'\n": "1: the source 'a': kind is 'web' (one of: page, specification, seed,"
                                                 " logic, own)",
    "[[rule]]\nseverity = 'note'\n": '1: a rule has no id (begin it with id = "...")',
    RULE.format(name="x", check=KINDS["ssh"]) + "[[rule]]\nid = 3\n": '5: a rule has no id (begin it with id = "...")',
    RULE.format(name="X", check=KINDS["ssh"]): "2: rule 'web-X': the id is not in kebab-case"
                                               " (write it as image-backing-file)",
    "# x\n[[rule]]\nid = 'a-b'\nseverity = 'note'\n": "3: rule 'a-b': check is missing (write check = { kind = ... };"
                                                     " rules/README.md has the kinds)",
    "[[rule]]\nid = 'a-b'\ncheck = { kind = 'guest-unit', name = 'ssh' }\n":
        "2: rule 'a-b': severity is missing (write severity = \"error\", \"warning\" or \"note\")",
    "[[rule]]\nid = 'a-b'\nseverity = 'note'\ncheck = 3\n": "4: rule 'a-b': check is no table (write it as a table in"
                                                           " { })",
    RULE.format(name="x", check='{ kind = "guest-file", path = "etc" }'):
        "4: rule 'web-x': 'etc' is no absolute path in the guest (mend it there)",
    RULE.format(name="x", check='{ kind = "guest-text", path = "/x" }'):
        "4: rule 'web-x': give it matches or lacks (mend it there)",
    RULE.format(name="x", check='{ kind = "guest-text", path = "/x", lacks = "(" }'):
        "4: rule 'web-x': '(' is no regular expression: missing ), unterminated subpattern at position 0"
        " (mend it there)",
    RULE.format(name="x", check='{ kind = "matches", pattern = "(", accepts = "x" }'):
        "4: rule 'web-x': '(' is no regular expression: missing ), unterminated subpattern at position 0"
        " (write it as Python's re has it)",
    RULE.format(name="x", check='{ kind = "characters", only = "z-a", accepts = "x" }'):
        "4: rule 'web-x': '[z-a]' is no regular expression: bad character range z-a at position 1"
        " (write it as Python's re has it)",
    RULE.format(name="x", check='{ kind = "tag-characters", part = "key", only = "\\\\", accepts = "x" }'):
        "4: rule 'web-x': '[\\\\]' is no regular expression: unterminated character set at position 0"
        " (write it as Python's re has it)",
    RULE.format(name="x", check='{ kind = "guest-package", name = "x", version = "1" }'):
        "4: rule 'web-x': '1' is no relation such as '>= 22.1' (mend it there)",
    RULE.format(name="x", check='{ kind = "guest-packages", name = "x" }'):
        "4: rule 'web-x': there is no kind of check 'guest-packages' (did you mean 'guest-package'?)",
    RULE.format(name="x", check='{ kind = "guest-unit", nam = "ssh" }'):
        "4: rule 'web-x': there is no key 'nam' in check of kind 'guest-unit' (did you mean 'name'?)",
    RULE.format(name="x", check='{ kind = "guest-unit" }'):
        "4: rule 'web-x': in check, name is missing (write name = ...)",
    RULE.format(name="x", check='{ kind = "length", max = 3 }') + 'at = "name"\n':
        "5: rule 'web-x': at 'name' is no JSON Pointer (write it as '/name')",
    RULE.format(name="x", check=KINDS["ssh"]) + 'operations = "action"\n':
        "5: rule 'web-x': operations is no list (write it as a list in [ ])",
    RULE.format(name="x", check=KINDS["ssh"]) * 2: "2: the rule 'web-x' stands in own twice"
                                                   " (give one of them another id)",
    RULE.format(name="x", check=KINDS["ssh"]) + 'sources = ["wiki"]\n':
        "5: rule 'web-x': there is no source 'wiki' (add [sources.wiki])",
    RULE.format(name="x", check=KINDS["ssh"]) + 'errors = ["IMG.9999"]\n':
        "5: rule 'web-x': there is no error code 'IMG.9999' (leave it out: no document has it)",
}


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=list(BAD.values()))
def test_a_broken_file_is_refused_with_its_place(text, message, tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RuleBookError) as caught:
        rulebook.load(rules=str(tmp_path))
    assert str(caught.value) == f"{path}:{message}"


def test_a_broken_file_is_refused_before_any_work(tmp_path):
    write(tmp_path, a="[[rule]\n")
    for words in (("inspect", "no-such.raw"), ("check", "no-such.raw"), ("build", "no-such.raw"), ("rules",),
                  ("rules", "--check")):
        result = run(*words, "--rules", "own", folder=tmp_path)
        told = "imgbuild: own/a.toml:1:7: Expected ']]' at the end of an array declaration (mend the file there)\n"
        assert (result.status, result.out, result.err) == (3, "", told), words


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(RuleBookError, match="it is no regular file"):
        rulebook.load(rules=str(tmp_path))


def test_the_mark_that_some_editors_write_is_passed_over(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + RULE.format(name="ssh", check=KINDS["ssh"]).encode())
    assert rulebook.load(rules=str(tmp_path)).rule("web-ssh") is not None


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
