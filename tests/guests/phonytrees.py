"""Trees for readiness checks: systemd with units that are on, cloud-init on top."""

from __future__ import annotations

from phony import Link

LIB, WANTS = "/usr/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants"
UNIT = "[Install]\nWantedBy=multi-user.target\n"
SYSTEMD = {"/usr/lib/systemd/systemd": "x", "/etc/machine-id": ""}


def off(*names):
    """Units that are there and not started."""
    return SYSTEMD | {f"{LIB}/{name}": UNIT for name in names}


def on(*names):
    """Units that are started."""
    return off(*names) | {f"{WANTS}/{name}": Link(f"{LIB}/{name}") for name in names}


def cloud_init(**files):
    """cloud-init at work; ``files`` are cloud.cfg (``main``) and files of cloud.cfg.d by name."""
    texts = {"/etc/cloud/cloud.cfg" if name == "main" else f"/etc/cloud/cloud.cfg.d/{name}.cfg": text
             for name, text in files.items()}
    return on("cloud-init.service") | {"/usr/bin/cloud-init": "x", "/etc/cloud/cloud.cfg": ""} | texts
