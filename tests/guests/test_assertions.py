"""What a person's own rules say of the guest, looked up in trees."""

from __future__ import annotations

import pytest
from phony import DIRECTORY
from phonyguest import view
from phonytrees import SYSTEMD, off, on

from imgbuild.checks.assertions import Assertion, GuestFile, GuestPackage, GuestText, GuestUnit
from imgbuild.guests.assertions import TEXT_LIMIT, Question, answer, unanswered

STATUS = {"/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b2\n"}
SSHD = "/etc/ssh/sshd_config"


def ask(check, tree, **about):
    [fact] = answer(view(tree, **about), [Question("web-rule", check)])
    assert fact.check == "web-rule"
    return fact


@pytest.mark.parametrize(("check", "tree", "status", "detail"), [
    (GuestFile(path="/etc/motd"), {"/etc/motd": ""}, "pass", "/etc/motd is there"),
    (GuestFile(path="/etc/motd"), {}, "fail", "/etc/motd is missing"),
    (GuestFile(path="/srv"), {"/srv": DIRECTORY}, "pass", "/srv is there"),
    (GuestFile(path="/root/.ssh/*", exists=False), {}, "pass", "/root/.ssh/* is not there"),
    (GuestFile(path="/root/.ssh/*", exists=False), {"/root/.ssh/id": ""}, "fail", "/root/.ssh/id is there"),
    (GuestText(path=SSHD, matches="^UsePAM yes$"), {SSHD: "X\nUsePAM yes\n"}, "pass",
     f"{SSHD} is as the rule wants it"),
    (GuestText(path=SSHD, matches="^UsePAM yes$"), {SSHD: "UsePAM yes\r\n"}, "pass", f"{SSHD} is as the rule wants it"),
    (GuestText(path=SSHD, matches="UsePAM"), {SSHD: "X\n"}, "fail", "no line has 'UsePAM'"),
    (GuestText(path=SSHD, matches="UsePAM"), {}, "fail", f"there is no file {SSHD}"),
    (GuestText(path=SSHD, lacks="no"), {}, "pass", f"there is no file {SSHD}"),
    (GuestText(path=SSHD, lacks="^Permit"), {SSHD: "Permit yes\n"}, "fail", "a line has '^Permit'"),
    (GuestText(path="/etc/x/*", matches="a"), {"/etc/x/1": "b", "/etc/x/2": "a"}, "pass",
     "/etc/x/* is as the rule wants it"),
    (GuestText(path="/etc/x/*", matches="a", lacks="b"), {"/etc/x/1": "b", "/etc/x/2": "a"}, "fail", "a line has 'b'"),
    (GuestText(path="/etc", lacks="x"), {}, "pass", "there is no file /etc"),
    (GuestPackage(name="bash"), STATUS, "pass", "bash is installed: 5.2.15-2+b2"),
    (GuestPackage(name="bash", version=">= 5.2"), STATUS, "pass", "bash >= 5.2 is installed: 5.2.15-2+b2"),
    (GuestPackage(name="bash", version="> 6"), STATUS, "fail", "bash > 6 is not installed: bash is 5.2.15-2+b2"),
    (GuestPackage(name="zsh"), STATUS, "fail", "zsh is not installed"),
    (GuestPackage(name="zsh", installed=False), STATUS, "pass", "zsh is not installed"),
    (GuestPackage(name="bash", installed=False), STATUS, "fail", "bash is installed: 5.2.15-2+b2"),
    (GuestPackage(name="bash"), {}, "unknown", "no package database was found"),
    (GuestPackage(name="bash"), {"/var/lib/rpm/Packages.db": "x"}, "unknown",
     "a package database could not be read: it is no database of RPM's own kind"),
    (GuestUnit(name="ssh"), on("ssh.service"), "pass", "ssh is enabled"),
    (GuestUnit(name="ssh"), off("ssh.service"), "fail", "ssh is disabled"),
    (GuestUnit(name="ssh.socket"), on("ssh.socket"), "pass", "ssh.socket is enabled"),
    (GuestUnit(name="cups", enabled=False), SYSTEMD, "pass", "cups is absent"),
    (GuestUnit(name="cups", enabled=False), on("cups.service"), "fail", "cups is enabled"),
    (GuestUnit(name="ssh"), {}, "unknown", "nothing was seen that starts services"),
    (Assertion(), {}, "unknown", "this kind of question is not known here"),
])
def test_answers(check, tree, status, detail):
    fact = ask(check, tree)
    assert (fact.status, fact.detail) == (status, detail)


def test_places_of_lines():
    fact = ask(GuestText(path="/etc/x/*", lacks="pass"), {"/etc/x/a": "one\npassword \x1b[31m\n", "/etc/x/b": "pass\n"})
    assert [(at.path, at.line, at.text) for at in fact.places] == [
        ("/etc/x/a", 2, "password [31m"), ("/etc/x/b", 1, "pass")]


def test_places_are_bounded():
    assert len(ask(GuestText(path="/x", lacks="a"), {"/x": "a\n" * 1000}).places) == 16


def test_a_text_is_searched_up_to_a_mebibyte():
    text = "x" * (TEXT_LIMIT - 1) + "\n" + "needle\n"
    assert ask(GuestText(path="/x", matches="needle"), {"/x": text}).status == "fail"


def test_damage_is_unknown():
    fact = ask(GuestText(path="/x/y", matches="a"), {"/x/y": "a"}, damaged_later=("/x/y",))
    assert fact.status == "unknown"


def test_what_nobody_came_to():
    [fact] = unanswered([Question("web-rule", GuestFile(path="/x"))], "the look ended before it")
    assert (fact.check, fact.status, fact.detail) == ("web-rule", "unknown", "the look ended before it")
