"""``imgbuild rules``: lists the rules that hold on a cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.options import REPORT, option, options

if TYPE_CHECKING:
    from imgbuild.commands.output import Output
    from imgbuild.documents.rules import RuleEntry
    from imgbuild.rulebook import RuleBook
    from imgbuild.rulebook.rules import Rule


@click.command("rules", short_help="List the rules.",
               epilog="\b\nExample:\n  imgbuild rules")
@option("--check", is_flag=True, help="Say what is wrong with the rule book instead: of all clouds, or with --rules of "
        "your own.")
@options("cloud", "rules", "catalogue", *REPORT)
def command(*, check: bool, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """List the rules that hold on a cloud, with severity, group and title.

    With --check, exit status 1 means that something is wrong with the rule book, 3 that it cannot be read.
    """
    from imgbuild import rulebook  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.documents.rules import Rules  # noqa: PLC0415 - as above
    from imgbuild.reports.views import RulesView  # noqa: PLC0415 - as above
    from imgbuild.rulebook.spelling import catalogue_facts  # noqa: PLC0415 - as above

    output = Output(words)
    if check:
        return _check(output, words)
    book = rulebook.load(words["cloud"], rules=words["rules"], catalogue=words["catalogue"])
    entries = tuple(entry_of(rule, book) for rule in book.rules)
    output.show(RulesView(rules=Rules(cloud=words["cloud"], rules=entries, catalogue=catalogue_facts(book))))
    output.close()
    return 0


def _check(output: Output, words: dict[str, Any]) -> int:
    from imgbuild.reports.views import ReviewView  # noqa: PLC0415 - as above
    from imgbuild.rulebook.review import review  # noqa: PLC0415 - as above

    found = review(words["cloud"], words["rules"])
    output.show(ReviewView(review=found))
    output.close()
    return int(bool(found.problems))


def entry_of(rule: Rule, book: RuleBook) -> RuleEntry:
    """Return a rule as it is printed, with its documents and the server's error codes."""
    from msgspec import UNSET  # noqa: PLC0415 - as above

    from imgbuild.documents.rules import RuleEntry  # noqa: PLC0415 - as above
    from imgbuild.rulebook.evidence import read_evidence  # noqa: PLC0415 - as above

    return RuleEntry(
        id=rule.id, severity=rule.severity, group=rule.group, pack=rule.pack, title=rule.title, why=rule.why,
        hint=rule.hint, at=rule.places, operations=rule.operations, fails=rule.fails, passes=rule.passes,
        sources=tuple(book.source(source, rule.readings.get(source)) for source in rule.cited),
        errors=tuple(error for code in rule.errors if (error := book.error(code)) is not None),
        evidence=read_evidence().get(rule.id, ()), fix=UNSET if rule.fix is None else rule.fix.summary)
