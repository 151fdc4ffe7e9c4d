"""The names on installation media, as the programs write them that master the media: a table.

Each row is the os-release ID of the system that the medium installs and a pattern for the beginning of a field of the
volume descriptor. In a pattern, ``v`` is the version as the label writes it, ``c`` a code name, ``p`` a service pack,
``t`` the month of a rebuild, ``e`` a word for the edition; case does not count. A row matches from the first character
on, and what is left of the field may say anything: a disc number, an architecture, the number of a build.

Where the facts come from, by family:
    Debian: debian-cd, https://salsa.debian.org/images-team/debian-cd (VOLID in CONF.sh and the mkisofs options), and
        live-build, https://live-team.pages.debian.net/live-manual/ (--iso-volume)
    Ubuntu and its flavours: ubuntu-cdimage, https://git.launchpad.net/ubuntu-cdimage (lib/cdimage/build.py)
    Fedora, RHEL, CentOS, Oracle, Rocky, AlmaLinux: pungi, https://docs.pagure.org/pungi/configuration.html
        (image_volid_formats, image_volid_layered_product_formats), and lorax, https://weldr.io/lorax/ (--volid)
    SUSE: kiwi, https://osinside.github.io/kiwi/ (volid, application_id), and product-builder,
        https://github.com/openSUSE/product-builder
    openEuler: oemaker, https://gitee.com/openeuler/oemaker; docs.openeuler.org, "Automatic installation" (LABEL=…)
    Kylin: its own boot menu names the label Kylin-Server-10, https://product.kylinos.cn
    Alpine: mkimage.sh, https://gitlab.alpinelinux.org/alpine/aports/-/blob/master/scripts/mkimg.base.sh
    FreeBSD: https://cgit.freebsd.org/src/tree/release/amd64/mkisoimages.sh and release/Makefile (VOLUME_LABEL)
    OpenBSD, NetBSD, DragonFly: the Makefiles of their releases, https://cvsweb.openbsd.org/src/distrib/amd64/iso/Makefile
    All of them: the media tables of the osinfo database, https://gitlab.com/libosinfo/osinfo-db, read 2024 as a list
        of which labels exist; its patterns are others.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

VOLUME, APPLICATION, SET = "volume_id", "application_id", "volume_set_id"


class Label(NamedTuple):
    """One row: a system, the pattern that names it, the field it stands in, and the variant it stands for."""

    system: str
    pattern: str
    field: str = VOLUME
    variant: str | None = None

    @property
    def prefix(self) -> str:
        """The literal beginning of the pattern, in lower case: only where the field has it the pattern is tried."""
        literal = _LITERAL.match(self.pattern)
        return literal[0].lower() if literal else ""


# What stands before a quantifier is not literal.
_LITERAL = re.compile(r"(?:[A-Za-z0-9 /_-](?![?*+{]))*")

_END = r"(?![\d.]*\d)"  # the number goes no further
_V1, _V2, _V3 = r"(?P<v>\d+)" + _END, r"(?P<v>\d+\.\d+)" + _END, r"(?P<v>\d+(?:\.\d+){0,2})" + _END
_DASHED = r"(?P<v>\d{1,2}(?:[.-]\d{1,2}){0,2})(?![.\d])"  # 8-1-0, 7.9
_SUSE = r"(?P<v>\d{1,2}(?:\.\d)?)(?:-(?P<p>SP\d))?(?!\d)"
_WORDS = r"(?:[ _-](?:x86_64|[A-Za-z][A-Za-z0-9]*))*"
_FEDORA = rf"{_WORDS}[ _-](?P<v>(?<!x86_)(?:[7-9]|[1-9]\d))(?!\d)"


@cache
def rows() -> tuple[Label, ...]:
    """Return the table; the first row that matches counts."""
    return (*_DEBIAN, *_RED_HAT, *_FEDORA_ROWS, *_SUSE_ROWS, *_CHINESE, *_OTHERS, *_BSD)


_DEBIAN = (
    Label("debian", rf"Debian {_V3}(?: ?r\d+\w?)? "),
    Label("debian", r"Debian (?:GNU/Linux )?(?P<c>[a-z]+)(?:[- ]DI[- ]\w+)? "),
    Label("debian", rf"d-live (?:nf )?{_V3} (?P<e>\w\w)"),
    Label("debian", r"d-live (?:nf )?(?P<c>[a-z]+) (?P<e>\w\w)"),
    Label("ubuntu", rf"Ubuntu-(?P<e>[A-Za-z-]+) {_V3}"),
    Label("ubuntu", rf"Ubuntu {_V3}"),
    *(Label("ubuntu", rf"{name} {_V3}", variant=name.lower())
      for name in ("Kubuntu", "Xubuntu", "Lubuntu", "Edubuntu", "Mythbuntu", "UbuntuKylin")),
    Label("pop", rf"Pop_OS {_V2}"),
    Label("linuxmint", rf"Linux Mint (?P<v>\d+(?:\.\d)?){_END}"),
    Label("pureos", rf"PureOS {_V1}"),
    Label("trisquel", rf"trisquel(?:-[a-z]+)? (?P<v>\d+\.\d+(?:\.\d+)?){_END}"),
    Label("univention", r"UCS (?P<v>\d\.\d-\d+)"),
    Label("kali", rf"Kali(?: Linux)? (?P<v>\d{{4}}\.\d){_END}"),
)

_RED_HAT = (
    Label("rhel", r"RHEL[ -]?Atomic", variant="atomic.host"),
    Label("rhel", r"RHEL(?:SA)?[/_ -]?(?P<v>\d{1,2}(?:\.\d{1,2}|-U\d{1,2}|(?:-\d{1,2}){1,2})?)(?![.\d])"
                  r"(?:[ -](?P<e>Server|Client|Workstation|ComputeNode)\b)?"),
    Label("rhel", rf"Red Hat Enterprise Linux {_V2}", APPLICATION),
    Label("rhel", r"Red Hat Enterprise Linux Atomic", variant="atomic.host"),
    Label("centos", rf"CentOS[-_ ]Stream[-_ ]{_V1}", variant="stream"),
    Label("centos", r"CentOS[-_]Stream[-_]BaseOS", variant="stream"),
    Label("centos", r"CentOS-(?P<v>\d-\d-\d{4})-"),
    Label("centos", r"CentOS Linux (?P<v>\d+\.\d+\.\d{4})", APPLICATION),
    Label("centos", rf"CentOS[-_ ](?P<v>\d{{1,2}}(?:\.\d{{1,2}})?){_END}(?:[-_ ].*[a-z]-(?P<t>\d{{4}})$)?"),
    Label("ol", rf"OL-?{_DASHED}"),
    Label("ol", rf"Oracle-Linux-{_DASHED}"),
    Label("ol", rf"EL(?P<v>[45]\.\d+){_END} "),
    Label("rocky", rf"Rocky-{_DASHED}"),
    Label("rocky", rf"Rocky{_WORDS}-{_DASHED}"),
    Label("almalinux", rf"AlmaLinux-Kitten-{_V1}", variant="kitten"),
    Label("almalinux", r"AlmaLinux-(?P<v>\d{1,2}[-._]\d{1,2}|\d{1,2})(?![.\d])"),
    Label("eurolinux", r"EL-(?P<v>[89]-\d{1,2})-[a-z]\w*-\d{8}-"),
    Label("scientific", rf"Scientific Linux {_V2}"),
    Label("scientific", r"SL-(?P<v>[67]\.?\d{1,2})-"),
)

_FEDORA_ROWS = (
    Label("fedora", r"FC[/-](?P<v>[1-6]) "),
    Label("fedora", r"FC[/-](?P<v>[1-6]) ", APPLICATION),
    Label("fedora", r"F-(?P<v>7) "),
    Label("fedora", r"F-(?P<v>7) ", APPLICATION),
    Label("fedora", r"F(?P<v>8|9|10)-(?:i686|x86_64|ppc)-Live"),
    Label("fedora", r"Fedora[ _-].*\brawh", variant="rawhide"),
    Label("fedora", rf"Fedora{_FEDORA}"),
)

_SUSE_ROWS = (
    *(Label(system, rf"{name}-{_SUSE}{rest}", field, variant)
      for field in (APPLICATION, VOLUME)
      for system, name, rest, variant in (
          ("sle-micro", "SLE-Micro", "", None), ("sle-micro", "SUSE-MicroOS", "", None),
          ("sl-micro", "SL-Micro", "", None),
          ("sles_sap", "SLES-SAP", "", None), ("sles_sap", "SLE", "-SAP", None),
          ("sled", "SLED", "", None), ("sled", "SLE", "-Desktop", None),
          ("sle_hpc", "SLE", "-HPC", None), ("sle_hpc", "SLE-HPC", "", None),
          ("sles", "SLES", "", None), ("sles", "SLE", "-Server", None),
          ("sles", "SLE", "-(?:Installer|Online|Full|Packages)", "unified-installer"),
          ("opensuse-leap-micro", "openSUSE-Leap-Micro", "", None),
          ("opensuse-leap", "openSUSE-Leap", "", None),
          ("opensuse", "openSUSE", "", None))),
    *(Label(system, rf"openSUSE[-_ ]{name}[-_ ]", field)
      for field in (APPLICATION, VOLUME)
      for system, name in (("opensuse-tumbleweed", "Tumbleweed"), ("opensuse-microos", "MicroOS"))),
    Label("opensuse-leap", r"openSUSE_Leap_(?P<v>\d\d\.\d)(?!\d)"),
    Label("opensuse", r"openSUSE (?P<v>\d\d\.\d)(?!\d)"),
    Label("opensuse", r"openSUSE-(?:[A-Za-z]+-)*(?P<v>1[0-3]\.\d)(?!\d)"),
    Label("opensuse", r"openSUSE-(?:DVD|NET|KDE|GNOME)-"),
    Label("opensuse", r"openSUSE Live CD"),
)

_CHINESE = (
    Label("openEuler", rf"openEuler-(?P<v>\d\d\.\d\d){_END}(?:-LTS(?:-(?P<p>SP\d))?(?!\w))?"),
    Label("hce", rf"(?:HCE|Huawei Cloud EulerOS)[-_ ]V?{_V2}"),
    Label("euleros", r"EulerOS[-_ ]V?(?P<v>2\.0)(?!\d|\.)[-_ ]?\(?(?P<p>SP\d{1,2})(?!\d)"),
    Label("kylin", r"Kylin-Server-V?(?P<v>10)(?!\d|\.)(?:-(?P<p>SP\d)(?!\d))?"),
    Label("neokylin", r"NeoKylin[- ](?:Linux[- ])?(?:Advanced[- ])?Server[- ](?:release )?V?(?P<v>\d\.\d)(?!\d)"
                      r"(?:[- ]?(?P<p>U\d)(?!\d))?"),
    Label("uos", r"(?:UOS|UnionTech[- _]?OS|uniontechos)[- _]Server[- _](?P<v>20)(?!\d)"),
    Label("anolis", r"anolis-(?P<v>\d{1,2}(?:\.\d{1,2})?)(?![\d.])"),
    Label("anolis", r"anolis-dvd-[a-z]\w+-(?P<v>\d{1,2}(?:\.\d{1,2})?)(?![\d.])"),
    Label("anolis", rf"AnolisOS-{_DASHED}"),
    Label("opencloudos", rf"OpenCloudOS-{_DASHED}"),
)

_OTHERS = (
    Label("alpine", rf"alpine-[a-z]+ {_V3}"),
    Label("altlinux", r"ALT (?P<v>p\d{1,2}) "),
    Label("altlinux", r"ALT regular-", variant="sisyphus"),
    Label("altlinux", r"(?:ALT(?: Linux)?|Simply Linux)(?: [A-Za-z][A-Za-z-]*)* (?P<v>\d+\.\d+(?:\.\d+)?)" + _END),
    Label("altlinux", rf"ALT [A-Za-z]+ {_V2}", SET),
    Label("arch", r"ARCH_\d{6}(?!\d)"),
    Label("clear-linux-os", r"CLR_ISO"),
    Label("endless", r"Endless-OS-(?P<v>\d+-\d+-\d+)-"),
    Label("gentoo", r"Gentoo[- ][a-z0-9]\w*[- ]\d{8}"),
    Label("guix", r"GUIX_IMAGE"),
    Label("mageia", rf"Mageia-{_V3}"),
    Label("nixos", r"nixos-[a-z0-9-]+?-(?P<v>\d\d\.\d\d)(?!\d)"),
    Label("nixos", r"nixos-(?P<v>\d\d\.\d\d)(?!\d)"),
    Label("slackware", rf"Slackware(?: Linux)? {_V2}", APPLICATION),
    Label("slackware", r"S(?P<v>1\d[._]\d)d\d"),
    Label("slackware", r"SlackDVD"),
    Label("photon", r"PHOTON_\d"),
)

_BSD = (
    Label("freebsd", r"(?:FreeBSD_)?(?P<v>\d{1,2}_\d{1,2})_(?:RELEASE|RC\d+|BETA\d+|STABLE|CURRENT)(?:_|$)"),
    Label("openbsd", rf"OpenBSD/[a-z0-9]+ +{_V2} "),
    Label("netbsd", r"NETBSD_(?P<v>\d{2,4})(?!\d)"),
    Label("dragonfly", rf"DragonFly[ _]v{_V3}"),
)
