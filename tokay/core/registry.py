"""Classes by name: algorithms, sources and networks register themselves when their classes are defined.

Tokay's own classes and those of other packages come through the same door. The first look into a registry imports
Tokay's package of that name (``tokay.algorithms``, ``tokay.tasks``, ``tokay.networks``) and every entry point of the
registry's group that an installed package declares:

    [project.entry-points."tokay.algorithms"]
    centroid = "mypackage.centroid"
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from ..errors import ConfigError, TokayError

T = TypeVar("T")
_WORD = re.compile(r"[a-z][a-z0-9+-]*")
GROUPS = ("tokay.algorithms", "tokay.sources", "tokay.networks")
"""the entry point groups through which other packages add methods, sources and networks"""


class Registry(Generic[T]):
    """The classes of one kind (``what``: algorithm, source or network), by the name that the command line uses.

    ``home`` is the package that defines Tokay's own, ``group`` the entry point group of other packages.
    """

    def __init__(self, what: str, *, home: str, group: str) -> None:
        self._what, self._home, self._group = what, home, group
        self._classes: dict[str, type[T]] = {}
        self._is_loaded = False

    def add(self, cls: type[Any], name: str) -> None:
        """Register ``cls`` and set ``cls.name``.

        A class that is defined again replaces itself: ``dataclass(slots=True)`` and notebooks do that.

        Raises ``ConfigError`` if another class has the name, or if the name is no word of a command line.
        """
        if not isinstance(name, str) or not _WORD.fullmatch(name):
            raise ConfigError(
                f"{self._what}: a name must be lower-case letters, digits, '-' and '+', beginning with a letter, got {name!r}. "
                'Choose one, such as "my-method".'
            )
        owner = self._classes.get(name)
        if owner is not None and path_of(owner) != path_of(cls):
            raise ConfigError(f"{self._what}: the name {name!r} is taken by {path_of(owner)}. Choose another.")
        cls.name = name
        self._classes[name] = cls

    def by_name(self) -> dict[str, type[T]]:
        """Every registered class. Raises ``ConfigError`` if an entry point of an installed package cannot be loaded."""
        if not self._is_loaded:
            self._is_loaded = True  # the packages that are imported here may ask, too
            try:
                import_module(self._home)
                for entry_point in declared([self._group]):
                    _load(entry_point)
            except BaseException:
                self._is_loaded = False  # the next look fails in the same way, instead of missing classes silently
                raise
        return dict(self._classes)

    def check_summary(self, cls: type[Any], name: str) -> None:
        """Raise ``ConfigError`` if a class has no summary: `tokay list` would fail on it."""
        if not isinstance(getattr(cls, "summary", None), str):
            raise ConfigError(
                f'{name}: a {self._what} must have a summary, {cls.__qualname__} has none. Add summary = "one line for tokay '
                'list".'
            )

    @contextmanager
    def temporary(self) -> Iterator[None]:
        """Classes that register inside are forgotten afterwards. For tests."""
        classes = self.by_name()
        try:
            yield
        finally:
            self._classes = classes


def path_of(cls: type[Any]) -> str:
    """Where a class is defined: ``tokay.algorithms.gradient.maml.MAML``."""
    return f"{cls.__module__}.{cls.__qualname__}"


def declared(groups: Iterable[str] = GROUPS) -> list[EntryPoint]:
    """The entry points that installed packages declare in ``groups``."""
    return [entry_point for group in groups for entry_point in entry_points(group=group)]


def import_plugins(modules: Iterable[str]) -> None:
    """Import ``modules``, which register their classes. Raises ``ConfigError`` if one is missing or fails."""
    for module in modules:
        try:
            import_module(module)
        except TokayError as error:
            raise ConfigError(f"--import {module}: {error}") from error
        except (Exception, SystemExit) as error:  # whatever a module does when it is imported
            raise ConfigError(
                f"--import {module}: must be a module that can be imported, got {type(error).__name__}: {error}. "
                "Give its dotted name (mypackage.methods), and run where Python finds it."
            ) from error


def _load(entry_point: EntryPoint) -> None:
    try:
        entry_point.load()
    except (Exception, SystemExit) as error:  # whatever a package does when it is imported
        package = entry_point.dist.name if entry_point.dist else "an installed package"
        raise ConfigError(
            f"{entry_point.group}: the entry point {entry_point.name} = {entry_point.value} of {package} must load, "
            f"got {type(error).__name__}: {str(error).rstrip('.')}. Update or uninstall {package}."
        ) from error
