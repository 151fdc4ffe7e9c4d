"""What the machine left behind on which the image was built: readiness checks on ids, keys, logs and histories.

Every server that starts from the image would have the same ones.

"Safely Building Images", https://systemd.io/BUILDING_IMAGES/
"Clearing System Logs (Linux)", the page that ``lin_clean`` cites
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests import accounts
from imgbuild.guests.readiness.base import Answer, View, failed, not_applicable, passed, place
from imgbuild.guests.units import UNINITIALIZED
from imgbuild.guests.yamltext import truth

if TYPE_CHECKING:
    from collections.abc import Iterable

MACHINE_ID = "/etc/machine-id"
_DBUS_ID = "/var/lib/dbus/machine-id"
_ID = re.compile(r"[0-9a-f]{32}")
_SEEDS = ("/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret", "/var/lib/urandom/random-seed",
          "/var/lib/random-seed", "/var/lib/seedrng/seed.credit")
_HOST_KEYS = ("rsa", "ecdsa", "ed25519", "dsa")
_STATE = ("/var/lib/cloud/instance", "/var/lib/cloud/instances", "/var/lib/cloud/data", "/var/lib/cloud/sem",
          "/var/lib/cloud/seed", "/var/log/cloud-init.log", "/var/log/cloud-init-output.log")
_PERSONAL = (".ssh/authorized_keys", ".ssh/id_rsa", ".ssh/id_ed25519", ".bash_history", ".zsh_history", ".ash_history")
# What a machine writes once it runs; what installing packages leaves (dpkg.log, dnf.log) is no sign of that.
_LOGS = ("wtmp", "syslog", "messages", "auth.log", "secure", "kern.log", "maillog", "audit/audit.log", "boot.log")
_MOST = 16
_MOST_HOMES = 64


def machine_id(view: View) -> Answer:
    """lin_machine_id: the id is left to be made at the first boot."""
    text = view.tree.read_text(MACHINE_ID, 64)
    path = MACHINE_ID
    older = view.tree.lstat(_DBUS_ID)
    # systemd-machine-id-setup(1) takes the id of D-Bus where there is none, unless it is a link.
    if older is not None and older.kind == "file" and not _ID.fullmatch((text or "").strip()):
        text, path = view.tree.read_text(_DBUS_ID, 64), _DBUS_ID
    word = (text or "").strip()
    if word in {"", UNINITIALIZED}:
        if text is None:
            return passed("there is no machine id: made at the first boot")
        return passed(f"the machine id is {word or 'empty'}: made at the first boot", path)
    if not _ID.fullmatch(word):
        return passed("the machine id is none: a new one is made", path)
    return failed("the machine id of the builder is left: every server gets the same one, and so the same DHCP lease",
                  [place(path, 1, f"{word[:8]}…")], cure=f"{'truncate -s 0' if path == MACHINE_ID else 'rm'} {path}")


def host_keys(view: View) -> Answer:
    """lin_ssh_host_keys: the keys of the SSH server are made anew on each server."""
    keys = [path for kind in _HOST_KEYS if view.tree.is_file(path := f"/etc/ssh/ssh_host_{kind}_key")]
    if not keys:
        return passed("no SSH host key is left")
    if view.cloud_init.runs and truth(view.cloud_init.get("ssh_deletekeys").value) is not False:
        return passed("SSH host keys are left, and cloud-init makes new ones", *keys)
    return failed("SSH host keys are left, and nothing makes new ones: every server has the same", map(place, keys),
                  cure="rm /etc/ssh/ssh_host_*_key*" + _make_again(view))


def _make_again(view: View) -> str:
    words = {view.system.id, *view.system.id_like}
    return "; on Debian and Ubuntu run dpkg-reconfigure openssh-server at the first boot" if "debian" in words else ""


def random_seed(view: View) -> Answer:
    """lin_random_seed: no seed of random numbers and no secret of the builder."""
    seeds = _filled(view, _SEEDS)
    if not seeds:
        return passed("no random seed is left")
    return failed("the random seed of the builder is left: all servers begin with the same one", map(place, seeds),
                  cure=f"rm {' '.join(seeds)}")


def cloud_init_state(view: View) -> Answer:
    """lin_ci_clean: no state of cloud-init from the old machine."""
    if view.cloud_init.program is None:
        return not_applicable("cloud-init is not installed")
    left = _filled(view, _STATE)
    if not left:
        return passed("no state of cloud-init is left")
    return failed("cloud-init ran on the machine that the image was built on, and its state is left", map(place, left),
                  cure="cloud-init clean --logs --seed")


def personal(view: View) -> Answer:
    """lin_clean: no keys and no history of who built the image."""
    people = [account for account in accounts.accounts(view.tree) if account.is_person and account.home != "/"]
    homes = dict.fromkeys(["/root", *(account.home for account in people)])
    left = _filled(view, [f"{home}/{name}" for home in list(homes)[:_MOST_HOMES] for name in _PERSONAL])
    if not left:
        return passed("no key and no shell history is left")
    return failed(f"{left[0]} of the builder is left", map(place, left), cure=f"rm {' '.join(left)}")


def logs(view: View) -> Answer:
    """lin_logs: no logs of the old machine."""
    left = _filled(view, [f"/var/log/{name}" for name in _LOGS])
    if view.tree.is_dir("/var/log/journal"):
        left += [f"/var/log/journal/{name}" for name in view.tree.listdir("/var/log/journal") if _ID.fullmatch(name)]
    if not left:
        return passed("no log of a running machine is left")
    return failed("logs of the machine that the image was built on are left", map(place, left[:_MOST]),
                  cure="journalctl --rotate --vacuum-time=1s; truncate -s 0 " + " ".join(left[:3]))


def _filled(view: View, paths: Iterable[str]) -> list[str]:
    """Return the paths at which there is a file or a folder with something in it."""
    found = []
    for path in paths:
        stat = view.tree.stat(path)
        if stat is not None and (view.tree.listdir(path) if stat.kind == "directory" else stat.size):
            found.append(path)
    return found[:_MOST]
