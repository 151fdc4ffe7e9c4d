"""Glance as a WSGI application whose every request comes from an ordinary member of one project.

In a cloud Keystone's middleware puts these headers there; here nothing stands before Glance, and clients that know
nothing of them (``openstack --os-auth-type none``) shall be served under Glance's own default policies all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MEMBER = {"HTTP_X_IDENTITY_STATUS": "Confirmed", "HTTP_X_USER_ID": "imgbuild", "HTTP_X_PROJECT_ID": "imgbuild",
          "HTTP_X_ROLES": "member,reader"}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    from glance.wsgi.api import application as glance  # noqa: PLC0415 - its configuration is read on import

    served: Iterable[bytes] = glance(environ | MEMBER, start_response)
    return served
