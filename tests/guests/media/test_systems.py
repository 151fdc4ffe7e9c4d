import pytest

from imgbuild.guests.media.systems import Words, more_exact, of_same_release, system_of


def system(word, version="", **more):
    return system_of(Words(word, version, **more))


@pytest.mark.parametrize(("same", "one", "other"), [
    (True, system("debian", "12.5.0"), system("debian", "12.5.0")),
    (True, system("centos", "7"), system("centos", "7.9")),
    (True, system("rhel", "9"), system("rhel", "9.0")),
    (True, system("slackware"), system("slackware", "15.0")),
    (False, system("debian", "12.5.0"), system("debian", "11.5.0")),
    (False, system("rhel", "9.1"), system("rhel", "9.0")),
    (False, system("rocky", "9.4"), system("almalinux", "9.4")),
    (False, system("centos", "9"), system("centos", "9", variant="stream")),
    (False, system("ubuntu", "22.04"), system("ubuntu", "22.10")),
])
def test_sightings_of_one_system(same, one, other):
    assert of_same_release(one, other) is of_same_release(other, one) is same


def test_the_more_exact_words_are_kept():
    found = more_exact(system("rhel", "9", edition="Server"), system("rhel", "9.0"))
    assert (found.version, found.release, found.name, found.variant) == (
        "9.0", "9.0", "Red Hat Enterprise Linux 9.0", "server")


@pytest.mark.parametrize("code", ["backup", "live", "edu", "gnu"])
def test_a_code_name_that_nobody_has_names_no_system(code):
    assert system("debian", code_name=code) is None


@pytest.mark.parametrize(("version", "digits"), [("7.1.2", "712"), ("8.2", "82"), ("10.0", "100"), ("10.1", "101"),
                                                 ("1.0", "10")])
def test_netbsd_leaves_the_dots_out(version, digits):
    assert system("netbsd", digits).version == version


def test_leap_before_15_was_called_opensuse():
    assert [system("opensuse-leap", version).id for version in ("42.3", "15.5")] == ["opensuse", "opensuse-leap"]
