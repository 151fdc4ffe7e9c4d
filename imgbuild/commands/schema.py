"""``imgbuild schema``: prints the JSON Schema of a kind of document."""

from __future__ import annotations

from typing import Any

import click

from imgbuild.commands.completion import documents
from imgbuild.commands.options import options

NAMES = ("inspection", "manifest", "findings", "verification", "difference", "destinations", "rules", "review",
         "configuration")


@click.command("schema", short_help="Print the JSON Schema of a document.",
               help="Print the JSON Schema of the documents that the other commands write with --format json.\n\n"
                    f"NAME is one of {', '.join(NAMES)}.",
               epilog="\b\nExample:\n  imgbuild schema manifest")
@click.argument("name", shell_complete=documents)
@options("output")
def command(name: str, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Print the schema of the documents of this kind."""
    from imgbuild.commands.files import check_target, write_whole  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.output import write_out  # noqa: PLC0415 - as above
    from imgbuild.reports.json import encode  # noqa: PLC0415 - as above
    from imgbuild.schemas import schema_of  # noqa: PLC0415 - as above

    data = encode(schema_of(name))
    path = words["output"]
    if path in {None, "-"}:
        write_out(data)
    else:
        check_target(path)
        write_whole(path, data)
    return 0
