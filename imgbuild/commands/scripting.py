"""``imgbuild build --script``: a manifest in, the script out: in the report's place, where ``-o`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.commands.files import write_whole
from imgbuild.commands.output import write_raw
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from imgbuild.documents.manifest import Manifest


class Script:
    """The script of a run; ``path`` is its file, ``None`` for standard output."""

    def __init__(self, words: dict[str, Any], images: int) -> None:
        """Take the words of a command line; raises UsageError where they contradict each other."""
        if images > 1:
            raise UsageError(f"one script, but {images} images", cure="give each image a run of its own")
        if words["request_only"]:
            raise UsageError("--script and --request-only contradict each other", cure="give one of them")
        for text in words["formats"]:
            if "=" not in text:
                raise UsageError(f"the report {text!r} and the script both go to one place",
                                 cure=f"give the report a file: --format {text}=FILE")
        self.path: str | None = None if words["output"] in {None, "-"} else words["output"]
        self.words = {**words, "formats": words["formats"] or None, "output": None}
        self._kind: str = words["script"]

    def write(self, manifest: Manifest, path: str) -> None:
        """Write the script that sends the image at ``path``; raises ImgbuildError where its client cannot."""
        from imgbuild import rulebook  # noqa: PLC0415 - for those who want one
        from imgbuild.reports import scripts  # noqa: PLC0415 - as above

        profile = rulebook.load(manifest.cloud, rules=self.words["rules"]).profile
        data = scripts.write(self._kind, manifest, profile, path)
        if self.path is None:
            write_raw(data)
        else:
            write_whole(self.path, data)


def script_of(words: dict[str, Any], images: int) -> Script | None:
    """Return what will write the script, ``None`` where none is asked for; raises as it does."""
    return None if words["script"] is None else Script(words, images)
