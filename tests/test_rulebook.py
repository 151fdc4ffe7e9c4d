"""The rule book holds together, and a pack that does not is refused with file, rule and cure."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import pytest

from imgbuild import rulebook
from imgbuild.checks import KINDS
from imgbuild.checks.assertions import Assertion
from imgbuild.errors import RuleBookError, UsageError
from imgbuild.rulebook import catalogue, packs
from imgbuild.rulebook.rules import Rule

ROOT = Path(__file__).parent.parent
DATE = re.compile(r"(19|20)\d\d(-\d\d(-\d\d)?)?")


@cache
def book() -> rulebook.RuleBook:
    return rulebook.load()


# The book as it is shipped


def test_ids_are_unique_and_sorted():
    ids = [rule.id for rule in book().rules]
    assert ids == sorted(set(ids))


def test_problem_rules_are_those_of_image_codes():
    kinds = {rule.id: rule.check.__struct_config__.tag for rule in book().rules}
    assert [rule_id for rule_id, kind in kinds.items() if kind == "problem" and not rule_id.startswith("image-")] == []


def test_catalogue_sources_are_documents():
    assert len(book().catalogue.entries) == 386
    documents = book()._catalogue[1].values()
    assert all(document.url and DATE.fullmatch(document.date or "") for document in documents)


def test_every_kind_of_check_has_a_rule_but_those_for_rules_of_ones_own():
    own = {str(kind.__struct_config__.tag) for kind in KINDS.values() if issubclass(kind, Assertion)}
    books = [rulebook.load(cloud) for cloud in rulebook.clouds()]
    assert {rule.check.__struct_config__.tag for found in books for rule in found.rules} == set(KINDS) - own


def test_every_problem_code_of_the_code_has_a_rule():
    raised = re.compile(r"\b(?:broken|problem|Problem)\(\s*(?:code=)?\"([a-z0-9-]+)\"")
    codes = {code for path in sorted((ROOT / "imgbuild").rglob("*.py")) for code in raised.findall(path.read_text())}
    assert len(codes) > 20
    assert sorted(code for code in codes if book().rule(f"image-{code}") is None) == []


def test_profile_of_huaweicloud():
    profile = book().profile
    assert profile.min_disk.policy == "greater"
    assert profile.min_disk.bounds.of("Linux") == (10, 1024)
    assert profile.min_disk.bounds.of("windows") == (20, 1024)
    assert profile.min_disk.bounds.of(None) == (10, 1024)
    assert profile.disk_formats == {"raw": "raw", "qcow2": "qcow2", "vhd": "vhd", "zvhd2": "zvhd2", "iso": "iso"}
    assert len(profile.response) == 30
    assert list(profile.operations) == ["create-metadata", "upload-file", "register-file", "action",
                                        "dataimage", "quickimport-system", "quickimport-data"]


@pytest.mark.parametrize(("operation", "size", "carried"), [
    ("upload-file", (2 << 30) - 1, True), ("upload-file", 2 << 30, False),
    ("register-file", 128 << 30, True), ("register-file", (128 << 30) + 1, False),
    ("quickimport-system", 1 << 40, True), ("quickimport-system", (1 << 40) + 1, False),
])
def test_file_limits(operation, size, carried):
    rules = book().profile.operations[operation].file
    assert rules is not None
    assert rules.carries(size) == carried


def test_profile_alone_needs_neither_rules_nor_checks():
    code = ("import sys; from imgbuild import rulebook; print(rulebook.load_profile().name,"
            " 'imgbuild.checks' in sys.modules, 'imgbuild.rulebook.rules' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["huaweicloud", "False", "False"]


@pytest.mark.parametrize("cloud", rulebook.clouds())
def test_profile_alone_has_what_inspection_takes(cloud):
    alone, full = rulebook.load_profile(cloud), rulebook.load(cloud).profile
    assert (alone.disk_formats, alone.min_disk, alone.checksums) == (full.disk_formats, full.min_disk, full.checksums)
    assert alone.operations == {}


def test_unknown_cloud():
    with pytest.raises(UsageError) as caught:
        rulebook.load("nimbus")
    assert str(caught.value).startswith("no cloud 'nimbus' (one of: ")


@pytest.mark.parametrize("cloud", ["", "common", "../huaweicloud", "huaweicloud/"])
def test_only_packs_of_clouds_are_clouds(cloud):
    with pytest.raises(UsageError):
        rulebook.load(cloud)


def test_unknown_source_is_a_failure_of_the_book():
    with pytest.raises(RuleBookError) as caught:
        book().source("nowhere")
    assert str(caught.value) == "there is no source 'nowhere' (add [sources.nowhere] to a pack)"


# The catalogue


@pytest.mark.parametrize(("spelling", "identity"), [
    ("Debian GNU/Linux 12.0.0 64bit", ("debian", "12.0.0", None, 64, "x86")),
    ("SUSE Linux Enterprise Server 15 SP3 64bit", ("sles", "15.3", None, 64, "x86")),
    ("openSUSE 15.5 64bit", ("opensuse-leap", "15.5", None, 64, "x86")),
    ("openSUSE 42.3 64bit", ("opensuse", "42.3", None, 64, "x86")),
    ("CentOS Stream 9 64bit", ("centos", "9", "stream", 64, "x86")),
    ("CentOS 7.0 32bit", ("centos", "7.0", None, 32, "x86")),
    ("CentOS 7.6 64bit with ARM", ("centos", "7.6", None, 64, "arm")),
    ("Redhat Linux Enterprise 8.0 64bit", ("rhel", "8.0", None, 64, "x86")),
    ("openEuler 20.03 SP3 64bit", ("openEuler", "20.03", "SP3", 64, "x86")),
    ("Huawei Cloud EulerOS 2.0 64bit", ("hce", "2.0", None, 64, "x86")),
    ("Windows Server 2012 Essentials R2 64bit", ("windows", "2012 R2", "Essentials", 64, "x86")),
    ("Other Linux(64 bit)", ("other", None, None, 64, "x86")),
])
def test_catalogue_identities(spelling, identity):
    entry = book().catalogue.find(spelling)
    assert entry is not None
    assert (entry.id, entry.version, entry.variant, entry.bits, entry.architecture) == identity


def test_labels_do_not_count_as_listed():
    listed = {entry.os_version for entry in book().catalogue.for_cloud("huaweicloud")}
    assert "Ubuntu 22.04 server 64bit" in listed
    assert "Debian 12.0.0 64bit" not in listed
    assert "Debian GNU/Linux 12.0.0 64bit" not in listed
    assert "Other_Linux (64_bit)" not in listed


def test_preferred_spellings_exist():
    entries = book().catalogue.entries
    assert [entry.prefer for entry in entries if entry.prefer and book().catalogue.find(entry.prefer) is None] == []


def test_catalogue_lookups():
    known = book().catalogue
    assert known.find("ubuntu 22.04 server 64bit") is None
    assert [entry.os_version for entry in known.folded("CentOS-7.9  64BIT")] == ["CentOS 7.9 64bit"]
    assert known.folded("CentOS 7.99 64bit") == ()
    nearest = known.nearest("Ubunto 22.04 server 64bit", "huaweicloud")
    assert nearest is not None
    assert nearest.os_version == "Ubuntu 22.04 server 64bit"
    assert known.nearest("x" * 101) is None
    assert {entry.id for entry in known.of_system("rocky")} == {"rocky"}


# Packs that do not hold together

CLOUD = """\
name = "a"
title = "A"
[default_system]
value = "Other"
[min_disk]
policy = "greater"
[min_disk.policies.greater]
sources = ["page"]
reading = "greater"
[min_disk.bounds]
linux = [10, 1024]
windows = [20, 1024]
sources = ["page"]
"""
SOURCE = '[sources.page]\ntitle = "A page"\nurl = "https://example.com/"\ndate = "2026"\n'
RULE = """\
[[rule]]
id = "a-name-long"
severity = "error"
group = "request"
title = "The name is long"
why = "It is refused."
hint = "Shorten it."
sources = ["page"]
at = "/name"
check = { kind = "length", max = 10 }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    packs._read_toml.cache_clear()
    monkeypatch.setattr(packs, "folder", lambda: tmp_path)
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)
    write(tmp_path / "common" / "page.toml", SOURCE)
    write(tmp_path / "a" / "cloud.toml", CLOUD)
    yield tmp_path
    packs._read_toml.cache_clear()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_small_pack(folder):
    write(folder / "a" / "rules.toml", RULE)
    assert [rule.id for rule in rulebook.load("a").rules] == ["a-name-long"]


@pytest.mark.parametrize(("old", "new", "message"), [
    ('id = "a-name-long"', 'id = "a_name"', ("2: rule 'a_name': the id is not in kebab-case"
                                            " (write it as image-backing-file)")),
    ('id = "a-name-long"', 'name = "x"', '1: a rule has no id (begin it with id = "...")'),
    ('severity = "error"', 'severity = "fatal"', ("3: rule 'a-name-long': severity is 'fatal'"
                                                  " (one of: error, warning, note)")),
    ('severity = "error"', 'severity = "eror"', "3: rule 'a-name-long': severity is 'eror' (did you mean 'error'?)"),
    ('why = "It is refused."\n', "", "2: rule 'a-name-long': why is missing (write why = ...)"),
    ('hint = "Shorten it."', 'hint = "Shorten it."\nhow = 1', (
        f"8: rule 'a-name-long': there is no key 'how' (one of: {', '.join(Rule.__struct_fields__[:-1])})")),
    ('hint = "Shorten it."', 'hnt = "Shorten it."', ("7: rule 'a-name-long': there is no key 'hnt'"
                                                  " (did you mean 'hint'?)")),
    ('kind = "length"', 'kind = "lenght"', ("10: rule 'a-name-long': there is no kind of check 'lenght'"
                                           " (did you mean 'length'?)")),
    ('kind = "length", ', "", ("10: rule 'a-name-long': in check, kind is missing (write kind = ...;"
                              " rules/README.md has the kinds)")),
    ("max = 10", 'max = "10"', "10: rule 'a-name-long': check.max is no whole number (write it as a whole number)"),
    ("max = 10", "most = 10", ("10: rule 'a-name-long': there is no key 'most' in check of kind 'length'"
                              " (one of: min, max, operations, unless_over)")),
    ('sources = ["page"]', 'sources = ["book"]', ("8: rule 'a-name-long': there is no source 'book'"
                                                 " (add [sources.book])")),
    ('sources = ["page"]', 'sources = "page"', "8: rule 'a-name-long': sources is no list (write it as a list in [ ])"),
    ('sources = ["page"]', "sources = []", ("8: rule 'a-name-long': it has no source"
                                           " (name the document that says so: no document, no rule)")),
    ('at = "/name"', "at = 1", ("9: rule 'a-name-long': at is no text or list"
                               " (write it as a text in quotation marks or a list in [ ])")),
    ('at = "/name"', 'at = "/name"\nerrors = ["A.2"]', ("10: rule 'a-name-long': there is no error"
                                                        " code 'A.2' (add it to the table of errors)")),
])
def test_broken_rule(folder, old, new, message):
    write(folder / "a" / "errors.toml", '[errors]\n"A.1" = { status = 400, meaning = "long" }\n')
    assert old in RULE
    write(folder / "a" / "rules.toml", RULE.replace(old, new))
    with pytest.raises(RuleBookError) as caught:
        rulebook.load("a")
    assert str(caught.value) == f"rules/a/rules.toml:{message}"


@pytest.mark.parametrize(("files", "message"), [
    ({"rules.toml": "[[rule]\n"}, ("rules/a/rules.toml:1:7: Expected ']]' at the end of an array declaration"
                                  " (mend the file there)")),
    ({"rules.toml": RULE + RULE}, ("rules/a/rules.toml:2: the rule 'a-name-long' stands in a twice"
                                  " (give one of them another id)")),
    ({"rules.toml": RULE, "more.toml": RULE}, ("rules/a/rules.toml:2: the rule 'a-name-long' stands in a twice"
                                              " (give one of them another id)")),
    ({"more.toml": SOURCE.replace("A page", "Another")}, ("rules/a/more.toml: the source 'page' is another one in"
                                                         " rules/common/page.toml (give one of them another id)")),
    ({"more.toml": "max_disk = 1\n"}, ("rules/a/cloud.toml or a file beside it: Object contains unknown field"
                                       " `max_disk` (see rules/README.md for the keys of a profile)")),
    ({"more.toml": '[sources.x]\nurl = "X"\n'}, ("rules/a/more.toml:1: the source 'x': title is missing"
                                                " (write title = ...)")),
])
def test_broken_pack(folder, files, message):
    for name, text in files.items():
        write(folder / "a" / name, text)
    with pytest.raises(RuleBookError) as caught:
        rulebook.load("a")
    assert str(caught.value) == message


def test_pack_that_is_no_text(folder):
    (folder / "a" / "rules.toml").write_bytes(b"\xff")
    with pytest.raises(RuleBookError, match=r"rules/a/rules\.toml:1:1: it is no UTF-8"):
        rulebook.load("a")


@pytest.mark.parametrize(("compiled", "title"), [
    ('{"crc32": %d, "tables": {"title": "compiled"}}', "compiled"), ('{"crc32": 1, "tables": {"title": "old"}}', "A"),
    ('{"crc32": %d, "tables": []}', "A"), ("{", "A"), ("", "A"),
])
def test_tables_that_were_compiled_count_while_they_are_those_of_the_file(folder, compiled, title):
    path = folder / "a" / "cloud.toml"
    write(path.with_suffix(".toml.json"), compiled.replace("%d", str(zlib.crc32(path.read_bytes()))))
    assert packs.read_toml(str(path))["title"] == title


def test_cloud_inherits_values_and_rules_key_by_key(folder):
    write(folder / "a" / "rules.toml", RULE)
    values_of_b = 'name = "b"\ntitle = "B"\ninherits = ["a"]\n[min_disk.bounds]\nlinux = [1, 1024]\n'
    write(folder / "b" / "cloud.toml", values_of_b)
    write(folder / "b" / "rules.toml", '[[rule]]\nid = "a-name-long"\nseverity = "warning"\n')
    found = rulebook.load("b")
    assert (found.profile.name, found.profile.min_disk.policy) == ("b", "greater")
    assert (found.profile.min_disk.bounds.linux, found.profile.min_disk.bounds.windows) == ((1, 1024), (20, 1024))
    assert [(rule.severity, rule.hint, rule.pack) for rule in found.rules] == [("warning", "Shorten it.", "b")]
    assert rulebook.load("a").rules[0].severity == "error"
    assert rulebook.load_profile("b").min_disk.bounds.linux == (1, 1024)


INHERITS = 'name = "b"\ntitle = "B"\ninherits = ["a"]\n'
ERRORS = """\
[errors]
"A.1" = { status = 400, meaning = "long" }
"A.2" = { status = 400, meaning = "short", sources = ["page"] }
"""


def test_cloud_takes_away_what_it_does_not_have(folder):
    write(folder / "a" / "rules.toml", RULE.replace('at = "/name"', 'at = "/name"\nerrors = ["A.1"]') + ERRORS)
    write(folder / "a" / "formats.toml", '[disk_formats]\nraw = "raw"\niso = "iso"\n')
    write(folder / "a" / "more.toml", RULE.replace("a-name-long", "a-name-longer"))
    write(folder / "b" / "cloud.toml", INHERITS + '[without]\ndisk_formats = ["iso"]\nrules = ["a-name-longer"]\n'
                                                  'errors = ["A.1"]\n"min_disk.bounds" = ["reading"]\n')
    write(folder / "a" / "bounds.toml", '[min_disk.bounds]\nreading = "10 to 1024"\n')
    found, below = rulebook.load("b"), rulebook.load("a")
    assert (found.profile.disk_formats, below.profile.disk_formats) == ({"raw": "raw"}, {"raw": "raw", "iso": "iso"})
    assert [rule.id for rule in found.rules] == ["a-name-long"]
    assert (found.profile.min_disk.bounds.reading, below.profile.min_disk.bounds.reading) == ("", "10 to 1024")
    assert (set(found.errors), set(below.errors)) == ({"A.2"}, {"A.1", "A.2"})
    assert found.profile.chain == ("common", "a", "b")


def test_a_code_changes_only_what_it_gives(folder):
    write(folder / "a" / "errors.toml", ERRORS)
    write(folder / "b" / "cloud.toml", INHERITS)
    write(folder / "b" / "errors.toml", '[errors]\n"A.2" = { status = 403 }\n')
    assert (rulebook.load("b").errors["A.2"].status, rulebook.load("b").errors["A.2"].meaning) == (403, "short")
    assert rulebook.load("a").errors["A.2"].status == 400


def test_codes_of_other_calls_are_taken_away_when_they_are_read(folder):
    write(folder / "a" / "errors_other.toml", ERRORS)
    write(folder / "b" / "cloud.toml", INHERITS + '[without]\nerrors_other = ["A.1"]\n')
    assert (set(rulebook.load("b").all_errors), set(rulebook.load("a").all_errors)) == ({"A.2"}, {"A.1", "A.2"})


@pytest.mark.parametrize(("place", "name"), [
    ("disk_formats", "iso"), ("rules", "a-name-short"), ("errors", "A.9"), ("operations.action.fields", "x"),
])
def test_only_what_is_there_can_be_taken_away(folder, place, name):
    write(folder / "b" / "cloud.toml", f'{INHERITS}[without]\n"{place}" = ["{name}"]\n')
    with pytest.raises(RuleBookError) as caught:
        rulebook.load("b")
    assert str(caught.value) == (f"rules/b/cloud.toml: [without] names '{place}.{name}', which no pack below has"
                                 " (remove it, or mend its spelling)")


def test_own_documents_come_first(folder):
    write(folder / "a" / "rules.toml", RULE.replace('["page"]', '["page", "b-site", "b-page"]') + SOURCE.replace(
        "page]", "b-page]") + SOURCE.replace("page]", "b-site]"))
    write(folder / "b" / "cloud.toml", INHERITS + 'own_documents = ["b-page", "b-"]\n[min_disk.bounds]\n'
                                                  'sources = ["page", "b-page"]\n')
    found = rulebook.load("b")
    assert found.rules[0].sources == ("b-page", "b-site", "page")
    assert found.profile.min_disk.bounds.sources == ("b-page", "page")
    assert rulebook.load_profile("b").min_disk.bounds.sources == ("b-page", "page")
    assert rulebook.load("a").rules[0].sources == ("page", "b-site", "b-page")


@pytest.mark.parametrize("parent", ["b", "nowhere", "common"])
def test_cloud_cannot_inherit_itself_or_nothing(folder, parent):
    write(folder / "b" / "cloud.toml", f'name = "b"\ntitle = "B"\ninherits = ["{parent}"]\n')
    with pytest.raises(RuleBookError) as caught:
        rulebook.load("b")
    assert str(caught.value) == f"the pack 'b' cannot inherit {parent!r} (name another pack of a cloud)"


COLUMNS = ["os_version", "id", "version", "variant", "platform", "os_type", "bits", "architecture", "usable", "clouds",
           "uefi", "prefer", "sources"]
ROW = "Debian 12 | debian | 12 | - | Debian | Linux | 64 | x86 | yes | a b | listed | - | page"


def write_catalogue(folder: Path, row: str) -> None:
    write(folder / "common" / "os_versions.toml", f"columns = {COLUMNS}\nrows = '''\n{row}\n'''\n{SOURCE}")


def test_small_catalogue(folder):
    write_catalogue(folder, ROW)
    entry = rulebook.load("a").catalogue.find("Debian 12")
    assert entry is not None
    assert (entry.bits, entry.variant, entry.clouds, entry.sources) == (64, None, ("a", "b"), ("page",))


@pytest.mark.parametrize(("old", "new", "what"), [
    (" | page", "", "it has 12 cells, not 13"),
    (" | page", " | book", "there is no source 'book'"),
    ("yes", "maybe", "Invalid enum value 'maybe' - at `$.usable`"),
    ("64", "many", "Expected `int`, got `str` - at `$.bits`"),
])
def test_broken_catalogue(folder, old, new, what):
    write_catalogue(folder, ROW.replace(old, new))
    with pytest.raises(RuleBookError) as caught:
        _ = rulebook.load("a").catalogue
    assert str(caught.value) == f"rules/common/os_versions.toml: row 'Debian 12': {what} (mend the row)"


def test_packs_of_a_cloud_in_an_installed_package_come_first(tmp_path, monkeypatch):
    packs.folder.cache_clear()
    module = tmp_path / "imgbuild" / "rulebook" / "packs.py"
    shutil.copytree(ROOT / "rules", tmp_path / "imgbuild" / "_rules")
    monkeypatch.setattr(packs, "__file__", str(module))
    assert packs.folder() == str(tmp_path / "imgbuild" / "_rules")
    packs.folder.cache_clear()
    shutil.rmtree(tmp_path / "imgbuild" / "_rules")
    with pytest.raises(RuleBookError, match="no rule packs beside"):
        packs.folder()
    packs.folder.cache_clear()
