"""``imgbuild inspect``: prints the facts of images. Ends with 0 once they are printed, whatever they are."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from imgbuild.commands.ahead import begin
from imgbuild.commands.options import IMAGE, REPORT, options, settings_of


@click.command("inspect", short_help="Print the facts of images.",
               epilog="\b\nExample:\n  imgbuild inspect samples/debian-12-tiny.qcow2")
@options("images", *IMAGE, "cloud", *REPORT)
def command(images: tuple[str, ...], **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Print the facts of disk images: format, virtual size, checksums, partitions, boot modes, system.

    With several images and --format json, each is a line of its own (JSON Lines).
    """
    begun = begin(images, words)
    from imgbuild import examination  # noqa: PLC0415 - --help needs none of it
    from imgbuild.commands.output import Output  # noqa: PLC0415 - as above
    from imgbuild.commands.progress import bar  # noqa: PLC0415 - as above
    from imgbuild.reports.views import ImageView  # noqa: PLC0415 - as above

    output = Output(words, inputs=images)
    settings, progress = settings_of(words), bar(quiet=words["quiet"])
    for number, path in enumerate(images):
        facts = examination.inspect(path, settings, progress=progress, meanwhile=partial(output.prepare, ImageView),
                                    begun=begun)
        output.show(ImageView(image=facts, number=number, several=len(images) > 1))
    output.close()
    return 0
