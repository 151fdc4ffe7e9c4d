"""The closed vocabulary of checks: what a rule may say under ``check = {kind = …}``.

A rule's parameters in, findings' raw material (:class:`Hit`) out. A new kind is one type in one of these modules and
one line here; ``rules/README.md`` lists them all.
"""

from __future__ import annotations

from imgbuild.checks import (
    assertions,
    boot,
    call,
    disk,
    fieldvalues,
    files,
    guest,
    keys,
    objects,
    problems,
    properties,
    records,
    relations,
    shape,
    statements,
    system,
    tags,
    values,
    verification,
)
from imgbuild.checks.base import Case, Check, Context, Hit
from imgbuild.checks.problems import hit_of_problem

__all__ = ["KINDS", "AnyCheck", "Case", "Check", "Context", "Hit", "hit_of_problem"]

AnyCheck = (
    problems.ProblemOfImage | problems.ProblemOfJson
    | values.Length | values.Range | values.OneOf | values.NoneOf | values.Characters | values.Matches
    | values.JsonText | values.Trimmed | values.Given | values.Count | values.Unique
    | shape.Types | shape.Mandatory | shape.StringProperties | shape.KeyLength | shape.ServerKey | shape.MisspeltKey
    | shape.OtherKey | keys.KeyNamed | keys.PropertyCount
    | fieldvalues.FieldValue | fieldvalues.Exclusive | fieldvalues.Vocabulary
    | tags.TagLength | tags.TagCharacters | tags.TagKeysDiffer | tags.TagsBegin
    | relations.NotWith | relations.EncryptedFormat | relations.OnlyForSystem | relations.OsTypeFits
    | relations.IsoType | relations.Ordered | relations.Distinct | relations.QuickImportName
    | call.OperationClear | call.PathValue
    | disk.MinDiskRange | disk.MinDiskAgainstDisk | disk.DiskFormat
    | files.FileFormat | files.FileNamed | files.FileSize | files.ExtraFile | files.DiskSize | files.OverWholeGib
    | files.FileSystems | files.ImageKind | files.BootSector
    | objects.ObjectAddress | objects.ObjectFormat
    | system.OsVersion | system.OsType | system.Memory32 | system.SystemsOfFlavour
    | boot.Firmware | boot.Architecture
    | properties.ContainerValue | properties.ContainerBits | properties.GoesWith | properties.BusDriver
    | properties.NamesGuest | properties.SecureBoot | properties.GuestAgent
    | guest.GuestFact
    | assertions.GuestFile | assertions.GuestText | assertions.GuestPackage | assertions.GuestUnit
    | records.Recorded | verification.ManifestImage | verification.Answer | statements.StatementFault
)

KINDS: dict[str, type[Check]] = {str(kind.__struct_config__.tag): kind for kind in AnyCheck.__args__}
