"""cloud-init in a guest: whether it runs, and its merged settings."""

from __future__ import annotations

import pytest
from phony import Link, PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.cloudinit import FOLDER, MAIN, CloudInit
from imgbuild.guests.units import Units

LIB, WANTS = "/usr/lib/systemd/system", "/etc/systemd/system/cloud-init.target.wants"
INSTALLED = {"/usr/lib/systemd/systemd": "x", "/etc/machine-id": "", "/usr/bin/cloud-init": "#!/usr/bin/python3\n",
             f"{LIB}/cloud-init.service": "[Install]\nWantedBy=cloud-init.target\n"}
ENABLED = INSTALLED | {f"{WANTS}/cloud-init.service": Link(f"{LIB}/cloud-init.service")}


def cloud_init(tree):
    guest = GuestTree(PhonyFileSystem(tree))
    return CloudInit(guest, Units(guest))


@pytest.mark.parametrize(("says", "tree", "runs", "may_run"), [
    ("enabled", ENABLED, True, True), ("not enabled", INSTALLED, False, False), ("not installed", {}, False, False),
    ("turned off", ENABLED | {"/etc/cloud/cloud-init.disabled": ""}, False, False),
    ("turned off by ds-identify", ENABLED | {"/etc/cloud/ds-identify.cfg": "policy: disabled\n"}, False, False),
    ("with a policy", ENABLED | {"/etc/cloud/ds-identify.cfg": "policy: enabled\n"}, True, True),
    ("masked", ENABLED | {"/etc/systemd/system/cloud-init.service": Link("/dev/null")}, False, False),
    ("where no services are seen", {"/usr/bin/cloud-init": "x"}, False, True),
])
def test_runs(says, tree, runs, may_run):
    found = cloud_init(tree)
    assert (found.runs, found.may_run) == (runs, may_run), says


def test_later_files_win_key_by_key():
    found = cloud_init({MAIN: "a: 1\nd: {x: 1, y: 2}\nlist: [1, 2]\n", f"{FOLDER}/10.cfg": "d: {y: 3}\nlist: [3]\n",
                        f"{FOLDER}/20.cfg": "a: 2\n", f"{FOLDER}/99.txt": "a: 4\n", f"{FOLDER}/30.cfg": "[1]\n"})
    assert found.values == {"a": 2, "d": {"x": 1, "y": 3}, "list": [3]}
    assert (found.get("d", "y").path, found.get("d", "y").line) == (f"{FOLDER}/10.cfg", 1)
    assert (found.get("d", "x").path, found.get("d", "x").line) == (MAIN, 2)
    assert found.get("nothing").path is None


def test_a_file_that_cannot_be_read_is_named():
    found = cloud_init({MAIN: "a: 1\n", f"{FOLDER}/10.cfg": "a: [\n"})
    assert found.unreadable.path == f"{FOLDER}/10.cfg"
    assert found.values == {"a": 1}


@pytest.mark.parametrize(("text", "writes"), [
    ("a: 1\n", True), ("network: {config: disabled}\n", False), ("network:\n  config: disabled\n", False),
    ("network:\n  version: 2\n", True),
])
def test_who_writes_the_network(text, writes):
    assert cloud_init(ENABLED | {f"{FOLDER}/99.cfg": text}).writes_network is writes


@pytest.mark.parametrize(("tree", "version"), [
    ({"/usr/bin/cloud-init": "# EASY-INSTALL-ENTRY-SCRIPT: 'cloud-init==22.4.2','console_scripts'\n"}, (22, 4, 2)),
    ({"/usr/bin/cloud-init": "x", "/usr/lib/python3/dist-packages/cloudinit/version.py": '__VERSION__ = "24.1.3"\n'},
     (24, 1, 3)),
    ({"/usr/bin/cloud-init": "x", "/usr/bin/python3": Link("python3.9"), "/usr/bin/python3.9": "x",
      "/usr/lib/python3.9/site-packages/cloudinit/version.py": '__VERSION__ = "23.4"\n'}, (23, 4)),
    ({"/usr/bin/cloud-init": "x"}, None), ({}, None),
])
def test_version(tree, version):
    assert cloud_init(tree).version == version
