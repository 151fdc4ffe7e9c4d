"""Who can log in: readiness checks on sshd, the firewall, accounts and passwords.

What a cloud's guide wants of passwords and of root differs from guide to guide, so nothing is said against either here:
only where nobody at all could log in, or where two settings contradict each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests import accounts, agents, cloudinit, firewalls
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place, unknown
from imgbuild.guests.yamltext import truth

if TYPE_CHECKING:
    from imgbuild.guests.sshd import SshdConfig
    from imgbuild.model import Place

_PROGRAMS = ("/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd", "/usr/sbin/dropbear")
_UNITS = ("ssh", "sshd", "ssh.socket", "sshd.socket", "dropbear")
_NO_LOGIN = frozenset({"talos"})
_DAYS = 99999
_AGENTS = ("/CloudResetPwdAgent", "/CloudResetPwdUpdateAgent")


def ssh(view: View) -> Answer:
    """lin_ssh: sshd is enabled, and the guest's own firewall lets its port in."""
    if view.system.id in _NO_LOGIN:
        return not_applicable("this system has no remote login")
    unit = view.units.look(*_UNITS)
    if not unit.enabled:
        return _no_sshd(view)
    wall = next((wall for port in view.sshd.ports()
                 if (wall := firewalls.closed(view.tree, view.units, port)) is not None), None)
    if wall is not None:
        return failed(f"{wall.name} does not let SSH in", [place(wall.path, wall.line, wall.text)], cure=wall.cure)
    return passed(f"{unit.name} is enabled", unit.path or "")


def _no_sshd(view: View) -> Answer:
    unit = view.units.look(*_UNITS)
    if unit.state == "masked":
        return failed(f"{unit.name} is masked", [place(unit.path or "/")], cure=f"systemctl unmask {unit.name}")
    if unit.state != "absent":
        return failed(f"{unit.name} is not enabled", [place(unit.path or "/")], cure=f"systemctl enable {unit.name}")
    seen = next((path for path in _PROGRAMS if view.tree.exists(path)), view.sshd.path)
    if seen is not None or not view.units.has_any:
        return unknown("what starts sshd was not seen", *([seen] if seen else []))
    return failed("no SSH server is installed: the console is the only way in", ())


def password(view: View) -> Answer:
    """lin_sshd_password: somebody can log in, by a password or by a key."""
    if view.sshd.path is None:
        return not_applicable("there is no sshd_config")
    setting = view.sshd.get("PasswordAuthentication") or view.sshd.get("ChallengeResponseAuthentication")
    allowed = setting is None or setting.value.lower() != "no"
    words = "accepts passwords" if allowed else "refuses passwords"
    if allowed or view.cloud_init.runs or agents.other_than_cloud_init(view) or _has_keys(view):
        path = setting.path if setting else view.sshd.path
        return passed(f"sshd {words}; what the cloud's guide wants differs", path)
    assert setting is not None  # noqa: S101 - without a setting passwords are accepted
    return failed("nobody can log in by SSH: passwords are refused, no account has a key, and no agent brings one",
                  [place(setting.path, setting.line, setting.text)],
                  cure="install cloud-init, which puts the key of the server's owner in")


def _has_keys(view: View) -> bool:
    homes = [account.home for account in accounts.accounts(view.tree) if account.is_person]
    return any((found := view.tree.stat(f"{home}/.ssh/authorized_keys")) is not None and found.size > 0
               for home in homes)


def root_login(view: View) -> Answer:
    """lin_ci_root_login: cloud-init and sshd agree on whether root may log in."""
    found = view.cloud_init
    if found.program is None and not found.files:
        return not_applicable("cloud-init is not installed")
    if found.unreadable is not None:
        return unknown(f"{found.unreadable.path} could not be read: {found.unreadable.reason}", found.unreadable.path)
    opened = truth(found.get("disable_root").value) is False
    refusal = _refusal_of_root(view.sshd)
    if not opened or refusal is None:
        words = "lets root log in" if opened else "does not let root log in; what the cloud's guide wants differs"
        return passed(f"cloud-init {words}", found.get("disable_root").path or cloudinit.MAIN)
    return failed("cloud-init lets root log in (disable_root: false), sshd does not", [refusal],
                  cure="set PermitRootLogin to what the cloud's guide wants")


def _refusal_of_root(config: SshdConfig) -> Place | None:
    setting = config.get("PermitRootLogin")
    if setting is None or setting.value.lower() != "no":
        return None
    return place(setting.path, setting.line, setting.text)


def user_linux(view: View) -> Answer:
    """lin_user_linux: the account linux of the builder is gone."""
    account = next((found for found in accounts.accounts(view.tree) if found.name == "linux"), None)
    if account is not None:
        return failed("the account linux is still there", [place(accounts.PASSWD, account.line, "linux:…")],
                      cure="userdel -r linux")
    if view.tree.exists("/home/linux"):
        return failed("/home/linux is still there", [place("/home/linux")], cure="rm -rf /home/linux")
    return passed("there is no account linux", accounts.PASSWD)


def password_age(view: View) -> Answer:
    """lin_password_age: passwords stay valid, for 99999 days."""
    known = accounts.passwords(view.tree)
    if not known:
        return not_applicable("there is no /etc/shadow, or nothing in it")
    wrong = [found for found in known if found.is_set and found.longest is not None and found.longest < _DAYS]
    if not wrong:
        return passed("no password expires", accounts.SHADOW)
    return failed(f"the password of {wrong[0].name} expires after {wrong[0].longest} days",
                  [place(accounts.SHADOW, found.line, f"{found.name}:…:{found.longest}:…") for found in wrong],
                  cure=f"chage -M {_DAYS} {wrong[0].name}")


def reset_plugin(view: View) -> Answer:
    """lin_reset_plugin: the plug-in with which the console resets a password is installed."""
    missing = [path for path in _AGENTS if not view.tree.is_dir(path)]
    if not missing:
        return passed("the one-click password reset plug-in is installed", *_AGENTS)
    return failed("the one-click password reset plug-in is not installed", [place(path) for path in missing[:1]],
                  cure="run setup.sh of CloudResetPwdAgent.zip")
