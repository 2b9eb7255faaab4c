"""``tokay list [algorithms|sources|networks]``."""

from collections.abc import Sequence
from typing import Any

from ..core.algorithm import algorithms
from ..networks import networks
from ..tasks import sources
from .console import stdout, table
from .flags import one_of


def run(arguments: Sequence[str]) -> None:
    """Print what there is."""
    kinds: dict[str, Any] = {"algorithms": algorithms(), "sources": sources(), "networks": networks()}
    if "--help" in arguments or "-h" in arguments:
        stdout.print("Usage: tokay list [algorithms|sources|networks]")
        return
    for kind in [one_of(word, list(kinds), "list") for word in arguments] or kinds:
        registry = kinds[kind]
        listing = table(kind, "name", "what it is")
        listing.columns[1].justify = "left"
        for name in sorted(registry):
            entry = registry[name]
            reference = f" [{entry.reference}]" if hasattr(entry, "reference") else ""
            listing.add_row(name, entry.summary + reference.replace("[", r"\["))
        stdout.print(listing)
