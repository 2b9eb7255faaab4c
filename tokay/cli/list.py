"""``tokay list [algorithms|costs|sources|networks|recipes]``."""

from collections.abc import Sequence

from rich.markup import escape

from .catalogue import read_catalogue
from .output import stdout, table
from .suggestions import one_of

TITLES = {
    "algorithms": "algorithms",
    "costs": "costs: how good is a start after adapting?",
    "sources": "sources",
    "networks": "networks",
    "recipes": "recipes (tokay reproduce NAME)",
}


def run(arguments: Sequence[str]) -> None:
    """Print what there is: every listing, or those that are named."""
    if "--help" in arguments or "-h" in arguments:
        stdout.print(f"Usage: tokay list [{'|'.join(TITLES)}]", markup=False)
        return
    names = [one_of(word, list(TITLES), "list") for word in arguments] or list(TITLES)
    catalogue = read_catalogue()
    for name in names:
        _print(TITLES[name], catalogue[name])


def _print(title: str, rows: Sequence[dict[str, str]]) -> None:
    listing = table(title, *rows[0])
    for column in listing.columns:
        column.justify = "left"
        column.no_wrap = column.header in ("name", "method")  # what a user types: the others are folded first
    for row in rows:
        listing.add_row(*map(escape, row.values()))
    stdout.print(listing)
