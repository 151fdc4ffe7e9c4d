"""The kernels of a Linux guest: its tree in, each installed kernel with its initramfs, modules and command line out.

A kernel is installed when its image is there; modules without an image (left behind, or of a kernel on a file system
that is not seen) count only where there is no image at all. The default is what the boot loader's menu starts
(``bootmenu``); without a menu the target of the link ``vmlinuz``, or the only kernel.

Paths in a menu are those of the loader: from the top of the boot file system, or of a btrfs subvolume's parent, or
beside the menu. They are looked for in that order.

The Linux/x86 Boot Protocol, "kernel_version", https://docs.kernel.org/arch/x86/boot.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests import bootmenu, uki
from imgbuild.guests.bootentries import version_key
from imgbuild.guests.osrelease import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from imgbuild.guests.bootentries import Entry, Menu
    from imgbuild.guests.careful import Careful

_IMAGES = ("/boot/vmlinuz*", "/boot/vmlinux*", "/boot/kernel-*", "/boot/*Image*", "/boot/image-*", "/boot/linux-*",
           "/boot/ostree/*/vmlinuz*", "/boot/flatcar/vmlinuz-[ab]", "/boot/coreos/vmlinuz-[ab]",
           "/usr/lib/modules/*/vmlinuz", "/lib/modules/*/vmlinuz",
           "/nix/var/nix/profiles/system/kernel", "/var/guix/profiles/system/kernel/bzImage")
_SPARE = "/usr/boot/vmlinuz*"  # Flatcar's, which it copies to the EFI system partition
_MODULES = ("/usr/lib/modules", "/lib/modules", "/nix/var/nix/profiles/system/kernel-modules/lib/modules")
_SIGNS = ("modules.dep", "modules.builtin", "kernel")
_LINKS = ("/boot/vmlinuz", "/vmlinuz", "/boot/vmlinux", "/boot/Image", "/boot/image")
_NAMED = re.compile(r"(?:vmlinu[xz]|kernel|[bz]?[Ii]mage|uImage|linux)(?:-[A-Za-z_]+(?:-x86_64)?)?-(\d+\.\d[\w.+~-]*)")
_SUFFIX = re.compile(r"\.(?:gz|xz|efi|efi\.signed|signed|old|img|bak)$")
_NO_KERNEL = re.compile(r"(?:-rescue|\.hmac$|\.sig$|\.old$|\.dtb$|/memtest)")
_INITRAMFS = ("initramfs-{0}.img", "initrd.img-{0}", "initrd-{0}", "initramfs-{0}", "initrd-{0}.img",
              "initramfs-genkernel-x86_64-{0}", "initramfs.img", "initrd")
_MOST = 32
_VERSION_POINTER = 0x20E
_FIRST_WORD = r"\d+\.\d[\w.+~-]*"


class Kernel(msgspec.Struct, frozen=True):
    """An installed kernel; paths are the guest's, with no link in them, and lead to something.

    ``initrds`` are all the files that the loader hands over, the main initramfs last; a unified kernel image
    (``unified``) has them inside. ``is_default`` is ``None`` where it is not known. ``entry`` is what boots it: of
    several entries the default, else the first.
    """

    version: str | None
    image: str | None
    initrds: tuple[str, ...] = ()
    modules: str | None = None
    is_default: bool | None = None
    entry: Entry | None = None
    device_tree: str | None = None
    unified: bool = False

    @property
    def initramfs(self) -> str | None:
        """The main initramfs; the files before it hold microcode."""
        return self.initrds[-1] if self.initrds else None

    @property
    def command_line(self) -> str | None:
        """What the loader hands to the kernel, or ``None`` where no entry says."""
        return self.entry.options if self.entry is not None else None


def find(tree: Careful) -> tuple[Kernel, ...]:
    """Return the installed kernels, the newest first."""
    return find_with(tree, bootmenu.read(tree))


def find_with(tree: Careful, menu: Menu | None) -> tuple[Kernel, ...]:
    """Return the installed kernels where the menu is known already."""
    booted = _booted(tree, menu)
    images = dict.fromkeys([*booted, *_installed(tree, booted)]) or dict.fromkeys(tree.glob(_SPARE))
    folders = _module_folders(tree)
    if not images:
        return tuple(Kernel(clean(name), None, modules=path) for name, path in _newest(folders))
    default = _default(tree, menu, booted, tuple(images))
    kernels = [_kernel(tree, path, booted.get(path), folders) for path in [*images][:_MOST]]
    marked = (msgspec.structs.replace(kernel, is_default=None if default is None else kernel.image == default)
              for kernel in kernels)
    return tuple(sorted(marked, key=lambda kernel: version_key(kernel.version or ""), reverse=True))


def place(tree: Careful, source: str, path: str) -> str | None:
    """Return where in the guest the ``path`` of a menu leads, or ``None`` where nothing is there.

    ``source`` is the file that holds the menu.
    """
    names = [name for name in path.split("/") if name]
    home = tree.mount_of(source)
    starts = (home, "/boot", "/") if path.startswith("/") else (source.rpartition("/")[0], home)
    tries = ["/".join([start.rstrip("/"), *names]) for start in dict.fromkeys(starts)]
    tries += ["/" + "/".join(names[number:]) for number in range(1, min(len(names), 8))]
    tries += [f"/boot/{name}" for name in names[-1:]]
    found = (tree.resolve(guess) for guess in tries if names)
    return next((known for known in found if known is not None and not tree.is_dir(known)), None)


def _booted(tree: Careful, menu: Menu | None) -> dict[str, Entry]:
    """Return the entry of each image that the menu boots; the default's entry stands for its image."""
    entries = [] if menu is None else [*menu.entries, *([menu.default] if menu.default is not None else [])]
    found: dict[str, Entry] = {}
    for entry in entries:
        path = place(tree, entry.source, entry.linux) if entry.linux else None
        if path is not None and not _NO_KERNEL.search(path):
            found[path] = entry if menu is not None and entry is menu.default else found.get(path, entry)
    return found


def _installed(tree: Careful, known: Iterable[str]) -> Iterator[str]:
    """Yield the images that lie where kernels do, but no second form of one.

    SUSE has each uncompressed too, Fedora in the folder of its modules.
    """
    seen = {_named_version(image) for image in known} - {None}
    for pattern in _IMAGES:
        for path in tree.glob(pattern):
            image = tree.resolve(path)
            version = _named_version(image or "")
            if image is not None and version not in seen and not _NO_KERNEL.search(image) and not tree.is_dir(image):
                seen |= {version} if version else set()
                yield image


def _module_folders(tree: Careful) -> dict[str, str]:
    """Return the folders with modules by the names of their kernels."""
    found: dict[str, str] = {}
    for base in _MODULES:
        for name in tree.listdir(base)[:_MOST]:
            path = tree.resolve(f"{base}/{name}")
            if path is not None and name not in found and any(tree.exists(f"{path}/{sign}") for sign in _SIGNS):
                found[name] = path
    return found


def _newest(folders: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(folders.items(), key=lambda item: version_key(item[0]), reverse=True)


def _default(tree: Careful, menu: Menu | None, booted: dict[str, Entry], images: Sequence[str]) -> str | None:
    if menu is not None and menu.default is not None:
        chosen = [path for path, entry in booted.items() if entry is menu.default]
        if chosen or not menu.default.linux:
            return chosen[0] if chosen else ""  # another system, or a test of the memory
    elif menu is None:
        links = (tree.resolve(path) for path in _LINKS if tree.resolve(path) != path)
        linked = next((target for target in links if target in images), None)
        if linked is not None:
            return linked
    return images[0] if len(images) == 1 else None


def _kernel(tree: Careful, image: str, entry: Entry | None, folders: dict[str, str]) -> Kernel:
    unified = uki.read(tree, image) if image.casefold().endswith(".efi") else None
    if unified is not None:
        return Kernel(clean(unified.uname) or None, image, (), folders.get(unified.uname), entry=entry, unified=True)
    version = _version(tree, image, folders)
    named = [place(tree, entry.source, path) for path in entry.initrds] if entry is not None else []
    initrds = tuple(path for path in named if path is not None) or _beside(tree, image, version)
    devicetree = place(tree, entry.source, entry.devicetree) if entry is not None and entry.devicetree else None
    return Kernel(clean(version) if version else None, image, initrds, folders.get(version or ""), None, entry,
                  devicetree)


def _beside(tree: Careful, image: str, version: str | None) -> tuple[str, ...]:
    """Return the initramfs that lies where the distributions put it, for a kernel that no entry speaks of."""
    folder, _, name = image.rpartition("/")
    # Alpine's initramfs is named for the kernel's flavour alone: 6.6.31-0-virt has initramfs-virt.
    words = (version, name.partition("-")[2], (version or "").rpartition("-")[2])
    guesses = (f"{folder}/{form.format(word)}" for word in words if word for form in _INITRAMFS)
    found = next((path for guess in guesses if (path := tree.resolve(guess)) is not None), None)
    return (found,) if found is not None else ()


def _version(tree: Careful, image: str, folders: dict[str, str]) -> str | None:
    """Return the kernel's release as ``uname -r`` has it: from the name, else from the image, else from the modules."""
    named = _named_version(image)
    if named is not None and (named in folders or not folders):
        return named
    written = _written_version(tree, image)
    if written is not None or named is not None:
        return written or named
    flavour = _SUFFIX.sub("", image.rpartition("/")[2]).partition("-")[2]
    fitting = [name for name in folders if not flavour or name.endswith("-" + flavour)] or list(folders)
    return fitting[0] if len(fitting) == 1 else None


def _named_version(image: str) -> str | None:
    folder, _, name = image.rpartition("/")
    above = folder.rpartition("/")
    if above[0].endswith("/modules"):
        return above[2]
    match = _NAMED.fullmatch(_SUFFIX.sub("", name))
    return match[1] if match else None


def _written_version(tree: Careful, image: str) -> str | None:
    """Return the version in the setup header of an x86 kernel."""
    head = tree.read(image, _VERSION_POINTER + 2)
    if head[0x202:0x206] != b"HdrS":
        return None
    start = int.from_bytes(head[_VERSION_POINTER:], "little") + 0x200
    match = re.match(_FIRST_WORD, tree.read_at(image, start, 128).decode("ascii", errors="replace"))
    return match[0] if match else None
