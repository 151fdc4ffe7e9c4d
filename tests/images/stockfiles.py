"""The files in /etc and around it that stock cloud images have, by distribution: what readiness checks look at.

Texts are those of the distributions' own packages and image recipes, shortened to what says something. A tree is as in
``tree.py``.
"""

from __future__ import annotations

from images.tree import Link, Tree

UNITS = "usr/lib/systemd/system/"
WANTS = "etc/systemd/system/"
CLOUD_INIT = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
DEBIAN_SOURCES = (
    "NoCloud, ConfigDrive, OpenNebula, DigitalOcean, Azure, AltCloud, OVF, MAAS, GCE, OpenStack, CloudSigma, SmartOS,"
    " Bigstep, Scaleway, AliYun, Ec2, CloudStack, Hetzner, IBMCloud, Oracle, Exoscale, RbxCloud, UpCloud, VMware,"
    " Vultr, LXD, NWCS, None"
)
ACCOUNTS = "root:x:0:0:root:/root:/bin/bash\nsshd:x:74:74:Privilege-separated SSH:/usr/share/empty.sshd:/sbin/nologin\n"
SHADOW = "root:*:19700:0:99999:7:::\nsshd:!*:19700::::::\n"


def unit(name: str, wanted_by: str, *, vendor: bool = False) -> Tree:
    """Return a unit and the link that enables it, in /etc or with the vendor's own links."""
    link = f"{UNITS if vendor else WANTS}{wanted_by}.wants/{name}"
    return preset(name, wanted_by) | {link: Link(f"/usr/lib/systemd/system/{name}")}


def preset(name: str, wanted_by: str) -> Tree:
    """Return a unit that only a preset enables, at the first boot."""
    return {f"{UNITS}{name}": f"[Unit]\nDescription={name}\n\n[Install]\nWantedBy={wanted_by}\n".encode()}


def texts(files: dict[str, str]) -> Tree:
    """Return files from their texts."""
    return {path: text.encode() for path, text in files.items()}


def cloud_init(wanted_by: str = "cloud-init.target", names: tuple[str, ...] = CLOUD_INIT) -> Tree:
    """Return cloud-init's programs and its enabled services."""
    tree: Tree = {
        "usr/bin/cloud-init": b"#!/usr/bin/python3\n",
        "usr/bin/growpart": b"#!/bin/sh\n",
        "usr/lib/cloud-init/ds-identify": b"#!/bin/sh\n",
        "usr/lib/systemd/system-generators/cloud-init-generator": b"#!/bin/sh\n",
        f"{UNITS}cloud-init.target": b"[Unit]\nDescription=Cloud-init target\nAfter=multi-user.target\n",
        "var/lib/cloud": None,
    }
    for name in names:
        tree |= unit(f"{name}.service", wanted_by)
    return tree


CLOUD_CFG = """\
users:
   - default
disable_root: {disable_root}
preserve_hostname: false
{extra}
cloud_init_modules:
 - migrator
 - seed_random
 - bootcmd
 - write-files
 - growpart
 - resizefs
 - disk_setup
 - mounts
 - set_hostname
 - update_hostname
 - update_etc_hosts
 - ca-certs
 - rsyslog
 - users-groups
 - ssh
cloud_config_modules:
 - locale
 - set-passwords
 - runcmd
cloud_final_modules:
 - package-update-upgrade-install
 - scripts-user
 - final-message
system_info:
   distro: {distro}
   default_user:
     name: {user}
     lock_passwd: True
     gecos: {user}
     groups: [adm, sudo]
     sudo: ["ALL=(ALL) NOPASSWD:ALL"]
     shell: /bin/bash
   paths:
      cloud_dir: /var/lib/cloud/
      templates_dir: /etc/cloud/templates/
   ssh_svcname: {sshd}
"""
RED_HAT_CFG = """\
mount_default_fields: [~, ~, 'auto', 'defaults,nofail,x-systemd.requires=cloud-init.service,_netdev', '0', '2']
resize_rootfs_tmp: /dev
ssh_deletekeys: true
ssh_genkeytypes: ['rsa', 'ecdsa', 'ed25519']
ssh_pwauth: false
"""

DEBIAN_NETPLAN = """\
network:
    version: 2
    ethernets:
        all-en:
            match:
                name: en*
            dhcp4: true
            dhcp4-overrides:
                use-domains: true
            dhcp6: true
            dhcp6-overrides:
                use-domains: true
        all-eth:
            match:
                name: eth*
            dhcp4: true
            dhcp4-overrides:
                use-domains: true
            dhcp6: true
            dhcp6-overrides:
                use-domains: true
"""
SSHD_DEBIAN = """\
Include /etc/ssh/sshd_config.d/*.conf
#PermitRootLogin prohibit-password
#PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem\tsftp\t/usr/lib/openssh/sftp-server
ClientAliveInterval 120
"""
SSHD_RED_HAT = """\
Include /etc/ssh/sshd_config.d/*.conf
AuthorizedKeysFile\t.ssh/authorized_keys
Subsystem\tsftp\t/usr/libexec/openssh/sftp-server
"""
LOGIN_DEFS = "PASS_MAX_DAYS\t99999\nPASS_MIN_DAYS\t0\nPASS_WARN_AGE\t7\n"


def _common(machine_id: str) -> Tree:
    return texts({"etc/machine-id": machine_id, "etc/passwd": ACCOUNTS, "etc/shadow": SHADOW, "etc/hosts":
                  "127.0.0.1 localhost\n", "etc/login.defs": LOGIN_DEFS}) | {"var/lib/systemd": None}


def debian() -> Tree:
    """Debian 12, genericcloud: netplan with a default for every NIC, systemd-networkd, ssh.service."""
    tree = _common("uninitialized\n") | cloud_init() | unit("ssh.service", "multi-user.target")
    tree |= unit("systemd-networkd.service", "multi-user.target")
    return tree | texts({
        "etc/cloud/cloud.cfg": CLOUD_CFG.format(disable_root="true", distro="debian", user="debian", sshd="ssh",
                                                extra="apt:\n   preserve_sources_list: true\n"),
        "etc/cloud/cloud.cfg.d/01_debian_cloud.cfg": "apt:\n  generate_mirrorlists: true\nmanage_etc_hosts: true\n",
        "etc/cloud/cloud.cfg.d/05_logging.cfg": "_log:\n - &log_base |\n   [loggers]\n   keys=root,cloudinit\n"
                                                "log_cfgs:\n - [ *log_base ]\n",
        "etc/cloud/cloud.cfg.d/90_dpkg.cfg": "# to update this file, run dpkg-reconfigure cloud-init\n"
                                             f"datasource_list: [ {DEBIAN_SOURCES} ]\n",
        "etc/netplan/90-default.yaml": DEBIAN_NETPLAN,
        "etc/ssh/sshd_config": SSHD_DEBIAN,
        "var/log/apt/history.log": "Start-Date: 2024-02-10  06:00:00\n",
        "var/log/dpkg.log": "2024-02-10 06:00:00 startup archives unpack\n",
        "var/lib/dpkg/status": DPKG_STATUS,
    })


DPKG_STATUS = """\
Package: cloud-init
Status: install ok installed
Architecture: all
Version: 22.4.2-1

Package: openssh-server
Status: install ok installed
Architecture: amd64
Version: 1:9.2p1-2+deb12u2

"""


def ubuntu() -> Tree:
    """Ubuntu 24.04, server cloud image: no netplan file, ssh by its socket, a firewall that is off."""
    tree = _common("") | cloud_init() | unit("ssh.socket", "sockets.target") | unit("ufw.service", "multi-user.target")
    tree |= preset("ssh.service", "multi-user.target") | unit("systemd-networkd.service", "multi-user.target")
    tree |= {"etc/netplan": None, "usr/sbin/netplan": Link("../share/netplan/netplan.script")}
    return tree | texts({
        "etc/cloud/cloud.cfg": CLOUD_CFG.format(disable_root="true", distro="ubuntu", user="ubuntu", sshd="ssh",
                                                extra=""),
        "etc/cloud/cloud.cfg.d/90_dpkg.cfg": f"datasource_list: [ {DEBIAN_SOURCES} ]\n",
        "etc/cloud/build.info": "build_name: server\nserial: 20240423\n",
        "etc/ssh/sshd_config": SSHD_DEBIAN,
        "etc/ssh/sshd_config.d/60-cloudimg-settings.conf": "PasswordAuthentication no\n",
        "etc/ufw/ufw.conf": "ENABLED=no\nLOGLEVEL=low\n",
        "var/log/apt/history.log": "Start-Date: 2024-04-23  06:00:00\n",
        "var/lib/dpkg/status": DPKG_STATUS,
    })


def red_hat(*, user: str, network: str = "NETWORKING=yes\nNOZEROCONF=yes\n") -> Tree:
    """Rocky, Alma and their kin, 9: NetworkManager without a profile, sshd, no firewall."""
    tree = _common("") | cloud_init() | unit("sshd.service", "multi-user.target")
    tree |= unit("NetworkManager.service", "multi-user.target")
    tree |= {"etc/NetworkManager/system-connections": None, "etc/sysconfig/network-scripts": None}
    return tree | texts({
        "etc/cloud/cloud.cfg": CLOUD_CFG.format(disable_root="true", distro="rhel", user=user, sshd="sshd",
                                                extra=RED_HAT_CFG),
        "etc/cloud/cloud.cfg.d/05_logging.cfg": "_log:\n - &log_base |\n   [loggers]\nlog_cfgs:\n - [ *log_base ]\n",
        "etc/NetworkManager/NetworkManager.conf": "[main]\n#plugins=keyfile,ifcfg-rh\n\n[logging]\n",
        "etc/sysconfig/network": network,
        "etc/ssh/sshd_config": SSHD_RED_HAT,
        "etc/ssh/sshd_config.d/50-redhat.conf": "ChallengeResponseAuthentication no\nUsePAM yes\n",
        "usr/lib/systemd/system-preset/90-default.preset": "enable sshd.service\nenable cloud-*.service\ndisable *\n",
    })


def fedora() -> Tree:
    """Fedora Cloud 40: as Red Hat's, with a machine id that is not yet made."""
    return red_hat(user="fedora", network="# Created by anaconda\n") | _common("uninitialized\n") | texts({
        "usr/lib/NetworkManager/conf.d/20-connectivity-fedora.conf": "[connectivity]\nenabled=true\n",
    })


def opensuse() -> Tree:
    """openSUSE Leap 15.6, Minimal-VM cloud: wicked, eth0 by DHCP."""
    tree = _common("") | cloud_init() | unit("sshd.service", "multi-user.target")
    tree |= unit("wicked.service", "multi-user.target")
    tree |= {f"{WANTS}network.service": Link("/usr/lib/systemd/system/wicked.service")}
    return tree | texts({
        "etc/cloud/cloud.cfg": CLOUD_CFG.format(disable_root="true", distro="suse", user="opensuse", sshd="sshd",
                                                extra="datasource_list: [ NoCloud, ConfigDrive, OpenStack, None ]\n"),
        "etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO='dhcp'\nMTU=''\nREMOTE_IPADDR=''\nSTARTMODE='auto'\n",
        "etc/sysconfig/network/ifcfg-lo": "IPADDR=127.0.0.1/8\nSTARTMODE=nfsroot\nBOOTPROTO=static\n",
        "etc/sysconfig/network/config": 'NETCONFIG_MODULES_ORDER="dns-resolver"\n',
        "etc/sysconfig/network/dhcp": 'DHCLIENT_USE_LAST_LEASE="yes"\nWRITE_HOSTNAME_TO_HOSTS="no"\n',
        "etc/ssh/sshd_config": "AuthorizedKeysFile\t.ssh/authorized_keys\nUsePAM yes\nX11Forwarding yes\n",
    })


def flatcar_usr() -> Tree:
    """Flatcar's /usr: the vendor's own links, Ignition, networkd with DHCP for every NIC."""
    units = (unit("systemd-networkd.service", "multi-user.target", vendor=True)
             | unit("sshd.socket", "sockets.target", vendor=True)
             | unit("coreos-metadata-sshkeys@.service", "multi-user.target", vendor=True))
    tree: Tree = {path.removeprefix("usr/"): content for path, content in units.items()}
    return tree | texts({
        "lib/systemd/network/zz-default.network": "[Network]\nDHCP=yes\nKeepConfiguration=dhcp-on-stop\n\n"
                                                  "[DHCP]\nUseMTU=true\nUseDomains=true\n",
        "bin/coreos-cloudinit": "#!/bin/sh\n",
        "bin/ignition": "",
        "share/flatcar/update.conf": "GROUP=stable\nREBOOT_STRATEGY=off\n",
        "share/flatcar/etc/ssh/sshd_config": "Subsystem sftp internal-sftp\nClientAliveInterval 180\nUseDNS no\n"
                                             "UsePAM yes\nPrintLastLog no\n",
    })


def fedora_coreos() -> Tree:
    """Fedora CoreOS: units by presets at the first boot, Ignition and Afterburn, NetworkManager without a profile."""
    tree = preset("sshd.service", "multi-user.target") | preset("NetworkManager.service", "multi-user.target")
    tree |= preset("afterburn-sshkeys@.service", "multi-user.target")
    return tree | texts({
        "etc/passwd": ACCOUNTS,
        "etc/shadow": SHADOW,
        "etc/NetworkManager/NetworkManager.conf": "[main]\n#plugins=keyfile\n",
        "etc/ssh/sshd_config": SSHD_RED_HAT,
        "etc/ssh/sshd_config.d/40-disable-passwords.conf": "PasswordAuthentication no\n",
        "usr/bin/afterburn": "",
        "usr/lib/dracut/modules.d/30ignition/ignition": "",
        "usr/lib/systemd/system-preset/40-coreos.preset": "enable afterburn-sshkeys@.service\n",
        "usr/lib/systemd/system-preset/90-default.preset": "enable sshd.service\nenable NetworkManager.service\n"
                                                           "disable *\n",
    })
