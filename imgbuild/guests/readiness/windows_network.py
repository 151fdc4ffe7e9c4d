"""How a Windows guest gets its address, and whether it belongs to a domain.

    SYSTEM, the control set, Services, Tcpip, Parameters: Domain
        Interfaces, one key for each NIC: EnableDHCP, IPAddress, NameServer

https://learn.microsoft.com/troubleshoot/windows-client/networking/tcpip-and-nbt-configuration-parameters
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.readiness.base import failed, passed
from imgbuild.guests.readiness.windows_base import below, control_set, value_at

if TYPE_CHECKING:
    from imgbuild.guests.readiness.base import Answer, View
    from imgbuild.guests.windows.hives import Key
    from imgbuild.model import Place

_PARAMETERS = "Services\\Tcpip\\Parameters"
_DHCP_CURE = ('netsh interface ipv4 set address name="Ethernet" source=dhcp, and the same with set dnsservers,'
              " for each NIC")
_UNBOUND = "0.0.0.0"  # noqa: S104 - no address to listen on, but how the registry writes that there is none


def dhcp(view: View) -> Answer:
    """win_dhcp: every NIC takes its address and its name servers from the network."""
    interfaces = below(control_set(view), f"{_PARAMETERS}\\Interfaces")
    keys = list(interfaces.keys()) if interfaces is not None else []
    wrong = [at for key in keys if (at := _fixed(key)) is not None]
    if wrong:
        return failed("a NIC has a fixed address or fixed name servers", wrong, cure=_DHCP_CURE)
    seen = "every NIC takes its address by DHCP" if keys else "no NIC is set up: each new one takes its address by DHCP"
    return passed(seen, *((interfaces.path,) if interfaces is not None else ()))


def _fixed(key: Key) -> Place | None:
    addresses = [address for address in key.texts("IPAddress") or () if address != _UNBOUND]
    if addresses and key.number("EnableDHCP") != 1:
        return value_at(key, "IPAddress", addresses[0], f"a NIC has the fixed address {addresses[0]}")
    servers = key.text("NameServer")
    if servers:
        return value_at(key, "NameServer", servers, f"a NIC has the fixed name servers {servers}")
    return None


def domain(view: View) -> Answer:
    """win_domain: the machine belongs to no domain when its image is taken."""
    parameters = below(control_set(view), _PARAMETERS)
    name = parameters.text("Domain") if parameters is not None else None
    if parameters is not None and name:
        return failed(f"the machine belongs to the domain {name}", [value_at(parameters, "Domain", name)],
                      cure="Remove-Computer -WorkgroupName WORKGROUP -Force, then restart")
    options = below(control_set(view), "Control\\ProductOptions")
    if options is not None and options.text("ProductType") == "LanmanNT":
        return failed("the machine is a domain controller", [value_at(options, "ProductType", "LanmanNT")],
                      cure="Uninstall-ADDSDomainController, then restart")
    return passed("the machine belongs to no domain", *((parameters.path,) if parameters is not None else ()))
