"""A source whose kind of task or inputs depends on its data, read from the command line before the flags that depend on it."""

from collections.abc import Sequence
from typing import get_args

from ..core.task import Kind
from ..errors import ConfigError
from ..tasks import Source
from .flags import flags_of, parse


def resolve_early(source: type[Source], words: Sequence[str], prog: str) -> Source | type[Source]:
    """The source that its flags in ``words`` describe, with the kind of its data. The class itself if it says all that.

    Also the class if its flags cannot be read, or for ``--help``: the parser of all flags then has the last word.
    Raises ``DataError`` if the data cannot be used.
    """
    if (source.kind in get_args(Kind) and not source.shape_decides) or {"-h", "--help"} & set(words):
        return source
    try:
        settings = parse(source, own_words(source, words), prog=prog, description=source.summary)
    except ConfigError:
        return source
    return settings.resolve()


def own_words(source: type[Source], words: Sequence[str]) -> list[str]:
    """The flags of ``source`` in ``words``, with their values.

    >>> from tokay.tasks import Images
    >>> own_words(Images, ["--steps", "3", "--root", "a", "--inner-lr=1", "--split_seed=2"])
    ['--root', 'a', '--split_seed=2']
    """
    flags, selection = flags_of(source), list[str]()
    is_own = False
    for word in words:
        if word.startswith("--"):
            is_own = word.partition("=")[0].replace("_", "-") in flags
        if is_own:
            selection.append(word)
    return selection
