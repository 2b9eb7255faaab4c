"""What a file of ratings holds, in one line, and which users are too small for a task."""

from ..core.task import Sizes, Split
from .ratings_contents import RatingContents

_WORDS = {
    "warm": "test users and items are old: the history of each test user is in training",
    "new-user": "test users are new, items are old",
    "new-item": "test users are old, their queries are new items: the history of each test user is in training",
    "both-new": "test users are new, their queries are new items",
}


def describe_division(contents: RatingContents) -> str:
    """The division of users and items, the setting, the range, the inputs, and what is left out."""
    division, rows, where = contents.division, contents.rows, contents.where
    counts = [len(division.users[split]) for split in ("train", "validation", "test")]
    low, high = rows.span()
    parts = [
        f"{where}: {counts[0]} training, {counts[1]} validation and {counts[2]} test users, {len(division.old_items)} old and "
        f"{len(division.new_items)} new items in {contents.path}",
        f"setting {contents.setting}: {_WORDS[contents.setting]}",
        f"{len(rows.rating)} ratings from {low:g} to {high:g}, {len(contents.training_rows)} in training",
        f"history {contents.history}",
        f"inputs {', '.join(contents.encoding.fields)} ({contents.encoding.numbers} numbers)",
    ]
    if not counts[1]:
        parts.append("without validation users the last weights are kept, not the best")
    if contents.items is None and contents.setting in ("new-item", "both-new"):
        parts.append("nothing tells new items apart: --items names a file of their features")
    for entity, table, names in (("items", contents.items, rows.items), ("users", contents.users, rows.users)):
        if table is not None and (missing := len(set(names) - set(table.names))):
            parts.append(f"{missing} of {len(names)} {entity} have no row in --{entity}")
    if contents.encoding.omissions:
        parts.append(f"columns that tell little apart, so left out: {', '.join(contents.encoding.omissions)}")
    return "; ".join((*parts, *rows.notes))


def describe_small_users(contents: RatingContents, split: Split, sizes: Sizes) -> str:
    """One line about the users of ``split`` that have too few ratings for ``sizes``. Empty if none has."""
    rows, fits = contents.user_rows(split), contents.fits(split, sizes)
    small = [name for name, is_large in zip(rows.names, fits, strict=True) if not is_large]
    if not small:
        return ""
    counts = {name: len(contents.parts[name][0]) for name in small[:3]}
    listing = ", ".join(f"{name} {count}" for name, count in counts.items()) + (", ..." if len(small) > 3 else "")
    if split == "train":
        kind, needs = "training", f"{sizes.shots + sizes.queries} ratings"
    else:
        later = " of old and of new items" if contents.division.new_items and split == "test" else ""
        kind, needs = split, f"{contents.history} ratings of old items and then {sizes.queries}{later}"
    return f"{contents.where}: left out {len(small)} of {len(fits)} {kind} users, with fewer than {needs} ({listing})"
