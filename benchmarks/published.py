"""The published figures of Omniglot, from the recipes of the methods, which have their protocols and sources."""

from collections.abc import Iterable

from tokay.core.algorithm import list_recipes
from tokay.core.recipe import Check


def published(method: str) -> dict[str, Check]:
    """By setting (``5w1s``): the check of the method's recipe that has a published figure, the first where several do."""
    found: dict[str, Check] = {}
    for name, (_, recipe) in list_recipes().items():
        if name.startswith(f"{method}-omniglot"):
            for check in recipe.checks:
                if check.published:
                    found.setdefault(check.name, check)
    return found


def figure(method: str, setting: str) -> str:
    """The figure of one setting, a dash where there is none."""
    known = published(method)
    return known[setting].published if setting in known else "–"


def figures(method: str, settings: Iterable[str]) -> str:
    """One cell: the figures of all settings, a dash where there is none."""
    cells = [figure(method, setting) for setting in settings]
    return " / ".join(cells) if set(cells) != {"–"} else ""


def protocols(methods: Iterable[str], settings: Iterable[str]) -> list[str]:
    """One line per method: how its published figures were measured."""
    wanted, lines = set(settings), []
    for method in methods:
        told = {check.protocol: None for name, check in published(method).items() if name in wanted}
        lines += [f"- `{method}`: {'; '.join(told)}."] if told else []
    return lines
