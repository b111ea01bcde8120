"""Archives for tests: honest ones, and those that no tool makes by accident."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["HOSTILE", "write_zip"]


def write_zip(
    path: Path, files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None
) -> str:
    """An archive of files and symbolic links; a name that ends in `.sh` is executable."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | (0o755 if name.endswith(".sh") else 0o644)) << 16
            if name.endswith("/"):
                info.external_attr = (stat.S_IFDIR | 0o755) << 16
            archive.writestr(info, data)
        for name, target in (links or {}).items():
            archive.writestr(_of_kind(name, stat.S_IFLNK), target)
    return str(path)


def _of_kind(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = (kind | 0o755) << 16
    return info


def _with_name(name: str) -> Callable[[Path], object]:
    return lambda path: write_zip(path, {"index.py": "", name: "x"})


def _with_link(name: str, target: str) -> Callable[[Path], object]:
    return lambda path: write_zip(path, {"index.py": "", "a/b/c": ""}, {name: target})


def _with_kind(kind: int) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(_of_kind("odd", kind), b"")

    return write


def _patched(old: bytes, new: bytes) -> Callable[[Path], object]:
    """The archive of one file `index.py`, with some of its bytes replaced everywhere."""

    def write(path: Path) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.py", b"h = 1\n")
        data = buffer.getvalue()
        assert old in data
        path.write_bytes(data.replace(old, new))

    return write


def _encrypted(path: Path) -> None:
    write_zip(path, {"index.py": "h = 1"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)


def _lies_about_its_size(path: Path) -> None:
    """The directory says one byte; there are sixteen million."""
    write_zip(path, {"index.py": bytes(16 << 20)})
    data = path.read_bytes()
    size = struct.pack("<I", 16 << 20)
    path.write_bytes(data.replace(size, struct.pack("<I", 1)))


def _bomb(path: Path) -> None:
    """Ten times 250 MB, in a quarter of one."""
    write_zip(path, {"0": bytes(250 << 20)})
    _repeat_first_member(path, 10)


def _packed_by(method: int) -> Callable[[Path], object]:
    """256 MB of zeros in a few kilobytes, where a handler is looked for."""

    def write(path: Path) -> None:
        info = zipfile.ZipInfo("index.py", (2020, 1, 1, 0, 0, 0))
        info.compress_type = method
        with zipfile.ZipFile(path, "w") as archive, archive.open(info, "w") as stream:
            for _ in range(64):
                stream.write(bytes(4 << 20))

    return write


def _overlapping(path: Path) -> None:
    """Ten members of ten megabytes, below every limit, and one of them is in the file."""
    write_zip(path, {"0": bytes(10 << 20)})
    _repeat_first_member(path, 10)


def _link_of_nothing(path: Path) -> None:
    """A link of one byte, which deflate says after a megabyte of empty blocks."""
    data = b"\0\0\0\xff\xff" * 200_000 + zlib.compress(b"x", wbits=-15)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_of_kind("l", stat.S_IFLNK), data)
    archive_bytes = bytearray(path.read_bytes())
    entry = archive_bytes.index(b"PK\1\2")
    archive_bytes[entry + 10 : entry + 12] = struct.pack("<H", zipfile.ZIP_DEFLATED)
    archive_bytes[entry + 24 : entry + 28] = struct.pack("<L", 1)
    path.write_bytes(archive_bytes)


def _repeat_first_member(path: Path, count: int) -> None:
    """All members are the same bytes of the file, as in the best bombs there are."""
    data = path.read_bytes()
    start = data.rindex(b"PK\1\2")
    end = data.rindex(b"PK\5\6")
    entry = data[start:end]
    assert entry[46:47] == b"0"
    entries = b"".join(entry[:46] + bytes([48 + n]) + entry[47:] for n in range(count))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), start, 0)
    path.write_bytes(data[:start] + entries + tail)


def _million_members(path: Path) -> None:
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0
    )  # fmt: skip
    count = 1_000_000
    entries = b"".join(entry + b"%04x" % (n & 0xFFFF) for n in range(count))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(entries), 0, 0)
    path.write_bytes(entries + tail)


def _many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_001):
            archive.writestr(zipfile.ZipInfo(f"m{number}"), b"")


def _many_links(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.py", b"")
        for number in range(1001):
            archive.writestr(_of_kind(f"l{number}", stat.S_IFLNK), b"index.py")


def _with_folders(members: int, levels: int) -> Callable[[Path], object]:
    """Each member lies in that many directories of its own."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(members):
                archive.writestr(zipfile.ZipInfo(f"{number:x}/" + "d/" * (levels - 1) + "f"), b"")

    return write


HOSTILE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "up": ("FCB412", _with_name("../up.py")),
    "up in the middle": ("FCB412", _with_name("a/../../up.py")),
    "absolute": ("FCB412", _with_name("/etc/x.py")),
    "drive": ("FCB412", _with_name("C:/x.py")),
    "drive without a slash": ("FCB412", _with_name("c:x.py")),
    "backslash": ("FCB412", _with_name("a\\..\\x.py")),
    "NUL": ("FCB412", _patched(b"index.py", b"in\0ex.py")),
    "long name": ("FCB412", _with_name("n" * 2000)),
    "deep name": ("FCB412", _with_name("d/" * 64 + "f")),
    "many deep names": ("FCB412", _with_folders(3_900, 500)),
    "link up": ("FCB413", _with_link("l", "../x")),
    "link absolute": ("FCB413", _with_link("l", "/etc/passwd")),
    "link deep up": ("FCB413", _with_link("a/b/l", "../../../x")),
    "link by a way back": ("FCB413", _with_link("l", "a/../../x")),
    "link over a link": ("FCB413", _with_link("l", "a/b/m/..")),
    "link to nothing": ("FCB413", _with_link("l", "")),
    "encrypted": ("FCB414", _encrypted),
    "a million members": ("FCB415", _million_members),
    "many members": ("FCB415", _many_members),
    "many links": ("FCB415", _many_links),
    "many directories that names imply": ("FCB415", _with_folders(4_000, 60)),
    "bomb": ("FCB418", _bomb),
    "bzip2 bomb": ("FCB417", _packed_by(zipfile.ZIP_BZIP2)),
    "lzma bomb": ("FCB417", _packed_by(zipfile.ZIP_LZMA)),
    "overlapping": ("FCB411", _overlapping),
    "link after much of nothing": ("FCB413", _link_of_nothing),
    "twice": ("FCB416", _with_name("./index.py")),
    "below a file": ("FCB416", _with_name("index.py/x")),
    "below a link": (
        "FCB416",
        lambda path: write_zip(path, {"l/x": "x", "a/": ""}, {"l": "a"}),
    ),
    "link and directory": (
        "FCB416",
        lambda path: write_zip(path, {"l/": "", "a/": ""}, {"l": "a"}),
    ),
    "device": ("FCB417", _with_kind(stat.S_IFBLK)),
    "pipe": ("FCB417", _with_kind(stat.S_IFIFO)),
    "empty": ("FCB411", lambda path: path.write_bytes(b"")),
    "text": ("FCB411", lambda path: path.write_bytes(b"def handler(): ...\n" * 100)),
    "half": ("FCB411", _patched(b"PK\1\2", b"PK\1\3")),
}
"""Name -> the finding it gives, and what writes it."""

DAMAGED: dict[str, Callable[[Path], object]] = {
    "lies about its size": _lies_about_its_size,
    "other bytes": _patched(b"h = 1\n", b"h = 2\n"),
    "local header gone": _patched(b"PK\3\4", b"PK\3\5"),
}
"""What only unpacking can find."""
