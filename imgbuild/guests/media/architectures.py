"""The architecture that a medium is for: the words on it in, the contract's word and its bits out.

Each distribution writes its own word (Debian amd64, Red Hat x86_64, Microsoft X64), and a volume name is cut at 32
characters: what may be the head of a longer word counts for nothing.

Debian, "Supported Hardware", https://www.debian.org/releases/stable/amd64/ch02s01
Fedora, "Architectures", https://docs.fedoraproject.org/en-US/quick-docs/ (x86_64, aarch64, ppc64le, s390x)
"""

from __future__ import annotations

import re

from imgbuild.guests.elf import Machine

_WORDS = {
    "x86_64": Machine("x86_64", 64), "x86-64": Machine("x86_64", 64), "amd64": Machine("x86_64", 64),
    "i386": Machine("x86", 32), "i486": Machine("x86", 32), "i586": Machine("x86", 32), "i686": Machine("x86", 32),
    "x86": Machine("x86", 32),
    "aarch64": Machine("aarch64", 64), "arm64": Machine("aarch64", 64),
    "armhf": Machine("arm", 32), "armv7": Machine("arm", 32), "armv7hl": Machine("arm", 32),
    "armel": Machine("arm", 32), "armhfp": Machine("arm", 32),
    "ppc64le": Machine("ppc64le", 64), "ppc64el": Machine("ppc64le", 64), "p64el": Machine("ppc64le", 64),
    "ppc64": Machine("ppc64", 64), "ppc": Machine("ppc", 32), "powerpc": Machine("ppc", 32),
    "s390x": Machine("s390x", 64), "ia64": Machine("ia64", 64), "loongarch64": Machine("loongarch64", 64),
    "riscv64": Machine("riscv64", 64), "riscv": Machine("riscv64", 64),
}
# SUSE glues the number of the build to the word, so digits may follow these.
_GLUED = ("x86_64", "aarch64", "ppc64le", "s390x", "i586")
_PLAIN = sorted(map(re.escape, _WORDS), key=len, reverse=True)
_FOUND = re.compile(rf"(?<![a-z0-9])(?:({'|'.join(_GLUED)})(?![a-z])|({'|'.join(_PLAIN)})(?![a-z0-9]|_\d?\d?$))",
                    re.IGNORECASE)


def architecture_in(text: str) -> Machine | None:
    """Return the one architecture that ``text`` names; ``None`` for none, and for several."""
    found = {_WORDS[(glued or plain).lower()] for glued, plain in _FOUND.findall(text)}
    return found.pop() if len(found) == 1 else None
