"""The options, each once, so that it means the same in every command; and what their values become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imgbuild.commands.completion import completer_of, files
from imgbuild.commands.configuration import acceptance_of, current, further_fields
from imgbuild.defaults import DEFAULT_CLOUD, TIME_LIMIT
from imgbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.choices import Choices, DataImage
    from imgbuild.settings import Settings

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

MOST_SECONDS = 86400.0
SEVERITIES = ("error", "warning", "note")


class Seconds(click.FloatRange):
    """A time in seconds; click names a value that is none after its own type, "a valid float range"."""

    name = "number of seconds"


def format_names() -> tuple[str, ...]:
    """Return the names of all image formats."""
    from imgbuild.formats import FORMATS  # noqa: PLC0415 - its modules are read when somebody asks

    return tuple(known.name for known in FORMATS)


def option(*names: str, **about: Any) -> Decorator:  # noqa: ANN401 - click's own
    """Return an option that can also be given as ``IMGBUILD_`` and its name, and whose values shells complete."""
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    return click.option(*names, envvar=f"IMGBUILD_{long.removeprefix('--').replace('-', '_').upper()}",
                        shell_complete=completer_of(long, about.get("metavar")), **about)


OPTIONS: dict[str, Decorator] = {
    "images": click.argument("images", metavar="IMAGE...", nargs=-1, required=True,
                             shell_complete=files),
    "format": option("--format", "formats", metavar="F[=FILE]", multiple=True, help="Report as F: text or json, "
                           "of findings also sarif, junit, github, markdown or html; to FILE with =FILE. May be "
                           "repeated."),
    "output": option("-o", "--output", metavar="FILE", help="Write the report to FILE, whole or not at all; "
                           "a name in .json asks for json."),
    "verbose": option("-v", "--verbose", is_flag=True, help="Say more, facts on the run included."),
    "quiet": option("-q", "--quiet", is_flag=True, help="No progress, and of a text the first line."),
    "run-facts": option("--run-facts", is_flag=True, help="Add facts on the run: seconds, reads, sandbox, "
                              "qemu-img."),
    "claim": option("--claim", metavar="FORMAT", help="The image format that you believe it "
                          "has; another one is a finding."),
    "cloud": option("--cloud", metavar="NAME", default=DEFAULT_CLOUD, show_default=True, help="The cloud, such as otc, "
                    "otc-swiss or openstack; a wrong name lists them all."),
    "operation": option("--operation", metavar="ID", help="The create operation: create-metadata unless said "
                              "otherwise; for a request that is given, the one that its fields speak for."),
    "checksum": option("--checksum", "checksums", metavar="ALGO", help="A checksum to compute, instead of md5, "
                             "sha256 and the cloud's own. May be repeated.", multiple=True),
    "no-checksum": option("--no-checksum", is_flag=True, help="Do not read the whole file."),
    "cache": option("--cache/--no-cache", default=None, help="Keep checksums in the user's cache folder, and take "
                    "from there those of a file that has not changed."),
    "content": option("--content", is_flag=True, help="Read the whole virtual disk, unpack all of it, and give "
                      "digests of it that are the same in any container."),
    "rules": option("--rules", metavar="DIR", help="Rules of your own, in TOML files; they are added, or change those "
                                                "of their ids."),
    "catalogue": option("--catalogue", metavar="FILE", help="The OS versions of your region: what it answers to GET "
                        "/v1/cloudimages/os_version. It counts as exact."),
    "initramfs": option("--initramfs/--no-initramfs", default=None, help="Whether to open the guest's initramfs "
                              "archives, to see which drivers are in them."),
    "allow-external": option("--allow-external", is_flag=True, help="Read the other files of a disk, too "
                                   "(extents, parents), if they lie in the image's own folder."),
    "allow-device": option("--allow-device", is_flag=True, help="Take a block device for an image, too; it is read "
                                 "and never written to."),
    "time-limit": option("--time-limit", metavar="SECONDS", default=TIME_LIMIT, show_default=True,
                               type=Seconds(min=0, max=MOST_SECONDS, min_open=True), help="Stop looking into "
                               "an image after this time."),
    "min-disk-policy": option("--min-disk-policy", type=click.Choice(["greater", "not-less"]),
                                    help="Whether min_disk must be greater than the disk; else the cloud says."),
    "select": option("--select", metavar="RULE", help="Ask only this rule. May be repeated.", multiple=True),
    "ignore": option("--ignore", metavar="RULE", help="Do not ask this rule. May be repeated.", multiple=True),
    "statement": option("--statement", metavar="FILE", help="Write an in-toto statement on what was found, too: "
                        "a verification summary over the image's sha256."),
    "sign-key": option("--sign-key", metavar="FILE", help="Put the statement into an envelope (DSSE), signed with "
                       "this private key in PEM; its passphrase is taken from IMGBUILD_SIGN_PASSPHRASE."),
    "baseline": option("--baseline", metavar="FILE", help="Accept what this earlier findings document "
                       "knows, and fail on what is new."),
    "fail-on": option("--fail-on", type=click.Choice([*SEVERITIES, "never"]), default="error", show_default=True,
                            help="The least severity that makes the exit status 1."),
    "name": option("--name", help="Name of the image, instead of the file's."),
    "os-version": option("--os-version", metavar="TEXT", help="__os_version, instead of what was found."),
    "min-disk": option("--min-disk", metavar="GIB", type=int, help="min_disk in GiB."),
    "min-ram": option("--min-ram", metavar="MIB", type=int, help="min_ram in MiB."),
    "tag": option("--tag", "tags", help="A tag. May be repeated.", multiple=True),
    "protected": option("--protected/--no-protected", default=None, help="Whether it is kept from deletion."),
    "visibility": option("--visibility", metavar="TEXT", help="Who sees the image."),
    "object": option("--object", "address", metavar="BUCKET:KEY", help="Where in the object store the file lies; "
                           "BUCKET:FOLDER/ for one that keeps its name there."),
    "data-image": option("--data-image", "data_images", metavar="FILE=BUCKET:KEY", help="A data disk that goes "
                               "along, and where it lies. May be repeated.", multiple=True),
    "set": option("--set", "extra", metavar="KEY=VALUE", help="Any other field. May be repeated.", multiple=True),
}
_FIELDS = {"os_version": ("os_version", "__os_version"), "address": ("image_url",)}
STATEMENT = ("statement", "sign-key")
REPORT = ("format", "output", "verbose", "quiet")
IMAGE = ("claim", "allow-external", "allow-device", "checksum", "no-checksum", "cache", "content", "initramfs",
         "time-limit", "rules", "run-facts")
CHOICES = ("name", "os-version", "min-disk", "min-ram", "tag", "protected", "visibility", "object", "data-image",
           "set")


def options(*names: str) -> Decorator:
    """Give a command the options of these names; they come in its help in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            function = OPTIONS[name](function)
        return function

    return decorate


def settings_of(words: dict[str, Any]) -> Settings:
    """Return the settings that the words of a command line make; raises UsageError where they contradict."""
    from imgbuild.settings import Settings  # noqa: PLC0415 - --help needs none of it

    if not words.get("time_limit", MOST_SECONDS) > 0:  # click lets nan pass, which is neither in a range nor out of it
        raise UsageError("--time-limit 'nan' is no time", cure="give seconds")
    names = ("cloud", "operation", "claim", "allow_external", "allow_device", "initramfs", "cache", "content",
             "time_limit", "min_disk_policy", "select", "ignore", "rules", "catalogue", "space")
    given = {name: words[name] for name in names if words.get(name) is not None}
    facts = bool(words.get("run_facts") or words.get("verbose"))
    return Settings(**given, checksums=_checksums(words), run_facts=facts, acceptance=acceptance_of(words))


def choices_of(words: dict[str, Any], images: int = 1) -> Choices:
    """Return the choices of a person for so many images.

    Raises:
        UsageError: A ``--set`` is not KEY=VALUE, or one object is named for several images.
    """
    from imgbuild.choices import Choices  # noqa: PLC0415 - as above

    if images > 1 and words["address"] is not None and not words["address"].endswith((":", "/")):
        raise UsageError(f"--object {words['address']!r} is one file, but there are {images} images",
                         cure="name a folder: --object BUCKET:FOLDER/")
    extra: dict[str, str] = {}
    for pair in words["extra"]:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            missing = "value" if key else "key"
            raise UsageError(f"--set {pair!r} has no {missing}", cure="write --set KEY=VALUE")
        if key in extra:
            raise UsageError(f"--set names {key!r} twice", cure="give one of them")
        extra[key] = value
    extra = further_fields(current()) | extra
    names = ("name", "os_version", "min_disk", "min_ram", "tags", "protected", "visibility", "address")
    chosen = {name: words[name] for name in names}
    chosen["data_images"] = tuple(_data_image(text) for text in words["data_images"])
    for name, value in chosen.items():
        twice = [key for key in _FIELDS.get(name, (name,)) if value not in {None, ()} and key in extra]
        if twice:
            raise UsageError(f"--set names {twice[0]!r}, which has an option that is given, too",
                             cure="give one of them")
    return Choices(**chosen, extra=extra)


def _data_image(text: str) -> DataImage:
    from imgbuild.choices import DataImage  # noqa: PLC0415 - as above

    path, equals, address = text.rpartition("=")
    if not path or not equals or ":" not in address:
        raise UsageError(f"--data-image {text!r} names no file and no place", cure="write --data-image FILE=BUCKET:KEY")
    return DataImage(path=path, address=address)


def _checksums(words: dict[str, Any]) -> tuple[str, ...] | None:
    asked = words.get("checksums", ())
    if words.get("no_checksum") and asked:
        raise UsageError("--no-checksum and --checksum contradict each other", cure="give one of them")
    if not asked:
        return None if words.get("no_checksum") else ()
    from imgbuild.algorithms import algorithm_name  # noqa: PLC0415 - as above

    return tuple(algorithm_name(algorithm) for algorithm in asked)
