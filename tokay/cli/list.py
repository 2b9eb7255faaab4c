"""``tokay list [algorithms|costs|sources|networks|recipes]``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..core.algorithm import list_algorithms, list_recipes
from ..core.cost import FAMILIES
from ..networks import list_networks
from ..tasks import list_sources
from .console import stdout, table
from .flags import one_of


def run(arguments: Sequence[str]) -> None:
    """Print what there is."""
    if "--help" in arguments or "-h" in arguments:
        stdout.print(f"Usage: tokay list [{'|'.join(_KINDS)}]", markup=False)
        return
    for kind in [one_of(word, list(_KINDS), "list") for word in arguments] or _KINDS:
        stdout.print(_KINDS[kind](kind))


def _registry(entries: Mapping[str, Any]) -> Callable[[str], Table]:
    def listing(title: str) -> Table:
        rows = []
        for name, entry in sorted(entries.items()):
            reference = f" [{entry.reference}]" if hasattr(entry, "reference") else ""
            rows.append((name, entry.summary + reference))
        return _table(title, ("name", "what it is"), rows)

    return listing


def _costs(title: str) -> Table:
    """Every method under the family of its cost, the families in the order of docs/costs.md."""
    order = list(FAMILIES)
    kinds = sorted(list_algorithms().values(), key=lambda kind: (order.index(kind.cost.family), kind.name))
    rows = [(kind.cost.family, kind.name, kind.cost.formula) for kind in kinds]
    return _table(f"{title}: how good is a start after adapting?", ("family", "method", "minimises"), rows)


def _recipes(title: str) -> Table:
    rows = []
    for name, (kind, recipe) in sorted(list_recipes().items()):
        figures = "; ".join(f"{check.name} {check.published}" for check in recipe.checks if check.published)
        rows.append((name, f"{kind.name} {recipe.source}, {recipe.steps:,} steps", figures))
    return _table(f"{title} (tokay reproduce NAME)", ("name", "what is trained", "published"), rows)


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    listing = table(title, *heads)
    for column in listing.columns:
        column.justify = "left"
    for row in rows:
        listing.add_row(*map(escape, row))
    return listing


_KINDS: dict[str, Callable[[str], Table]] = {
    "algorithms": _registry(list_algorithms()),
    "costs": _costs,
    "sources": _registry(list_sources()),
    "networks": _registry(list_networks()),
    "recipes": _recipes,
}
