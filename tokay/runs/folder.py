"""The folder of a training: made, locked, and put in the place of an older run only after the first save.

A run that replaces another one trains in a hidden folder beside it. ``publish`` renames the old run, renames the new one
to its name, and removes the old one. A training that fails before its first save leaves the old run untouched.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import ConfigError, DataError
from ..files import is_temporary
from .file_names import ADAPTATION_FIGURE, LOCK, MODEL, RUN_FILES, SETTINGS, TASK_FIGURE, TRAINING_FIGURE
from .lock import FolderLock
from .settings import check_run_folder

_FIGURES = {Path(name).stem for name in (TRAINING_FIGURE, ADAPTATION_FIGURE, TASK_FIGURE)}
_LITTER = {".ds_store", "thumbs.db", "desktop.ini"}  # files of file managers


class RunFolder:
    """The folder of a training: ``path`` is where its files are now, ``name`` where they are in the end."""

    def __init__(self, path: Path, name: Path, lock: FolderLock, old_lock: FolderLock | None = None) -> None:
        self.path, self.name, self._lock, self._old_lock = path, name, lock, old_lock
        self._is_useless = False

    @property
    def is_published(self) -> bool:
        """Whether the files are where they stay. False before the first save of a run that replaces another one."""
        return self.path == self.name

    def publish(self) -> None:
        """Put the run in the place of the old one. Call it after the first save; later calls do nothing.

        Raises ``DataError`` if a folder cannot be renamed. Then the old run is back in its place.
        """
        if self.is_published:
            return
        previous = _hidden_sibling(self.name, "old")
        try:
            self.name.rename(previous)
            try:
                self.path.rename(self.name)
            except BaseException:  # an interrupt, too
                if not os.path.lexists(self.name):
                    previous.rename(self.name)
                raise
        except OSError as error:
            raise DataError(
                f"{self.name}: cannot be replaced ({error.strerror}); the old run stays. Choose another folder."
            ) from error
        self.path = self._lock.folder = self.name
        if self._old_lock is not None:
            self._old_lock.folder = previous
            self._old_lock.release()
        shutil.rmtree(previous, ignore_errors=True)

    def mark_failure(self, error: BaseException) -> None:
        """Let ``leave`` remove a new run that failed with ``error`` before its first save.

        It stays if a file could not be written: once there is space, training can go on in it.
        """
        self._is_useless = not isinstance(error, DataError) and not (self.path / MODEL).exists()

    def leave(self) -> None:
        """Drop the locks. A new run that was never published or saved goes."""
        self._lock.release()
        if self._is_useless or not self.is_published:
            shutil.rmtree(self.path, ignore_errors=True)


def check_place(path: Path, *, overwrite: bool) -> None:
    """Check that a new run can take the place ``path``, and touch nothing.

    Raises ``ConfigError`` for a name that is not UTF-8, for the current folder and those around it, and for what exists
    already. With ``overwrite`` a run folder may exist: a folder that holds nothing but the files of a run.
    """
    if str(path) != str(path).encode(errors="ignore").decode():
        raise ConfigError(
            f"{path}: the name of a run folder must be UTF-8, which safetensors needs. Choose another name."
        )
    place = Path.cwd()
    if _absolute(path) in (place, *place.parents):
        raise ConfigError(
            f"{path}: a run folder must not be the current folder or one around it. Give a new folder, such as runs/first."
        )
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise ConfigError(
            f"{path}: already exists. Add --overwrite (in Python overwrite=True) to replace it, or continue it with "
            f"tokay train --resume {path}."
        )
    if path.is_symlink() or not path.is_dir():
        kind = "a link" if path.is_symlink() else "a file"
        raise ConfigError(f"{path}: only a run folder is overwritten, and this is {kind}. Choose another folder.")
    try:
        names = sorted(file.name for file in path.iterdir())
    except OSError as error:
        raise DataError(f"{path}: the folder cannot be read ({error.strerror}). Choose another folder.") from error
    foreign = [name for name in names if not _is_of_a_run(name)]
    if foreign or (names and not _is_recognised(names)):
        reason = f"has {foreign[0]}, which is no file of a run" if foreign else f"has no {SETTINGS}"
        raise ConfigError(f"{path}: only a run folder is overwritten, and this one {reason}. Choose another folder.")


@contextmanager
def new_folder(path: Path, *, overwrite: bool) -> Iterator[RunFolder]:
    """Make and lock the folder of a new run, for the time of its training.

    With ``overwrite``, an old run at ``path`` stays until ``publish``, and for good if the block ends before. If the block
    fails before the first save, the new folder goes, unless a file could not be written.

    Raises ``ConfigError`` as ``check_place`` does, and if another process trains there; ``DataError`` if the folder cannot
    be made.
    """
    check_place(path, overwrite=overwrite)
    _finish_swap(path)
    check_place(path, overwrite=overwrite)
    with ExitStack() as stack:
        place, old_lock = path, None
        if os.path.lexists(path):
            old_lock = FolderLock(path)
            stack.callback(old_lock.release)
            _remove_remains(path)
            place = _hidden_sibling(path, "new")
        try:
            place.mkdir(parents=True)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{path}: the folder cannot be made ({reason}). Choose another folder.") from error
        folder = RunFolder(place, path, FolderLock(place, name=path), old_lock)
        stack.callback(folder.leave)
        try:
            yield folder
        except BaseException as error:
            folder.mark_failure(error)
            raise


@contextmanager
def existing_folder(path: Path) -> Iterator[RunFolder]:
    """Lock the folder of a run that exists, for the time of its training.

    Raises ``DataError`` if there is no run folder, and ``ConfigError`` if another process trains in it.
    """
    _finish_swap(path)
    check_run_folder(path)
    folder = RunFolder(path, path, FolderLock(path))
    try:
        _remove_remains(path)
        yield folder
    finally:
        folder.leave()


def _finish_swap(path: Path) -> None:
    """Finish what a kill inside ``publish`` left: no folder at ``path``, and both runs under hidden names."""
    previous, new = _hidden_sibling(path, "old"), _hidden_sibling(path, "new")
    if os.path.lexists(path) or not os.path.lexists(previous):
        return
    source = previous
    if (new / MODEL).is_file():
        FolderLock(new, name=path).release()  # raises if the process is still at it
        source = new
    try:
        source.rename(path)
    except OSError as error:
        raise DataError(f"{path}: {source} cannot be renamed to it ({error.strerror}). Rename it yourself.") from error


def _remove_remains(path: Path) -> None:
    """Remove what killed trainings left beside ``path``. Its lock must be held."""
    for purpose in ("old", "new"):
        shutil.rmtree(_hidden_sibling(path, purpose), ignore_errors=True)


def _hidden_sibling(path: Path, purpose: str) -> Path:
    place = _absolute(path)
    return place.parent / f".{place.name}.tokay-{purpose}"


def _absolute(path: Path) -> Path:
    """``path`` from the root of the file system, without ``..``, with links followed up to the last part only."""
    normal = Path(os.path.normpath(Path.cwd() / path))
    return normal.parent.resolve() / normal.name


def _is_of_a_run(name: str) -> bool:
    """Whether a run folder may hold a file of that name."""
    return name in RUN_FILES or is_temporary(name) or name.lower() in _LITTER or Path(name).stem in _FIGURES


def _is_recognised(names: list[str]) -> bool:
    """Whether these are the files of a run, or what a kill left before ``run.json`` was renamed."""
    return SETTINGS in names or all(name == LOCK or is_temporary(name) or name.lower() in _LITTER for name in names)
