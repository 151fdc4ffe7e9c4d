"""Which services a guest starts; ``systemctl --root`` is the witness."""

from __future__ import annotations

import subprocess

import pytest
from images.tree import Link as RealLink
from images.tree import plant
from phony import DIRECTORY, Link, PhonyFileSystem
from tools import needs

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.units import Units
from imgbuild.readers import BrokenImage

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"
UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
STATIC = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n"
SYSTEMD = {"/usr/lib/systemd/systemd": "x", "/etc/machine-id": ""}


def units(tree, **about):
    return Units(GuestTree(PhonyFileSystem(tree, **about)))


CASES = [
    ("a link of the administrator", {f"{LIB}/a.service": UNIT, f"{ETC}/multi-user.target.wants/a.service":
                                     Link(f"{LIB}/a.service")}, "enabled"),
    ("a link that requires it", {f"{LIB}/a.service": UNIT, f"{ETC}/x.service.requires/a.service":
                                 Link(f"{LIB}/a.service")}, "enabled"),
    ("a unit of the administrator's own", {f"{ETC}/a.service": UNIT, f"{ETC}/multi-user.target.wants/a.service":
                                           Link("../a.service")}, "enabled"),
    ("no link", {f"{LIB}/a.service": UNIT}, "disabled"),
    ("nothing to install", {f"{LIB}/a.service": STATIC}, "static"),
    ("masked by a link", {f"{LIB}/a.service": UNIT, f"{ETC}/a.service": Link("/dev/null")}, "masked"),
    ("masked by an empty file", {f"{LIB}/a.service": UNIT, f"{ETC}/a.service": ""}, "masked"),
    ("masked though linked", {f"{LIB}/a.service": UNIT, f"{ETC}/a.service": Link("/dev/null"),
                              f"{ETC}/multi-user.target.wants/a.service": Link(f"{LIB}/a.service")}, "masked"),
    ("no unit", {}, "absent"),
    ("a link to a unit that is gone", {f"{ETC}/multi-user.target.wants/a.service": Link(f"{LIB}/a.service")}, "absent"),
]


@pytest.mark.parametrize(("says", "tree", "state"), CASES)
def test_systemd(says, tree, state):
    assert units(SYSTEMD | tree).look("a").state == state, says


@needs("systemctl")
@pytest.mark.parametrize(("says", "tree", "state"), [case for case in CASES if "gone" not in case[0]])
def test_systemctl_agrees(says, tree, state, tmp_path):
    real = {path.lstrip("/"): RealLink(node.target) if isinstance(node, Link) else node.encode()
            for path, node in (SYSTEMD | tree).items()}
    plant(real, tmp_path)
    done = subprocess.run(["systemctl", f"--root={tmp_path}", "is-enabled", "a.service"], capture_output=True,
                          text=True, check=False)
    words = done.stdout.split() or ["absent"]
    assert (words[0] if words[0] != "not-found" else "absent") == state, says


MORE = [
    ("the vendor's own link", {f"{LIB}/a.service": UNIT, f"{LIB}/multi-user.target.wants/a.service":
                               Link("../a.service")}, "a", "enabled"),
    ("Flatcar's lower /etc", {f"{LIB}/a.service": UNIT, "/usr/share/flatcar/etc/systemd/system/x.wants/a.service":
                              Link(f"{LIB}/a.service")}, "a", "enabled"),
    ("NixOS' system profile", {"/nix/var/nix/profiles/system/etc/systemd/system/a.service": UNIT,
                               "/nix/var/nix/profiles/system/etc/systemd/system/multi-user.target.wants/a.service":
                               Link("../a.service")}, "a", "enabled"),
    ("an alias", {f"{LIB}/wicked.service": UNIT, f"{ETC}/network.service": Link(f"{LIB}/wicked.service")}, "wicked",
     "enabled"),
    ("by the alias itself", {f"{LIB}/wicked.service": UNIT, f"{ETC}/network.service": Link(f"{LIB}/wicked.service"),
                             f"{ETC}/multi-user.target.wants/network.service": Link("../network.service")}, "network",
     "enabled"),
    ("an instance", {f"{LIB}/a@.service": UNIT, f"{ETC}/multi-user.target.wants/a@x.service":
                     Link(f"{LIB}/a@.service")}, "a@x.service", "enabled"),
    ("any instance", {f"{LIB}/a@.service": UNIT, f"{ETC}/multi-user.target.wants/a@x.service":
                      Link(f"{LIB}/a@.service")}, "a@.service", "enabled"),
    ("a socket", {f"{LIB}/a.socket": UNIT, f"{ETC}/sockets.target.wants/a.socket": Link(f"{LIB}/a.socket")},
     "a.socket", "enabled"),
    ("a script of System V under systemd", {"/etc/init.d/a": "x", "/etc/rc3.d/S20a": Link("../init.d/a")}, "a",
     "enabled"),
    ("a script that is not linked", {"/etc/init.d/a": "x", "/etc/rc3.d/K20a": Link("../init.d/a")}, "a", "disabled"),
]


@pytest.mark.parametrize(("says", "tree", "name", "state"), MORE)
def test_more_of_systemd(says, tree, name, state):
    assert units(SYSTEMD | tree).look(name).state == state, says


PRESETS = [
    ("none speaks of it", {}, "enabled"), ("disable *", {"90-default.preset": "disable *\n"}, "disabled"),
    ("enable before", {"90-default.preset": "enable a.*\ndisable *\n"}, "enabled"),
    ("an earlier file", {"50-x.preset": "enable a.service\n", "90-default.preset": "disable *\n"}, "enabled"),
    ("comments", {"50-x.preset": "# enable a.service\n\n", "90-default.preset": "disable *\n"}, "disabled"),
]


@pytest.mark.parametrize(("says", "files", "state"), PRESETS)
@pytest.mark.parametrize("ident", ["uninitialized\n", None])
def test_presets_count_at_the_first_boot(says, files, state, ident):
    tree = {"/usr/lib/systemd/systemd": "x", f"{LIB}/a.service": UNIT} | ({"/etc/machine-id": ident} if ident else {})
    tree |= {f"/usr/lib/systemd/system-preset/{name}": text for name, text in files.items()}
    assert units(tree).look("a").state == state, says


def test_a_preset_of_the_administrator_stands_for_the_vendors():
    tree = {"/usr/lib/systemd/systemd": "x", f"{LIB}/a.service": UNIT,
            "/etc/systemd/system-preset/90-x.preset": "disable *\n",
            "/usr/lib/systemd/system-preset/90-x.preset": "enable *\n"}
    assert units(tree).look("a").state == "disabled"


@pytest.mark.parametrize(("says", "tree", "state"), [
    ("System V", {"/etc/init.d/a": "x", "/etc/rc2.d/S99a": Link("../init.d/a")}, "enabled"),
    ("Red Hat 6", {"/etc/rc.d/init.d/a": "x", "/etc/rc.d/rc3.d/S99a": Link("../init.d/a")}, "enabled"),
    ("SUSE 11", {"/etc/init.d/a": "x", "/etc/init.d/rc3.d/S99a": Link("../a")}, "enabled"),
    ("OpenRC", {"/etc/init.d/a": "x", "/etc/runlevels/default/a": Link("/etc/init.d/a")}, "enabled"),
    ("OpenRC, not added", {"/etc/init.d/a": "x", "/etc/runlevels/default": DIRECTORY}, "disabled"),
    ("Upstart", {"/etc/init/a.conf": "description x\nstart on runlevel [2345]\n"}, "enabled"),
    ("Upstart, by hand", {"/etc/init/a.conf": "start on x\n", "/etc/init/a.override": "manual\n"}, "disabled"),
    ("nothing", {}, "absent"),
])
def test_without_systemd(says, tree, state):
    assert units(tree).look("a").state == state, says


def test_the_unit_that_comes_closest():
    tree = SYSTEMD | {f"{LIB}/a.service": UNIT, f"{LIB}/b.service": STATIC}
    assert units(tree).look("none", "a", "b").name == "b.service"
    assert units(tree).look("none", "nor").state == "absent"


def test_a_merged_usr_is_looked_at_once():
    tree = SYSTEMD | {"/lib": Link("usr/lib"), f"{LIB}/a.service": UNIT}
    assert units(tree)._folders == (LIB,)


def test_damage_is_not_absence():
    with pytest.raises(BrokenImage):
        units(SYSTEMD | {f"{LIB}/a.service": UNIT}, damaged=(f"{LIB}/a.service",)).look("a")
