"""The names of distributions: the text of a release line in, the ID that os-release has for it out.

The IDs are those that the distributions write into their own os-release; the few that ended before it have ours
(``rhl``, ``mandrake``, ``redflag``).
"""

from __future__ import annotations

from functools import cache


def identify(text: str) -> str | None:
    """Return the os-release ID of the distribution that ``text`` starts with, or ``None`` where it is not known."""
    folded = text.casefold()
    return next((word for name, word in _names()
                 if folded.startswith(name) and not folded[len(name):len(name) + 1].isalnum()), None)


@cache
def _names() -> tuple[tuple[str, str], ...]:
    rows = (line.rpartition(" = ") for line in _TABLE.strip().split("\n"))
    return tuple((name.casefold(), word) for name, _, word in rows)


_TABLE = """
Red Hat Enterprise Linux = rhel
Red Hat Linux = rhl
CentOS = centos
Rocky Linux = rocky
AlmaLinux = almalinux
Oracle Linux = ol
Enterprise Linux Enterprise Linux = ol
Oracle VM = ovs
Scientific Linux = scientific
Fedora = fedora
Amazon Linux = amzn
CloudLinux = cloudlinux
Virtuozzo = virtuozzo
VzLinux = vzlinux
EuroLinux = eurolinux
Springdale = springdale
PUIAS = springdale
MIRACLE LINUX = miraclelinux
Asianux = asianux
XenServer = xenenterprise
Huawei Cloud EulerOS = hce
EulerOS = euleros
openEuler = openEuler
NeoKylin = neokylin
Kylin = kylin
UnionTech = uos
UOS = uos
Anolis = anolis
Alibaba Cloud Linux = alinux
Aliyun Linux = alinux
TencentOS = tencentos
OpenCloudOS = opencloudos
BigCloud = bclinux
Red Flag = redflag
VMware Photon = photon
Mandriva = mandriva
MandrivaLinux = mandriva
ManjaroLinux = manjaro
Mandrake = mandrake
Mageia = mageia
ROSA = rosa
OpenMandriva = openmandriva
ALT Linux = altlinux
ALT Server = altlinux
ALT Workstation = altlinux
PLD = pld
SUSE Linux Enterprise Server = sles
SUSE Linux Enterprise Desktop = sled
SLES = sles
openSUSE = opensuse
SUSE = suse
Slackware = slackware
Gentoo = gentoo
Debian = debian
Ubuntu = ubuntu
LinuxMint = linuxmint
Linux Mint = linuxmint
Raspbian = raspbian
Arch = arch
Alpine = alpine
Deepin = deepin
ClearOS = clearos
CirrOS = cirros
"""
