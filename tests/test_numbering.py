import pytest

from imgbuild.numbering import distribution, is_same_system, major_version, release_numbers, version_numbers


@pytest.mark.parametrize(("numbers", "version"), [
    ((12, 0, 0), "12.0.0"), ((15, 5), "15-SP5"), ((20, 3, 1), "20.03-LTS-SP1"), ((10,), "V10"), ((2012, 2), "2012 R2"),
    ((), "sid"), ((), ""), ((), None), ((123456789,), "1234567890123"),
])
def test_the_numbers_of_a_version(numbers, version):
    assert version_numbers(version) == numbers


@pytest.mark.parametrize(("numbers", "system", "release"), [
    ((2, 5), "euleros", "2.0-SP5"), ((2, 10), "euleros", "2.0 (SP10)"), ((2, 0), "euleros", "2.0"),
    ((2, 5), "euleros", "2.5"),
    ((7, 0, 5), "neokylin", "V7-Update5"), ((5, 0, 2), "neokylin", "5.0 U2"), ((7, 4), "neokylin", "7.4"),
    ((2, 0, 5), "sles", "2.0-SP5"),
])
def test_releases_that_the_catalogues_count_otherwise(numbers, system, release):
    assert release_numbers(system, release) == numbers


@pytest.mark.parametrize(("numbers", "system", "version"), [
    ((12,), "debian", "12.5"), ((22, 4), "ubuntu", "22.04.4"), ((2, 5), "euleros", "2.0-SP5"),
    ((15,), "sles", "15-SP5"),
    ((8, 1), "windows", "8.1"), ((8,), "windows", "8"), ((2012, 2), "windows", "2012 R2"), ((2012,), "windows", "2012"),
    ((), "debian", None),
])
def test_what_tells_major_versions_apart(numbers, system, version):
    assert major_version(system, version) == numbers


@pytest.mark.parametrize(("same", "one", "other"), [
    (True, "opensuse", "opensuse-leap"), (True, "sles_sap", "sles"), (True, None, None), (False, "sles", "opensuse"),
    (False, "rhel", "centos"), (False, "coreos", "fedora"),
])
def test_ids_of_one_system(same, one, other):
    assert is_same_system(one, other) is same


@pytest.mark.parametrize(("known", "system", "name"), [
    ("rhel", "rhel", "Red Hat Enterprise Linux Server 7.7 (Maipo)"), ("rhel", "rhel", None), ("", None, None),
    ("", "rhel", "Scientific Linux 7.2 (Nitrogen)"), ("", "rhel", "EuroLinux 7.1 (Kiev)"),
    ("debian", "debian", "Debian GNU/Linux 12 (bookworm)"), ("scientific", "scientific", "Scientific Linux 6.4"),
])
def test_the_distribution_under_the_id_of_its_parent_has_none(known, system, name):
    assert distribution(system, name) == known
