"""The accounts of a guest: ``/etc/passwd`` and ``/etc/shadow`` in, who may log in and how out.

passwd(5), https://man7.org/linux/man-pages/man5/passwd.5.html
shadow(5), https://man7.org/linux/man-pages/man5/shadow.5.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from imgbuild.filesystems.tree import GuestTree

PASSWD = "/etc/passwd"  # noqa: S105 - the name of a file
SHADOW = "/etc/shadow"
_LIMIT = 256 * 1024
_MOST = 4096
_FIRST_PERSON, _LAST_PERSON = 1000, 60000  # UID_MIN and UID_MAX of login.defs


class Account(msgspec.Struct, frozen=True):
    """A line of /etc/passwd; ``line`` counts from 1."""

    name: str
    uid: int
    home: str
    shell: str
    line: int

    @property
    def is_person(self) -> bool:
        """Whether people log in with it: root, or a number that adduser gives."""
        return self.uid == 0 or _FIRST_PERSON <= self.uid <= _LAST_PERSON


class Password(msgspec.Struct, frozen=True):
    """A line of /etc/shadow; ``longest`` is for how many days the password is valid, ``None`` where that is open."""

    name: str
    hashed: str
    longest: int | None
    line: int

    @property
    def is_set(self) -> bool:
        """Whether one can log in with a password: ``!`` and ``*`` begin what no password fits."""
        return self.hashed != "" and self.hashed[0] not in "!*x"

    @property
    def is_empty(self) -> bool:
        """Whether one can log in without any."""
        return self.hashed == ""


def accounts(tree: GuestTree) -> list[Account]:
    """Return the accounts, at most 4096."""
    found = []
    for number, line in enumerate((tree.read_text(PASSWD, _LIMIT) or "").split("\n")[:_MOST], start=1):
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isascii() and fields[2].isdigit():  # noqa: PLR2004 - as passwd(5) has it
            found.append(Account(fields[0], int(fields[2]), fields[5], fields[6], number))
    return found


def passwords(tree: GuestTree) -> list[Password]:
    """Return the passwords, at most 4096."""
    found = []
    for number, line in enumerate((tree.read_text(SHADOW, _LIMIT) or "").split("\n")[:_MOST], start=1):
        fields = line.split(":")
        if len(fields) == 9:  # noqa: PLR2004 - as shadow(5) has it
            longest = fields[4] if fields[4].isascii() and fields[4].isdigit() else None
            found.append(Password(fields[0], fields[1], None if longest is None else int(longest), number))
    return found
