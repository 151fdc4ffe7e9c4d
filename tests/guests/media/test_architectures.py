import pytest

from imgbuild.guests.media.architectures import architecture_in


@pytest.mark.parametrize(("expected", "text"), [
    ("x86_64", "Debian 12.5.0 amd64 n"), ("x86_64", "RHEL-9-3-0-BaseOS-x86_64"), ("x86_64", "14_2_RELEASE_AMD64_DVD"),
    ("x86_64", "SLE-15-SP6-Full-x86_6492.11.001"), ("x86", "SLES-11-SP2-DVD-i58607551"),
    ("x86", "alpine-std 3.15.0 x86"),
    ("aarch64", "SLE-Micro-5.4-DVD-aarch6428..001"), ("s390x", "openSUSE-Leap-15.3-2-NET-s390x24"),
    ("ppc64le", "SLE-15-SP2-Full-ppc64le209.2.001"), ("ppc64le", "Debian trixie-DI-rc1 p64el n"),
    ("ppc64", "RHEL.ppc64"),
    ("ppc", "Fedora 10 ppc Disc 6"), ("arm", "alpine-virt 3.14.1 armv7"), ("riscv64", "Ubuntu 24.04.2 LTS riscv"),
    ("x86_64", "amd64 and x86_64"),
    # Several, none, and names that were cut at 32 characters.
    (None, "i386 amd64"), (None, "Debian 11.5.0 M-A 1"), (None, ""), (None, "SUSE-CaaS-Platform-1.0-DVD-x86_6"),
    (None, "a-b-x86_"), (None, "a-b-ppc64l"), (None, "armada"), (None, "foox86"),
])
def test_the_one_word_for_a_machine(expected, text):
    found = architecture_in(text)
    assert (found.architecture if found else None) == expected


def test_bits():
    assert [architecture_in(word).bits for word in ("i686", "amd64", "armhf", "arm64", "s390x")] == [32, 64, 32, 64, 64]
