"""The calls of an image service: their fields, and the files that they take; sizes of files are bytes."""

# Without the future import, as in model.py.
from typing import Any, Literal

from imgbuild.profiles.fields import FieldSpec
from imgbuild.profiles.leaf import Leaf
from imgbuild.profiles.mindisk import OperationMinDisk


class Need(Leaf, frozen=True, kw_only=True):
    """What else an import path asks for; ``over_bytes`` holds it back from files that are not larger."""

    text: str
    sources: tuple[str, ...]
    over_bytes: int = -1


class FileRules(Leaf, frozen=True, kw_only=True):
    """What a file must be for one import path: formats (our names), size in bytes, a second file beside it.

    ``bound`` says whether a file of exactly ``max_bytes`` is still taken; ``limit`` is the size as the page prints it.
    ``extra_file`` maps a format to the extension of the file it needs beside it (RAW: its ``mf`` bitmap). ``endings``
    are those that the name of the object must have, where the page asks for one.
    """

    formats: tuple[str, ...]
    sources: tuple[str, ...]
    max_bytes: int | None = None
    bound: Literal["inclusive", "exclusive"] = "inclusive"
    limit: str = ""
    extra_file: dict[str, str] = {}
    endings: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    errors: tuple[str, ...] = ()
    size_errors: tuple[str, ...] = ()

    def carries(self, size: int) -> bool:
        """Say whether a file of ``size`` bytes is within the limit."""
        if self.max_bytes is None:
            return True
        return size <= self.max_bytes if self.bound == "inclusive" else size < self.max_bytes


class Operation(Leaf, frozen=True, kw_only=True):
    """One call of the image service.

    ``carries`` are the kinds of image it takes (``system``, ``data``, ``iso``); ``follows`` names the operation whose
    answer gives the image id. ``configures`` is true where the regular import may repair the guest, ``reads_guest``
    where the server looks into the file and its own view of the system wins. ``quick_import`` names the operation
    whose rules on the file hold where ``is_quick_import`` is true.
    """

    id: str = ""
    title: str
    method: str
    path: str
    sources: tuple[str, ...]
    safe_mode_path: str | None = None
    success_status: int = 200
    asynchronous: bool = False
    job_type: str | None = None
    carries: tuple[Literal["system", "data", "iso"], ...] = ()
    next_steps: tuple[str, ...] = ()
    follows: str | None = None
    from_object_store: bool = False
    configures: bool = False
    reads_guest: bool = False
    quick_import: str | None = None
    content_type: str = "application/json"
    custom_properties: bool = False
    fields: dict[str, FieldSpec] = {}
    file: FileRules | None = None
    min_disk: OperationMinDisk | None = None

    def documented(self, custom: dict[str, FieldSpec]) -> dict[str, FieldSpec]:
        """Return the fields of the JSON body: its own, and the ``custom`` properties where it takes any."""
        own = {name: field for name, field in self.fields.items() if field.place == "body" and field.type != "binary"}
        return {**custom, **own} if self.custom_properties else own

    def file_rules(self, operations: dict[str, "Operation"], body: dict[str, Any]) -> FileRules | None:
        """Return what the file must be for a request with this body: the quick import has rules of its own."""
        if self.quick_import is not None and body.get("is_quick_import") is True:
            return operations[self.quick_import].file
        return self.file
