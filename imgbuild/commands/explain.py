"""``imgbuild explain``: shows one rule with its reason, sources, server error code, examples and cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.options import REPORT, options
from imgbuild.commands.rules import entry_of
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from imgbuild.rulebook import RuleBook


@click.command("explain", short_help="Show one rule.",
               epilog="\b\nExample:\n  imgbuild explain image-backing-file")
@click.argument("rule")
@options("cloud", *REPORT)
def command(rule: str, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Show one rule: why it is one, what to do, what the server answers, and which documents say so."""
    from imgbuild import rulebook  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.model import Rules  # noqa: PLC0415 - as above
    from imgbuild.reports.views import RulesView  # noqa: PLC0415 - as above

    output = Output(words)
    book = rulebook.load(words["cloud"])
    found = book.rule(rule)
    if found is None:
        raise UsageError(f"no rule {rule!r}", cure=_cure(rule, book))
    output.show(RulesView(rules=Rules(cloud=words["cloud"], rules=(entry_of(found, book),)), page=True))
    output.close()
    return 0


def _cure(rule: str, book: RuleBook) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a slip

    near = get_close_matches(rule.lower(), [known.id for known in book.rules], n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "imgbuild rules lists them"
