"""How systems number their releases: the words of os-release in, numbers that can be compared out.

EulerOS: the repository of V2.0SP5 is that of 2.5,
https://euleros2019.obs.cn-north-1.myhuaweicloud.com/ict/site-euleros/euleros/repo/yum/2.5/os/x86_64/iso/EulerOS-V2.0SP5-x86_64-dvd.iso
NeoKylin: the catalogues write 7.0 U5 for what calls itself V7 Update5.
"""

# Without the future import, as in model.py.
import re

# Ids of os-release under which one and the same system goes.
SAME_SYSTEM = ({"opensuse", "opensuse-leap"}, {"sles", "sles_sap"}, {"coreos", "coreos-container-linux"})

# Distributions whose releases are told apart by both numbers: 22.04 and 22.10 are not one system.
TWO_PART_MAJOR = frozenset({"ubuntu", "openEuler", "euleros", "hce", "alpine"})

_EULEROS = re.compile(r"V?2\.0[-_ (]*SP(\d{1,2})\)?", re.IGNORECASE)
_NEOKYLIN = re.compile(r"V?(\d)(?:\.0)?[-_ ]*U(?:pdate)? ?(\d)", re.IGNORECASE)


def is_same_system(one: str | None, other: str | None) -> bool:
    """Say whether two ids of os-release name one distribution."""
    return one == other or any({one, other} <= group for group in SAME_SYSTEM)


def distribution(system_id: str | None, name: str | None) -> str:
    """Return the id of the distribution as catalogues have it; empty where os-release has the parent's id.

    Scientific Linux 7 has the ID ``rhel``, as others that are built from its source; Red Hat's own says so in its name.
    """
    is_derived = system_id == "rhel" and name is not None and not name.startswith(("Red Hat", "rhel"))
    return "" if is_derived else system_id or ""


def version_numbers(version: str | None) -> tuple[int, ...]:
    """Return the numbers of a version: ``12.0.0`` gives 12, 0, 0; ``15-SP5`` gives 15, 5; ``sid`` nothing."""
    return tuple(int(digits[:9]) for digits in re.findall(r"\d+", version or ""))


def release_numbers(system_id: str | None, release: str | None) -> tuple[int, ...]:
    """Return the numbers of a release as the catalogues write them: ``2.0-SP5`` of EulerOS is 2.5."""
    text = release or ""
    euleros = _EULEROS.fullmatch(text) if system_id == "euleros" else None
    neokylin = _NEOKYLIN.fullmatch(text) if system_id == "neokylin" else None
    if euleros is not None:
        return 2, int(euleros[1])
    return (int(neokylin[1]), 0, int(neokylin[2])) if neokylin is not None else version_numbers(text)


def major_version(system_id: str | None, version: str | None) -> tuple[int, ...]:
    """Return what tells major versions of a system apart; empty where there is no number.

    Of Windows that is all of it: 8 and 8.1, 2012 and 2012 R2 are products of their own.
    """
    numbers = release_numbers(system_id, version)
    if system_id == "windows":
        return numbers
    return numbers[:2] if system_id in TWO_PART_MAJOR else numbers[:1]
