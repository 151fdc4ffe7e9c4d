"""``imgbuild explain``: shows one rule, or one error code of the server and the rules that forestall it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.completion import rules_and_codes
from imgbuild.commands.options import REPORT, options
from imgbuild.commands.rules import entry_of
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from imgbuild.documents.rules import ErrorEntry, Rules
    from imgbuild.rulebook import RuleBook

_CODE = re.compile(r"([A-Za-z]+)[.-]?(\d{1,9})")
_NEAR = 3


@click.command("explain", short_help="Show one rule, or an error code.",
               epilog="\b\nExample:\n  imgbuild explain image-backing-file")
@click.argument("rule", shell_complete=rules_and_codes)
@options("cloud", "rules", "catalogue", *REPORT)
def command(rule: str, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Show one rule: why it is one, what to do, what the server answers, and which documents say so.

    RULE may also be an error code of the server, such as IMG.0072, or a status of one that has no codes, such as 415:
    what it means, which calls give it, and which rules find its cause before the call; or an OS version, such as
    'CentOS 7.9 64bit': whose it is, and how sure.
    """
    from imgbuild import rulebook  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.reports.views import RulesView  # noqa: PLC0415 - as above

    output = Output(words)
    book = rulebook.load(words["cloud"], rules=words["rules"], catalogue=words["catalogue"])
    output.show(RulesView(rules=_rules(rule, book), page=True))
    output.close()
    return 0


def _rules(text: str, book: RuleBook) -> Rules:
    """Return the rule, the error of the server with the rules that forestall it, or the OS version of this name.

    Raises:
        UsageError: It is none of them.
    """
    from msgspec import UNSET  # noqa: PLC0415 - as above

    from imgbuild.checks.system import OsVersion  # noqa: PLC0415 - as above
    from imgbuild.documents.rules import Rules  # noqa: PLC0415 - as above
    from imgbuild.rulebook.spelling import catalogue_facts, spelling_entry  # noqa: PLC0415 - as above

    cloud, found = book.profile.name, book.rule(text)
    if found is not None:
        lists = isinstance(found.check, OsVersion)
        return Rules(cloud=cloud, rules=(entry_of(found, book),), catalogue=catalogue_facts(book) if lists else UNSET)
    slip = _CODE.fullmatch(text)
    code = f"{slip[1].upper()}.{int(slip[2]):04d}" if slip else _by_status(text, book)
    if code in book.all_errors:
        preventing = book.preventing(code)
        return Rules(cloud=cloud, rules=tuple(entry_of(rule, book) for rule in preventing),
                     errors=(_error_entry(code, book, tuple(rule.id for rule in preventing)),))
    spelling = book.catalogue.find(text)
    if spelling is not None:
        return Rules(cloud=cloud, rules=(), os_versions=(spelling_entry(spelling, book),),
                     catalogue=catalogue_facts(book))
    if slip is not None:
        raise UsageError(f"no error code {text!r} on {cloud}",
                         cure=_elsewhere(code, cloud) or _near_codes(f"{slip[1].upper()}.{slip[2]:>04}", book))
    raise UsageError(f"no rule {text!r}", cure=_near_rules(text, book))


def _by_status(text: str, book: RuleBook) -> str:
    """Return the error that a text is the HTTP status of (``415``), or the name in other letters.

    Raises:
        UsageError: Several errors have this status.
    """
    found = [code for code, error in book.all_errors.items() if text == str(error.status)
             or text.casefold() == code.casefold()]
    if len(found) > 1:
        raise UsageError(f"{len(found)} error codes of {book.profile.name} have the status {text}",
                         cure=f"name the code that is in the answer, such as {found[0]}")
    return found[0] if found else text


def _error_entry(code: str, book: RuleBook, rules: tuple[str, ...]) -> ErrorEntry:
    from imgbuild.documents.rules import ErrorEntry  # noqa: PLC0415 - as above

    error = book.all_errors[code]
    cited = dict.fromkeys((*error.sources, *error.readings))
    return ErrorEntry(
        code=code, status=error.status, category=error.category, meaning=error.meaning, server_only=error.server_only,
        note=error.note, rules=rules, sources=tuple(book.source(name, error.readings.get(name)) for name in cited))


def _elsewhere(code: str, cloud: str) -> str | None:
    """Return where the code is known, if some other cloud has it; those that only inherit it are not named."""
    from imgbuild import rulebook  # noqa: PLC0415 - only for a slip

    books = [rulebook.load(name) for name in rulebook.clouds() if name != cloud]
    chains = {book.profile.name: set(book.profile.chain[:-1]) for book in books if code in book.all_errors}
    others = [name for name, chain in chains.items() if not chain & set(chains)]
    return f"it is one of {' and '.join(others)}: --cloud {others[0]}" if others else None


def _near_codes(code: str, book: RuleBook) -> str:
    """Return the known codes that fewest slips lead to, those first that begin alike and whose numbers are close."""
    codes = [known for known in book.all_errors if re.search(r"\d", known)]
    if not codes:
        return "this cloud answers with statuses alone"
    slips = {known: _slips(code, known) for known in codes}
    near = [known for known in codes if slips[known] == min(slips.values())]
    near.sort(key=lambda known: (-len(os.path.commonprefix([code, known])), abs(_number(known) - _number(code)), known))  # noqa: RUF071 - characters are what is compared
    return f"close to it {'is' if len(near) == 1 else 'are'} {', '.join(near[:_NEAR])}"


def _slips(text: str, other: str) -> int:
    """Return how many characters must be written anew, put in or taken out to make one text of the other."""
    row = list(range(len(other) + 1))
    for above, char in enumerate(text, 1):
        old, row[0] = row[0], above
        for at, wanted in enumerate(other, 1):
            old, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, old + (char != wanted))
    return row[-1]


def _number(code: str) -> int:
    return int(re.sub(r"\D", "", code))


def _near_rules(rule: str, book: RuleBook) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a slip

    spelling = next(iter(book.catalogue.folded(rule)), None) or book.catalogue.nearest(rule)
    if spelling is not None:
        return f"did you mean {spelling.os_version!r}?"
    near = get_close_matches(rule.lower(), [known.id for known in book.rules], n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "imgbuild rules lists them"
