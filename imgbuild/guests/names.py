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
Red Hat Linux Advanced Server = rhel
Red Hat Linux = rhl
CentOS = centos
Rocky Linux = rocky
AlmaLinux = almalinux
Oracle Linux = ol
Enterprise Linux Enterprise Linux = ol
Enterprise Linux Server = ol
Oracle VM = ovs
Scientific Linux = scientific
Fedora = fedora
Amazon Linux = amzn
CloudLinux = cloudlinux
Virtuozzo Linux = vzlinux
Virtuozzo = virtuozzo
VzLinux = vzlinux
OpenVZ = virtuozzo
EuroLinux = eurolinux
Springdale = springdale
PUIAS = springdale
MIRACLE LINUX = miraclelinux
Asianux = asianux
XenServer = xenenterprise
XCP-ng = xenenterprise
Huawei Cloud EulerOS = hce
EulerOS = euleros
openEuler = openEuler
NeoKylin = neokylin
openKylin = openkylin
Kylin = kylin
UnionTech = uos
UOS = uos
Anolis = anolis
Alibaba Cloud Linux = alinux
Alibaba Group Enterprise Linux = alios
AliOS = alios
Aliyun Linux = alinux
TencentOS = tencentos
Tencent tlinux = tencentos
OpenCloudOS = opencloudos
BigCloud = bclinux
BCLinux = bclinux
CTyunOS = ctyunos
Red Flag = redflag
VMware Photon = photon
Mandriva = mandriva
MandrivaLinux = mandriva
ManjaroLinux = manjaro
Manjaro = manjaro
Mandrake = mandrake
Mageia = mageia
ROSA = rosa
OpenMandriva = openmandriva
OpenMandrivaLinux = openmandriva
ALT = altlinux
PLD = pld
SUSE Linux Enterprise Server = sles
SUSE Linux Enterprise Desktop = sled
SuSE SLES = sles
SLES = sles
SLED = sled
openSUSE = opensuse
SUSE = suse
Slackware = slackware
Funtoo = funtoo
Gentoo = gentoo
Sabayon = sabayon
Debian = debian
Ubuntu = ubuntu
LinuxMint = linuxmint
Linux Mint = linuxmint
elementary = elementary
Zorin = zorin
Pop!_OS = pop
Pop = pop
KDE neon = neon
neon = neon
Kali = kali
Parrot = parrot
PureOS = pureos
Devuan = devuan
MX = mx
Trisquel = trisquel
Raspbian = raspbian
AstraLinuxCE = astra
AstraLinuxSE = astra
AstraLinux = astra
Univention = ucs
Vyatta = vyatta
VyOS = vyos
Endless = endless
Arch = arch
ArcoLinux = arcolinux
Artix = artix
EndeavourOS = endeavouros
Chakra = chakra
Alpine = alpine
Deepin = deepin
ClearOS = clearos
CirrOS = cirros
OpenWrt = openwrt
LEDE = lede
IPFire = ipfire
NethServer = nethserver
Qubes = qubes
Source Mage = smgl
CoreOS = coreos
RancherOS = rancheros
CumulusLinux = cumulus-linux
Cumulus Linux = cumulus-linux
Welcome to Buildroot = buildroot
Poky = poky
"""
