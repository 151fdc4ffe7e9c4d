"""Package databases: what is installed, by the managers' own databases; damage is said and never raised as it comes."""

from __future__ import annotations

import contextlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phony import DIRECTORY, PhonyFileSystem
from rpmfiles import bdb, header, ndb, sqlite
from tools import needs

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import packages
from imgbuild.guests.packages import Unseen, sqlitedb
from imgbuild.guests.packages import bdb as bdbfile
from imgbuild.guests.packages import ndb as ndbfile

HEADERS = [header("alpha", "1.2.3"), header("beta", "2.0", "5.el9", epoch=1, padding=9000),
           header("kernel", "5.14.0", "1"), header("kernel", "5.14.0", "2"), header("gpg-pubkey", "1", "2")]
EXPECTED = {"alpha": ["1.2.3-1"], "beta": ["1:2.0-5.el9"], "kernel": ["5.14.0-1", "5.14.0-2"]}


def read(tree):
    return packages.read(GuestTree(PhonyFileSystem(tree)))


def only(tree):
    [found] = read(tree)
    return found


STATUS = """\
Package: bash
Essential: yes
Status: install ok installed
Description: GNU Bourne Again SHell
 Package: not-this
Version: 5.2.15-2+b2

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9
"""


def test_dpkg():
    found = only({"/var/lib/dpkg/status": STATUS})
    assert (found.kind, found.path) == ("deb", "/var/lib/dpkg/status")
    assert found.versions == {"bash": ["5.2.15-2+b2"], "libc6": ["2.36-9", "2.36-9"]}


def test_an_image_without_dpkg_itself():
    found = only({"/var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12\n"})
    assert found.versions == {"base-files": ["12"]}


def test_apk():
    text = "C:Q1x\nP:musl\nV:1.2.5-r0\nA:x86_64\n\nC:Q1y\nP:busybox\nV:1.36.1-r28\n\n"
    assert only({"/lib/apk/db/installed": text}).versions == {"musl": ["1.2.5-r0"], "busybox": ["1.36.1-r28"]}


def test_pacman():
    found = only({"/var/lib/pacman/local/cloud-init-24.1-2/desc": "x", "/var/lib/pacman/local/ALPM_DB_VERSION": "9",
                  "/var/lib/pacman/local/linux-1:6.8-1": DIRECTORY})
    assert found.versions == {"cloud-init": ["24.1-2"], "linux": ["1:6.8-1"]}


def test_opkg():
    text = "Package: busybox\nVersion: 1.36\nStatus: install user installed\n"
    assert only({"/usr/lib/opkg/status": text}).versions == {"busybox": ["1.36"]}


@pytest.mark.parametrize("wal", [True, False])
def test_sqlite(tmp_path, wal):
    data = sqlite(HEADERS, tmp_path / "rpmdb.sqlite", wal=wal)
    assert only({"/var/lib/rpm/rpmdb.sqlite": data}).versions == EXPECTED


def test_a_log_that_was_not_written_back(tmp_path):
    data = sqlite(HEADERS, tmp_path / "rpmdb.sqlite")
    with pytest.raises(Unseen, match="holds changes"):
        read({"/var/lib/rpm/rpmdb.sqlite": data, "/var/lib/rpm/rpmdb.sqlite-wal": "x"})


def test_ndb():
    found = only({"/usr/lib/sysimage/rpm/Packages.db": ndb(HEADERS)})
    assert (found.kind, found.versions) == ("rpm", EXPECTED)


@needs("db5.3_load")
def test_berkeley_db(tmp_path):
    found = only({"/var/lib/rpm/Packages": bdb(HEADERS, tmp_path / "Packages")})
    assert {name: sorted(versions) for name, versions in found.versions.items()} == EXPECTED


@needs("db5.3_load")
def test_berkeley_db_of_many_pages(tmp_path):
    headers = [header(f"p{number}", padding=number * 37 % 20000) for number in range(300)]
    found = only({"/var/lib/rpm/Packages": bdb(headers, tmp_path / "Packages")})
    assert found.versions == {f"p{number}": ["1.0-1"] for number in range(300)}


SPEC = "Name: {0}\nVersion: {1}\nRelease: 3\n{2}Summary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%files\n"


@needs("rpm", "rpmbuild")
def test_rpm_itself_agrees(tmp_path):
    for name, version, epoch in (("alpha", "1.2", ""), ("beta", "2.0~rc1", "Epoch: 4\n")):
        (tmp_path / f"{name}.spec").write_text(SPEC.format(name, version, epoch))
        subprocess.run(["rpmbuild", "-bb", "--define", f"_topdir {tmp_path}/top", f"{name}.spec"], cwd=tmp_path,
                       check=True, capture_output=True)
    root = ["rpm", "--root", str(tmp_path / "root"), "--define", "_db_backend sqlite", "--define",
            "_dbpath /var/lib/rpm"]
    (tmp_path / "root").mkdir()
    built = sorted(map(str, tmp_path.glob("top/RPMS/noarch/*.rpm")))
    subprocess.run([*root, "-i", "--nodeps", "--justdb", *built], check=True, capture_output=True)
    data = (tmp_path / "root/var/lib/rpm/rpmdb.sqlite").read_bytes()
    assert only({"/var/lib/rpm/rpmdb.sqlite": data}).versions == {"alpha": ["1.2-3"], "beta": ["4:2.0~rc1-3"]}


@needs("dpkg-query")
def test_dpkg_itself_agrees(tmp_path):
    (tmp_path / "status").write_text(STATUS.replace("amd64", "all", 1).rpartition("\n\n")[0] + "\n")
    (tmp_path / "info").mkdir()
    (tmp_path / "updates").mkdir()
    shown = subprocess.run(["dpkg-query", f"--admindir={tmp_path}", "-f", "${db:Status-Status} ${Package} ${Version}\n",
                            "-W"], capture_output=True, text=True, check=True).stdout
    installed = sorted(line.split()[1:] for line in shown.splitlines() if line.startswith("installed"))
    found = only({"/var/lib/dpkg/status": (tmp_path / "status").read_text()})
    assert sorted([name, version] for name, versions in found.versions.items() for version in versions) == installed


def test_no_database_and_two():
    assert read({"/x": ""}) == ()
    assert [found.kind for found in read({"/var/lib/dpkg/status": STATUS, "/var/lib/rpm/Packages.db": ndb([])})] == [
        "deb", "rpm"]


# Damage


@pytest.mark.parametrize(("name", "data"), [
    ("rpmdb.sqlite", b""), ("rpmdb.sqlite", b"SQLite format 3\0" + bytes(4096)), ("Packages.db", b"RpmP"),
    ("Packages.db", ndb(HEADERS)[:4200]), ("Packages.db", ndb([b"x" * 20])), ("Packages", b""),
    ("Packages", bytes(8192)), ("Packages.db", ndb([header("", "")])),
])
def test_what_is_no_database(name, data):
    with pytest.raises(Unseen):
        read({f"/var/lib/rpm/{name}": data})


def mutants(data, edits):
    broken = bytearray(data)
    for place, value in edits:
        broken[place % len(broken)] = value
    return bytes(broken)


EDITS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=8)


@given(EDITS, st.integers(0, 1 << 15))
def test_a_damaged_ndb(edits, cut):
    damaged(ndbfile, mutants(ndb(HEADERS), edits)[: cut or None])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rpm")
    files = {"sqlite": sqlite(HEADERS, folder / "rpmdb.sqlite"), "bdb": bdb(HEADERS, folder / "Packages")}
    return files.get


@needs("db5.3_load")
@pytest.mark.parametrize("kind", ["sqlite", "bdb"])
@given(edits=EDITS, cut=st.integers(0, 1 << 15))
def test_a_damaged_file(kind, whole, edits, cut):
    damaged({"sqlite": sqlitedb, "bdb": bdbfile}[kind], mutants(whole(kind), edits)[: cut or None])


def damaged(reader, data):
    with contextlib.suppress(Unseen):
        assert sum(map(len, reader.headers(data))) <= len(data)


def test_a_view_that_never_ends_is_stopped(tmp_path):
    import sqlite3  # noqa: PLC0415 - beside its one use

    path = tmp_path / "x"
    database = sqlite3.connect(path)
    database.execute("CREATE VIEW Packages AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM r)"
                     " SELECT x AS blob FROM r WHERE x < 0")
    database.commit()
    database.close()
    with pytest.raises(Unseen):
        list(sqlitedb.headers(path.read_bytes()))


@given(st.binary(max_size=300))
def test_any_bytes_as_text(data):
    read({"/var/lib/dpkg/status": data, "/lib/apk/db/installed": data})
