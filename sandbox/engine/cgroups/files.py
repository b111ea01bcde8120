"""Reading and writing the files of a group. Every OSError names the file."""

from __future__ import annotations

import errno
import os

__all__ = ["pids", "read", "refusal", "remove", "tree_pids", "write", "write_if_there"]


def read(path: str) -> str:
    """The whole of a file. Raises OSError."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def write(path: str, text: str) -> None:
    """In one write, as the kernel wants it. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(fd)


def write_if_there(path: str, text: str) -> bool:
    """Writes to a file that not every kernel has; False where there is none."""
    try:
        write(path, text)
    except FileNotFoundError:
        return False
    return True


def refusal(directory: str) -> str:
    """Why no groups can be made below this one; "" when they can."""
    if not directory:
        return "our own group lies outside of the part of the hierarchy that is mounted"
    return next(filter(None, map(_not_writable, (directory, f"{directory}/cgroup.procs"))), "")


def _not_writable(path: str) -> str:
    if os.access(path, os.W_OK):
        return ""
    try:
        is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError as error:
        return f"{path}: {error.strerror}"
    why = "is mounted read-only" if is_read_only else f"is not writable for uid {os.geteuid()}"
    return f"{path} {why}"


def pids(directory: str) -> set[int]:
    """The processes of a group; one that is gone has none, nor has a threaded one of its own."""
    try:
        return set(map(int, read(f"{directory}/cgroup.procs").split()))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            return set()
        raise


def tree_pids(directory: str) -> set[int]:
    """The processes of a group and of those below it."""
    return pids(directory).union(*map(pids, _below(directory)))


def remove(directory: str) -> bool:
    """Removes a group, and groups that were made below it; False while it has processes."""
    return _rmdir(directory) or all(map(_rmdir, [*reversed(_below(directory)), directory]))


def _rmdir(directory: str) -> bool:
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _below(directory: str) -> list[str]:
    """The groups below, each before those below it. A list that grows: they may lie deep."""
    found = [directory]
    for path in found:
        try:
            with os.scandir(path) as entries:
                found += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # gone, or its path too long for a system call
    return found[1:]
