"""The report that a person would rather look at than a log: findings, facts and the disk in, one HTML file out.

It needs no network and no script: a content security policy forbids both, the style sheet stands in the file, drawings
are inline SVG. It has no date in it, so that the same facts give the same bytes. All text of images, requests and files
is made printable before anything is built of it, and htpy escapes whatever it is given.

HTML Living Standard, https://html.spec.whatwg.org/; Content Security Policy Level 3, https://www.w3.org/TR/CSP3/; Web
Content Accessibility Guidelines 2.2, level AA, https://www.w3.org/TR/WCAG22/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.leanness import let_in
from imgbuild.reports.findings import findings_view

let_in()  # before htpy, which the modules below import
from imgbuild.reports.html.document import write_document  # noqa: E402 - see above
from imgbuild.reports.html.printable import printable_view  # noqa: E402 - see above

if TYPE_CHECKING:
    from imgbuild.reports.page import Page
    from imgbuild.reports.views import View


def render(view: View, page: Page) -> bytes:  # noqa: ARG001 - a browser lays it out
    """Return the findings of a view as HTML; raises UsageError for a view of something else."""
    return write_document(printable_view(findings_view(view, "html"))).encode()
