"""One training per run folder: a lock file that names its process.

The operating system holds the lock and drops it when the process ends, in whatever way. So a file that a killed process
left is no lock: the next training takes it over.
"""

import contextlib
import errno
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ConfigError, DataError
from .file_names import LOCK

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD_BY_ANOTHER = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
"""links are not followed: the lock file is written, and the target of a link would lose its content"""
_LOCKED_BYTE = 2**20
"""Windows locks bytes, and nobody can read them; this one is behind the content of the file"""


class FolderLock:
    """Holds the lock of ``folder`` until ``release``. Change ``folder`` if the folder is renamed.

    A file system without locks gives none: there the training runs unprotected, as it always did.
    """

    def __init__(self, folder: Path, name: Path | None = None) -> None:
        """``name`` is what messages call the folder.

        Raises ``ConfigError`` if another process holds the lock, and ``DataError`` if the file cannot be made.
        """
        self.folder = folder
        self._file = _take(folder / LOCK, name or folder)

    def release(self) -> None:
        """Remove the file and drop the lock. The second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # the folder is gone, or cannot be written any more
                (self.folder / LOCK).unlink()
            os.close(file)


def _take(path: Path, name: Path) -> int | None:
    while True:
        try:
            file = os.open(path, _FLAGS, 0o644)
        except OSError as error:
            advice = f"Remove {LOCK}, which is a link." if path.is_symlink() else "Make the folder writable."
            raise DataError(f"{name}: the lock file {LOCK} cannot be made ({error.strerror}). {advice}") from error
        try:
            _lock(file)
        except OSError as error:
            holder = _describe_holder(path)
            os.close(file)
            if error.errno not in _HELD_BY_ANOTHER:
                return None
            raise ConfigError(
                f"{name}: only one process can train in a run folder, and {holder} does. "
                "Wait until it has ended, or choose another folder."
            ) from error
        # Another process may have removed the file between the two calls: then the lock is on no file.
        if _is_same_file(file, path):
            _write_holder(file)
            return file
        os.close(file)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same_file(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def _write_holder(file: int) -> None:
    holder = {
        "process": os.getpid(),
        "machine": platform.node(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, (json.dumps(holder) + "\n").encode())


def _describe_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {int(holder['process'])} on {holder['machine']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # not written yet
        return "another process"
