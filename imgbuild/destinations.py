"""Where an image can go: the path of an image in, for each cloud whether it takes it, and as what, out.

The image is read once, with the checksums of all clouds. For each cloud a request is built and linted; where its usual
call cannot carry the file, the other calls are tried. Of further clouds only rules on the file are known.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from imgbuild import pipeline, rulebook
from imgbuild.defaults import ALL, DEFAULT_CLOUD
from imgbuild.documents.destinations import Destination, Destinations, Obstacle, Placed, Verdict
from imgbuild.errors import UsageError
from imgbuild.examination import inspect_for, nothing
from imgbuild.kinds import kind_of
from imgbuild.pipeline.examining import prepare
from imgbuild.rulebook.siblings import read_siblings
from imgbuild.settings import DEFAULTS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgbuild.choices import Choices
    from imgbuild.digest import Progress
    from imgbuild.documents.findings import Finding
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Manifest
    from imgbuild.pipeline import Checked
    from imgbuild.profiles import Profile
    from imgbuild.rulebook.siblings import Sibling

_FATAL = frozenset({"safety", "integrity"})
_UNSEEN = "whether it is a system disk was not seen"


def find_destinations(paths: Sequence[str] | str, settings: Settings = DEFAULTS,
                      choices: Choices = pipeline.NO_CHOICES, *, progress: Progress | None = None,
                      meanwhile: Callable[[], object] = nothing) -> Destinations:
    """Return for each image and each cloud whether it can go there; raises as :func:`imgbuild.inspect` does.

    Raises:
        UsageError: An operation is named, which other clouds do not have.
    """
    if settings.operation is not None or settings.catalogue is not None:
        word = "--operation" if settings.operation is not None else "--catalogue"
        raise UsageError(f"{word} and --cloud {ALL} contradict each other", cure="name the cloud that it is of")
    paths = [paths] if isinstance(paths, str) else paths
    return Destinations(images=tuple(_place(path, settings, choices, progress, meanwhile) for path in paths))


def _place(path: str, settings: Settings, choices: Choices, progress: Progress | None,
           meanwhile: Callable[[], object]) -> Placed:
    profiles = {cloud: rulebook.load_profile(cloud) for cloud in rulebook.clouds()}
    checksums = tuple(dict.fromkeys(name for profile in profiles.values() for name in profile.checksums))
    usual = replace(profiles[DEFAULT_CLOUD], checksums=checksums)
    settings = replace(settings, cloud=DEFAULT_CLOUD)
    image = inspect_for(lambda: usual, path, settings, progress, partial(_prepare, settings, meanwhile))
    rows: list[Destination] = []
    findings: Sequence[Finding] = ()
    for cloud, profile in profiles.items():
        row, findings = _row(_seen_by(image, profile), profile, replace(settings, cloud=cloud), choices)
        rows.append(row)
    broken = [finding for finding in findings if finding.severity == "error" and finding.group in _FATAL]
    rows += [_of_files(image, sibling, broken) for sibling in read_siblings()]
    return Placed(path=image.path, size=image.size, format=image.format, virtual_size=image.virtual_size,
                  checksums=image.checksums, os=image.os, destinations=tuple(rows))


def _prepare(settings: Settings, meanwhile: Callable[[], object]) -> None:
    """Read the rule books while the file is read."""
    for cloud in rulebook.clouds():
        prepare(replace(settings, cloud=cloud))
    meanwhile()


def _seen_by(image: Inspection, profile: Profile) -> Inspection:
    return replace(image, disk_format=profile.disk_formats.get(image.format or ""))


def _row(image: Inspection, profile: Profile, settings: Settings,
         choices: Choices) -> tuple[Destination, Sequence[Finding]]:
    """Return the row of a cloud, and what was found there."""
    best = pipeline.judge(image, settings, choices)
    for operation in _other_calls(best, profile.name):
        if not best.findings.summary.error:
            break
        other = pipeline.judge(image, replace(settings, operation=operation), choices)
        best = min(best, other, key=lambda checked: checked.findings.summary.error)
    return _destination(best, profile), best.findings.findings


def _other_calls(checked: Checked, cloud: str) -> list[str]:
    """Return the calls that could carry the file, and that nothing has to come before."""
    (manifest,) = checked.manifests
    if manifest is None:
        return []
    operations = rulebook.load(cloud).profile.operations
    fitting = [option.operation for option in manifest.route.others if option.why_not is None]
    return [name for name in fitting if operations[name].follows is None]


def _destination(checked: Checked, profile: Profile) -> Destination:
    (image,), (manifest,) = checked.inspections, checked.manifests
    summary, findings = checked.findings.summary, checked.findings.findings
    route = manifest.route.operation if manifest is not None else None
    obstacle = _first(findings) or (None if route else _no_route(manifest))
    unknown = kind_of(image) is None
    verdict: Verdict = "no" if obstacle is not None else "unknown" if unknown else "yes"
    return Destination(
        cloud=profile.name, title=profile.title, basis="rules", verdict=verdict, format=image.disk_format,
        min_disk=_derived(manifest, "min_disk"), os_version=_derived(manifest, "__os_version", "os_version"),
        operation=checked.findings.operation, route=route, errors=summary.error, warnings=summary.warning,
        obstacle=obstacle or (Obstacle(message=_why_unseen(image)) if unknown else None))


def _why_unseen(image: Inspection) -> str:
    """Say why nobody knows what kind of image it is: that there is nothing, or what was in the way first."""
    problems = sorted(image.problems, key=lambda problem: problem.code != "nothing-inside")
    reason = next((problem.message for problem in problems), "not all of its partitions have a known file system")
    return f"{_UNSEEN}: {reason}"


def _first(findings: Sequence[Finding]) -> Obstacle | None:
    found = next((finding for finding in findings if finding.severity == "error"), None)
    return None if found is None else _of_finding(found)


def _of_finding(found: Finding) -> Obstacle:
    return Obstacle(rule=found.rule, message=found.message, hint=found.hint, sources=found.sources[:1])


def _no_route(manifest: Manifest | None) -> Obstacle:
    return Obstacle(message="; ".join(manifest.route.why) if manifest is not None else "it is no disk image")


def _derived(manifest: Manifest | None, *names: str) -> Any:  # noqa: ANN401 - a JSON value
    found = [manifest.derived[name].value for name in names if name in manifest.derived] if manifest is not None else []
    return next(iter(found), None)


def _of_files(image: Inspection, sibling: Sibling, broken: Sequence[Finding]) -> Destination:
    """Return the row of a cloud of which only file rules are known; what is wrong with the image is so everywhere."""
    obstacles = (*(_of_finding(finding) for finding in broken), *sibling.broken_by(image))
    unseen = sibling.unseen_in(image)
    return Destination(cloud=sibling.name, title=sibling.title, basis="file rules only",
                       verdict="no" if obstacles else "unknown", route=sibling.route, errors=len(obstacles), warnings=0,
                       obstacle=next(iter((*obstacles, *unseen)), None))
