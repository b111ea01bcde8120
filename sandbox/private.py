"""Directories that nobody else may write into: what stands in them is believed."""

import errno
import os

__all__ = ["make_private"]


def make_private(directory: str) -> None:
    """Makes it if need be, for this user alone. Raises OSError when it is somebody else's."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    status = os.stat(directory)
    if status.st_uid != os.geteuid():
        words = "the directory belongs to another user"
        raise PermissionError(errno.EPERM, words, directory)
    if status.st_mode & 0o077:
        os.chmod(directory, 0o700)
