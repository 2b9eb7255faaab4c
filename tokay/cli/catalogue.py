"""The catalogue: what ``tokay list`` shows, kept in ``catalogue.json`` so that listing needs no torch.

``python -m tokay.cli.catalogue`` (or ``make catalogue``) writes the file anew; a test holds it against the registries.
If another package adds methods, sources or networks, or ``--import`` does, the registries themselves are asked.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ..core.registry import declared

FILE = Path(__file__).with_name("catalogue.json")
Catalogue = dict[str, list[dict[str, str]]]


def read_catalogue() -> Catalogue:
    """The rows of every listing, by its name: ``algorithms``, ``costs``, ``sources``, ``networks``, ``recipes``."""
    if _has_plugins():
        return make_catalogue()
    catalogue: Catalogue = json.loads(FILE.read_text(encoding="utf-8"))
    return catalogue


def _has_plugins() -> bool:
    """Whether any class may be registered that is not Tokay's own. Only ``--import`` loads torch before this is asked."""
    return "torch" in sys.modules or bool(declared())


def make_catalogue() -> Catalogue:
    """The same rows from the registries. This imports every method, and torch."""
    from ..core.algorithm import list_algorithms
    from ..networks import list_networks
    from ..tasks import list_sources

    return {
        "algorithms": [_entry(kind, f" [{kind.reference}]") for _, kind in sorted(list_algorithms().items())],
        "costs": _costs(),
        "sources": [_entry(kind) for _, kind in sorted(list_sources().items())],
        "networks": [_entry(kind) for _, kind in sorted(list_networks().items())],
        "recipes": _recipes(),
    }


def _entry(kind: Any, reference: str = "") -> dict[str, str]:
    return {"name": kind.name, "what it is": kind.summary + reference}


def _costs() -> list[dict[str, str]]:
    """Every method under the family of its cost, the families in the order of docs/costs.md."""
    from ..core.algorithm import list_algorithms
    from ..core.cost import FAMILIES

    order = list(FAMILIES)
    kinds = sorted(list_algorithms().values(), key=lambda kind: (order.index(kind.cost.family), kind.name))
    return [{"family": kind.cost.family, "method": kind.name, "minimises": kind.cost.formula} for kind in kinds]


def _recipes() -> list[dict[str, str]]:
    from ..core.algorithm import list_recipes

    rows = []
    for name, (kind, recipe) in sorted(list_recipes().items()):
        published = "; ".join(f"{check.name} {check.published}" for check in recipe.checks if check.published)
        training = f"{kind.name} {recipe.source}, {recipe.steps:,} step{'' if recipe.steps == 1 else 's'}"
        rows.append({"name": name, "what is trained": training, "published": published})
    return rows


if __name__ == "__main__":
    FILE.write_text(json.dumps(make_catalogue(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
