"""``imgbuild build --script``: the script takes the place of the report on standard output, or in the file of ``-o``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.commands.files import write_whole
from imgbuild.commands.output import Output, write_raw
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.model import Manifest

STANDARD_OUTPUT = "-"


def output_beside(words: dict[str, Any], images: Sequence[str]) -> Output | None:
    """Return where reports go beside the script: to files only; ``None`` where there are none.

    Raises:
        UsageError: A report would go where the script goes, or there are several images.
    """
    if len(images) > 1:
        raise UsageError(f"one script, but {len(images)} images", cure="build each by itself")
    if words["request_only"]:
        raise UsageError("--script and --request-only contradict each other", cure="give one of them")
    for text in words["formats"]:
        if "=" not in text:
            raise UsageError(f"the report {text!r} and the script both go to one place",
                             cure=f"give the report a file: --format {text}=FILE")
    target = [] if words["output"] in {None, STANDARD_OUTPUT} else [words["output"]]
    if words["formats"]:
        return Output({**words, "output": None}, inputs=images, others=target)
    Output({**words, "formats": (), "output": words["output"]}, inputs=images)  # it refuses what cannot be written
    return None


def write_script(manifest: Manifest, words: dict[str, Any]) -> None:
    """Write the script of a manifest."""
    from imgbuild import rulebook  # noqa: PLC0415 - --help needs none of it
    from imgbuild.reports import scripts  # noqa: PLC0415 - as above

    data = scripts.write(words["script"], manifest, rulebook.load(manifest.cloud, rules=words["rules"]).profile)
    if words["output"] in {None, STANDARD_OUTPUT}:
        write_raw(data)
    else:
        write_whole(words["output"], data)
