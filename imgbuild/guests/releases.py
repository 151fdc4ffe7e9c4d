"""The release files of guests from before os-release: a tree in, what the first telling one of them says out.

Where several files disagree:

- The file that a distribution has under its own name counts before those that derivatives carry along from their
  parent: Oracle Linux 5 has a ``redhat-release`` that says Red Hat, Ubuntu a ``debian_version``, CloudLinux a
  ``centos-release``.
- ``lsb-release`` is the derivative's own in the family of Debian, and counts before ``debian_version``.
- A file whose line names no distribution that is known is passed over; where no other file helps, its line is the
  name of the system, and its id is the word in the file's own name if the line begins with the same one. If it does,
  the file also counts before those of CentOS, Fedora, Red Hat and Debian, which so many derivatives keep.
- What people are greeted with (``/etc/issue``) is asked last, and only for a name that is known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests import releaselines
from imgbuild.guests.osrelease import LIMIT, clean
from imgbuild.guests.releaselines import Words, extension_of, line, pack_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.guests.careful import Careful

__all__ = ["PATHS", "Words", "derive", "derive_kylin", "extension_of", "pack_of"]

_FILES: tuple[tuple[str, Callable[[str], Words | None]], ...] = (
    ("/etc/.productinfo", releaselines.productinfo),
    ("/etc/os-version", releaselines.uos),
    ("/etc/lsb-release", releaselines.lsb),
    ("/etc/openwrt_release", releaselines.lsb),
    ("/etc/cirros/version", releaselines.cirros),
    *((f"/etc/{name}-release", line) for name in (
        "oracle", "enterprise", "ovs", "cloudlinux", "virtuozzo", "vzlinux", "eurolinux", "clearos", "centos", "rocky",
        "almalinux", "miraclelinux", "redflag", "asianux", "fedora", "euleros", "openEuler", "hce", "kylin", "neokylin",
        "UnionTech", "uos", "anolis", "alinux", "tencentos", "tlinux", "opencloudos", "bclinux", "openmandriva", "rosa",
        "mandriva", "mandrake", "mageia", "altlinux", "redhat", "system", "photon", "sourcemage")),
    ("/etc/pld-release", releaselines.pld),
    ("/etc/SuSE-release", releaselines.suse),
    ("/etc/slackware-version", line),
    ("/etc/sabayon-release", line),
    ("/etc/gentoo-release", line),
    ("/etc/alpine-release", releaselines.alpine),
    ("/etc/arch-release", releaselines.arch),
    ("/etc/debian_version", releaselines.debian),
    ("/etc/release", releaselines.other),
)
_READERS = dict(_FILES)
_SHARED = frozenset({"os", "lsb", "system", "redhat", "distro", "upstream", "board", "image"})
_OF_PARENTS = frozenset({"/etc/centos-release", "/etc/fedora-release", "/etc/redhat-release", "/etc/system-release",
                         "/etc/debian_version"})
_MOST_FILES = 16
_OWN = r"([A-Za-z][\w.+]*?)[-_](?:release|version)$"
_TITLE = r"(?!release )[^\W_][^ ]* \S"
_NUMBER = r"(?<![\w.])\d+(?:\.\d+)*"
_ISSUE = r"^(?:Welcome to )?(.*?)(?:\s*\\[a-z].*| - Kernel.*)?$"

PATHS = tuple(path for path, _ in _FILES)
"""The release files from before os-release, in the order in which they are asked."""


def derive(tree: Careful, *, guess: bool = True) -> Words | None:
    """Return what the first telling release file says; ``None`` without one.

    Without ``guess`` only the files are asked that a known distribution has.
    """
    there = set(tree.listdir("/etc"))
    found = (_read(tree, path) for path in PATHS if path.split("/")[2] in there)
    words = next((words for words in found if words is not None), None)
    if not guess or (words is not None and words.source not in _OF_PARENTS):
        return words
    own = _unknown(tree, sorted(there))
    if words is not None:
        return own if own is not None and own.id and own.source.endswith("-release") else words
    return own or _issue(tree)


def derive_kylin(tree: Careful) -> Words | None:
    """Return what Kylin's own record of its build says."""
    words = releaselines.kyinfo(tree.read_text("/etc/.kyinfo", LIMIT) or "")
    return words._replace(source="/etc/.kyinfo") if words is not None else None


def _read(tree: Careful, path: str) -> Words | None:
    text = tree.read_text(path, LIMIT)
    words = _READERS[path](text) if text is not None else None
    return words._replace(source=path) if words is not None else None


def _unknown(tree: Careful, names: list[str]) -> Words | None:
    """Take the line of a release file that is in no table."""
    found = []
    unknown = (name for name in names if f"/etc/{name}" not in _READERS or name.partition("-")[0] in _SHARED)
    for own in [match for name in unknown if (match := re.match(_OWN, name))][:_MOST_FILES]:
        path = f"/etc/{own[0]}"
        title = clean((tree.read_text(path, LIMIT) or "").strip().split("\n")[0])
        if re.match(_TITLE, title) and "=" not in title:
            found.append(_own_words(own[1], title, path))
    return next((words for words in found if words.id), next(iter(found), None))


def _own_words(word: str, title: str, path: str) -> Words:
    first, number = title.split(" ", maxsplit=1)[0], re.search(_NUMBER, title)
    if word in _SHARED or first.casefold() != word.casefold() or number is None:
        return Words(None, None, None, title, path)
    return Words(word.casefold(), number[0], number[0] if "." in number[0] else None, title, path)


def _issue(tree: Careful) -> Words | None:
    text = tree.read_text("/etc/issue", LIMIT) or ""
    shown = next((row.strip() for row in text.split("\n") if row.strip()), "")
    match = re.match(_ISSUE, shown, re.IGNORECASE)
    words = line(match[1]) if match else None
    return words._replace(source="/etc/issue") if words is not None else None
