"""A13 and A15 in a guest's configuration: files that include themselves, patterns that match all, endless lists."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from hostile.case import Case
from hostile.cases.guests import TOOLS, ext4, guest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SSHD, INTERFACES, NETPLAN = "etc/ssh/sshd_config", "etc/network/interfaces", "etc/netplan/a.yaml"
KERNEL = b"MZ" + bytes(600)
FOLDERS = {f"srv/d{one}/e{other}/f": b"" for one in range(20) for other in range(20)}
ESCAPES = b"\x1b[2J\x1b]0;owned\x07\r\n::error::x\n##vso[task.complete]\n"


def holding(files: dict[str, bytes], mib: int = 16) -> Callable[[Path], None]:
    """Return a maker of a guest with these files."""
    return ext4(guest() | files, mib=mib, options=("-N", "8192"))


def aliases() -> bytes:
    """Return a YAML whose last alias stands for 9**9 values."""
    lines = [b"a: &a [x]", *(b"%c: &%c [%s]" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9))
                             for n in range(1, 10)), b"network: *j"]
    return b"\n".join(lines) + b"\n"


def member(number: int) -> bytes:
    """Return an empty member of a cpio archive (newc) with a name of 8 bytes."""
    return b"070701" + b"00000000" * 11 + b"00000008" + b"0" * 8 + b"%07d\0" % number + bytes(2)


def initramfs(content: bytes) -> dict[str, bytes]:
    return {"boot/vmlinuz-6.1.0": KERNEL, "boot/initrd.img-6.1.0": content, "lib/modules/6.1.0/modules.dep": b"",
            "boot/grub/grub.cfg": b"menuentry 'x' {\n linux /boot/vmlinuz-6.1.0 root=LABEL=x\n"
                                  b" initrd /boot/initrd.img-6.1.0\n}\n"}


CASES = [
    Case(f"config-{name}.raw", attack, what, lambda files=files: holding(files()), tools=TOOLS)
    for name, attack, what, files in [
        ("sshd-patterns", "A15", "5,000 patterns for all files of the disk in sshd_config",
         lambda: {SSHD: b"Include " + b"/*/*/*/* " * 5000, **FOLDERS}),
        ("sshd-itself", "A11", "an sshd_config that includes itself 3,000 times",
         lambda: {SSHD: b"Include /etc/ssh/*\n" * 3000}),
        ("sshd-brackets", "A15", "a pattern of 50,000 brackets in sshd_config",
         lambda: {SSHD: b"Include " + b"[" * 50000}),
        ("sshd-stars", "A15", "a pattern of 2,000 stars in sshd_config",
         lambda: {SSHD: b"Include /etc/ssh/" + b"*a" * 2000, "etc/ssh/" + "a" * 200: b""}),
        ("interfaces-patterns", "A15", "5,000 patterns for all files of the disk in interfaces",
         lambda: {INTERFACES: b"source /*/*/*/*\n" * 5000, **FOLDERS}),
        ("interfaces-itself", "A11", "an interfaces that includes itself 2,000 times",
         lambda: {INTERFACES: b"source /etc/network/interfaces\n" * 2000}),
        ("interfaces-ring", "A11", "100 files that each include the folder that they are in", lambda: {
            INTERFACES: b"source-directory /etc/network/d\n" * 500,
            **{f"etc/network/d/f{number}": b"source-directory /etc/network/d\n" * 50 for number in range(100)}}),
        ("netplan-aliases", "A9", "a YAML of 1 KiB that stands for 9**9 values", lambda: {NETPLAN: aliases()}),
        ("netplan-deep", "A15", "a YAML of 3,000 levels",
         lambda: {NETPLAN: b"".join(b" " * level + b"a:\n" for level in range(3000))}),
        ("netplan-flow", "A15", "a YAML of 30,000 open braces", lambda: {NETPLAN: b"network: " + b"{a: " * 30000}),
        ("netplan-tag", "A13", "a YAML whose tags start programs and read files",
         lambda: {NETPLAN: b"network: !!python/object/apply:os.system ['id']\nx: !include /etc/passwd\n"}),
        ("grub-submenus", "A15", "30,000 submenus in one another",
         lambda: {"boot/vmlinuz-6.1.0": KERNEL, "boot/grub/grub.cfg": b"submenu 'x' {\n" * 30000}),
        ("grub-variables", "A9", "a variable of grub.cfg that doubles itself 100 times", lambda: {
            "boot/vmlinuz-6.1.0": KERNEL, "boot/grub/grub.cfg": b"set a=x\n" + b"set a=$a$a\n" * 100
            + b"menuentry $a { linux /boot/vmlinuz-6.1.0 $a }\n"}),
        ("grub-itself", "A11", "a grub.cfg that reads itself",
         lambda: {"boot/vmlinuz-6.1.0": KERNEL, "boot/grub/grub.cfg": b"source /boot/grub/grub.cfg\n" * 1000}),
        ("grub-escapes", "A20", "a boot menu with escape sequences and commands", lambda: {
            "boot/vmlinuz-6.1.0": KERNEL, "boot/grub/grub.cfg": b"menuentry '" + ESCAPES
            + b"' {\n linux /boot/vmlinuz-6.1.0 root=/dev/sda1 " + ESCAPES + b"\n}\n"}),
        ("kernels", "A15", "3,000 kernels", lambda: {f"boot/vmlinuz-{number}.1.0": b"MZ" for number in range(3000)}),
        ("kernel-folders", "A15", "3,000 folders of modules",
         lambda: {f"lib/modules/{number}.1.0/x": b"" for number in range(3000)}),
        ("units-ring", "A11", "units that are links to one another", lambda: {
            "etc/systemd/system/default.target.wants/a.service": b"[Unit]\nAfter=a.service\nRequires=a.service\n",
            "etc/systemd/system/a.service.d/x.conf": b"[Service]\n" * 5000}),
        ("fstab-lines", "A15", "an fstab of 100,000 lines", lambda: {"etc/fstab": b"LABEL=x /x ext4 x 0 0\n" * 100000}),
        ("passwd-lines", "A15", "100,000 users", lambda: {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n" * 100000,
                                                          "etc/shadow": b"root:$6$x:1:0:99999:7:::\n" * 100000}),
        ("initramfs-members", "A15", "an initramfs of 200,000 members",
         lambda: initramfs(gzip.compress(b"".join(map(member, range(200_000))), mtime=0))),
        ("initramfs-bomb", "A9", "an initramfs of 1 MiB that expands to 1 GiB",
         lambda: initramfs(gzip.compress(bytes(1 << 20), mtime=0) * 1024)),
        ("initramfs-sizes", "A8", "an initramfs whose sizes are 2**32 - 1",
         lambda: initramfs(b"070701" + b"ffffffff" * 13 + bytes(4096))),
        ("initramfs-nested", "A9", "an initramfs packed ten times over", lambda: initramfs(nested(10))),
    ]
]


def nested(times: int) -> bytes:
    data = member(1) * 1000
    for _ in range(times):
        data = gzip.compress(data, mtime=0)
    return data
