"""What a shell may complete: the word that was begun in, the values that it may become out.

The shells ask by click's own mechanism, https://click.palletsprojects.com/en/stable/shell-completion/. An option is
completed by its name, or as the file or folder that its metavar speaks of. What cannot be read completes nothing.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click
    from click.shell_completion import CompletionItem

    from imgbuild.rulebook import RuleBook

    Completions = list[CompletionItem[str]] | list[str]
    Completer = Callable[[click.Context, click.Parameter, str], Completions]

_FILE = re.compile(r"FILE|.*\.json", re.IGNORECASE)
_FOLDER = "DIR"


def files(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Let the shell complete the name of a file."""
    return [_item(begun, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Let the shell complete the name of a folder."""
    return [_item(begun, type="dir")]


def _reports(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Complete the name of a report, or behind an equals sign the file that it goes to."""
    from imgbuild.reports import NAMES  # noqa: PLC0415 - no other word needs them

    name, equals, path = begun.partition("=")
    return paths(f"{name}=", path) if equals else _among(NAMES, begun)


def _image_and_address(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Complete the file of ``FILE=BUCKET:KEY``; nobody knows the rest."""
    return [] if "=" in begun else files(_context, _parameter, begun)


def _image_formats(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    from imgbuild.commands.options import format_names  # noqa: PLC0415 - it asks this module

    return _among(format_names(), begun)


def _clouds(context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    from imgbuild.defaults import ALL  # noqa: PLC0415 - as with the reports
    from imgbuild.rulebook.packs import clouds  # noqa: PLC0415 - as with the reports

    every = (ALL,) if context.info_name == "check" else ()
    return _among((*clouds(), *every), begun)


def _operations(context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    with suppress(ImgbuildError):
        return [_item(name, help=operation.title) for name, operation in
                sorted(_book(context).profile.operations.items()) if name.startswith(begun)]
    return []


def _fields(context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Complete the name of a field, and the values that its page lists."""
    with suppress(ImgbuildError):
        profile = _book(context).profile
        operation = profile.operations.get(context.params.get("operation") or profile.default_operation)
        fields = operation.documented(profile.custom_properties) if operation is not None else {}
        name, equals, _ = begun.partition("=")
        if equals and name in fields:
            return _among((f"{name}={_as_word(value)}" for value in fields[name].allowed), begun)
        return _among((f"{field}=" for field in sorted(fields)), begun)
    return []


def rules(context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Complete the id of a rule that holds on the cloud; shells that can, show its title."""
    with suppress(ImgbuildError):
        return [_item(rule.id, help=rule.title) for rule in _book(context).rules if rule.id.startswith(begun)]
    return []


def rules_and_codes(context: click.Context, parameter: click.Parameter, begun: str) -> Completions:
    """Complete the id of a rule, or an error code of the server."""
    with suppress(ImgbuildError):
        codes = _book(context).all_errors
        return [*rules(context, parameter, begun),
                *(_item(code, help=error.meaning) for code, error in codes.items() if code.startswith(begun))]
    return []


def documents(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    """Complete the kind of a document."""
    from imgbuild.commands.schema import NAMES  # noqa: PLC0415 - it asks this module

    return _among(NAMES, begun)


def _checksums(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    from imgbuild.algorithms import ALGORITHMS  # noqa: PLC0415 - as with the reports

    return _among(ALGORITHMS, begun)


def _image_catalogues(_context: click.Context, _parameter: click.Parameter, begun: str) -> Completions:
    from imgbuild.catalogues import NAMES  # noqa: PLC0415 - as with the reports

    return _among(NAMES, begun)


_COMPLETERS: dict[str, Completer] = {
    "--format": _reports, "--claim": _image_formats, "--cloud": _clouds, "--operation": _operations,
    "--checksum": _checksums, "--select": rules, "--ignore": rules, "--set": _fields,
    "--as-catalogue": _image_catalogues,
    "--data-image": _image_and_address,
}


def completer_of(option: str, metavar: str | None) -> Completer | None:
    """Return what completes the values of an option, ``None`` where nobody can know them."""
    if option in _COMPLETERS:
        return _COMPLETERS[option]
    if metavar is None:
        return None
    return files if _FILE.fullmatch(metavar) else folders if metavar == _FOLDER else None


def _book(context: click.Context) -> RuleBook:
    from imgbuild.rulebook import DEFAULT_CLOUD, load  # noqa: PLC0415 - as with the reports

    return load(context.params.get("cloud") or DEFAULT_CLOUD, rules=context.params.get("rules"))


def _as_word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _among(values: Iterable[str], begun: str) -> list[str]:
    return [value for value in values if value.startswith(begun)]


def paths(before: str, begun: str) -> list[CompletionItem[str]]:
    """Complete a path behind other text, which no shell does by itself; and mark it for bash, which can."""
    import glob  # noqa: PLC0415 - while somebody types, and in no run

    found = sorted(glob.iglob(f"{glob.escape(begun)}*"))
    return [_item(f"{before}{path}{os.sep if os.path.isdir(path) else ''}", path=True) for path in found] or [
        _item(f"{before}{begun}", path=True)]


def _item(value: str, **about: Any) -> CompletionItem[str]:  # noqa: ANN401 - click's own
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - it is there when a shell asks

    return CompletionItem(value, **about)
