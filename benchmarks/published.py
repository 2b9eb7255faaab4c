"""The published figures on Omniglot, with protocols and sources, from the recipes of the methods."""

from collections.abc import Iterable

from tokay.core.algorithm import list_recipes
from tokay.core.recipe import Check


def published(method: str) -> dict[str, Check]:
    """The first check with a published figure for each setting (``5w1s``), from the recipes of ``method``."""
    checks: dict[str, Check] = {}
    for name, (_, recipe) in list_recipes().items():
        if name.startswith(f"{method}-omniglot"):
            for check in recipe.checks:
                if check.published:
                    checks.setdefault(check.name, check)
    return checks


def figure(method: str, setting: str) -> str:
    """The figure of one setting, or a dash if there is none."""
    checks = published(method)
    return checks[setting].published if setting in checks else "–"


def figures(method: str, settings: Iterable[str]) -> str:
    """One cell with the figures of all settings; empty if there is none."""
    cells = [figure(method, setting) for setting in settings]
    return " / ".join(cells) if set(cells) != {"–"} else ""


def protocols(methods: Iterable[str], settings: Iterable[str]) -> list[str]:
    """One line per method: the protocols of its published figures."""
    names, lines = set(settings), []
    for method in methods:
        unique = {check.protocol: None for name, check in published(method).items() if name in names}
        lines += [f"- `{method}`: {'; '.join(unique)}."] if unique else []
    return lines
