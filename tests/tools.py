"""Tools that tests compare with: each test says what it needs, and how to get it.

Without the tool the test is skipped by name with the line that installs it. With ``IMGBUILD_NO_SKIPS`` set, as in
``.ci/run``, a missing tool is a failure.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

GLANCE = "IMGBUILD_GLANCE"
GLANCE_FOLDER = Path(__file__).parent.parent / ".venv-glance"
GLANCE_MISSING = f"{GLANCE} is not set: export {GLANCE}=$(tests/glance/server start {GLANCE_FOLDER.name})"

PACKAGES = {
    "/usr/share/osinfo/os": "osinfo-db",
    "7zz": "7zip",
    "bash": "bash", "blkid": "util-linux", "btrfs": "btrfs-progs", "btrfstune": "btrfs-progs",
    "bzip2": "bzip2", "cat": "coreutils",
    "chromedriver": "chromium-driver", "chromium": "chromium",
    "cpio": "cpio", "cryptsetup": "cryptsetup-bin", "debugfs": "e2fsprogs", "genisoimage": "genisoimage",
    "grub-editenv": "grub-common", "grub-script-check": "grub-common", "gzip": "gzip",
    "hivexregedit": "libwin-hivex-perl", "hivexsh": "libhivex-bin", "isoinfo": "genisoimage",
    "losetup": "mount", "lz4": "lz4", "lzop": "lzop", "mcopy": "mtools", "md5sum": "coreutils",
    "fish": "fish", "openssl": "openssl", "zsh": "zsh",
    "db5.3_load": "db5.3-util", "dpkg": "dpkg", "dpkg-query": "dpkg", "netplan": "netplan.io", "rpm": "rpm",
    "rpmbuild": "rpm", "systemctl": "systemd",
    "curl": "curl", "git": "git", "jq": "jq", "patch": "patch", "shellcheck": "shellcheck",
    "mke2fs": "e2fsprogs", "mkfs.btrfs": "btrfs-progs", "mkfs.vfat": "dosfstools", "mkfs.xfs": "xfsprogs",
    "make-bcache": "bcache-tools", "makefs": "makefs", "mkfs.erofs": "erofs-utils", "mkfs.exfat": "exfatprogs",
    "mkfs.f2fs": "f2fs-tools", "mkfs.jfs": "jfsutils", "mkfs.nilfs2": "nilfs-tools", "mkfs.reiserfs": "reiserfsprogs",
    "veritysetup": "cryptsetup-bin", "mkntfs": "ntfs-3g", "mksquashfs": "squashfs-tools", "mkswap": "util-linux",
    "mmd": "mtools", "ntfscat": "ntfs-3g", "packer": "packer",
    "qemu-img": "qemu-utils", "qemu-io": "qemu-utils", "qemu-nbd": "qemu-utils", "scmp_sys_resolver": "seccomp",
    "sfdisk": "fdisk", "gdisk": "gdisk", "sgdisk": "gdisk", "sha256sum": "coreutils",
    "split": "coreutils", "tar": "tar", "tune2fs": "e2fsprogs",
    "wimlib-imagex": "wimtools",
    "xfs_db": "xfsprogs", "xfs_logprint": "xfsprogs", "xmllint": "libxml2-utils", "xorriso": "xorriso",
    "xz": "xz-utils", "zip": "zip", "zstd": "zstd",
}


@cache
def find_tool(name: str) -> str | None:
    """Return the path of the program, also where only root's PATH has it; a path itself stands for data."""
    if os.path.isabs(name):
        return name if os.path.exists(name) else None
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark a test that runs these programs."""
    missing = [name for name in names if find_tool(name) is None]
    packages = " ".join(sorted({PACKAGES.get(name, name) for name in missing}))
    reason = f"{', '.join(missing)} not found: apt-get install {packages}"
    return pytest.mark.skipif(bool(missing) and not os.environ.get("IMGBUILD_NO_SKIPS"), reason=reason)


def needs_glance() -> pytest.MarkDecorator:
    """Mark a test that sends requests to a real Glance, whose address the variable holds (the fixture ``glance``)."""
    missing = not os.environ.get(GLANCE) and not os.environ.get("IMGBUILD_NO_SKIPS")
    return pytest.mark.skipif(missing, reason=GLANCE_MISSING)


def glance_client(name: str) -> str:
    """Return the path of ``openstack`` or ``glance``, which stand beside the server."""
    return str(GLANCE_FOLDER / "bin" / name)
