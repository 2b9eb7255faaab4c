"""From words on the command line to dataclasses: flags, help and checks come from the fields, through ``tyro``."""

import contextlib
import dataclasses
import difflib
import io
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, make_dataclass
from typing import Annotated, Any, TypeVar

import tyro

from ..errors import ConfigError, TokayError

T = TypeVar("T")


def parse(kind: type[T], arguments: Sequence[str], *, prog: str, description: str) -> T:
    """``arguments`` as an instance of the dataclass ``kind``; dataclasses inside it add their fields as flags.

    ``--help`` prints the flags and leaves. Raises ``ConfigError``, one line, for anything that does not fit.
    """
    arguments = [_dashed(argument) for argument in arguments]
    _refuse_unknown(kind, arguments, prog)
    complaint = io.StringIO()
    try:
        # tyro draws its complaints as boxes; a message of ours is one line.
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                args=arguments,
                prog=prog,
                description=description,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as left:
        if not left.code:
            raise
        cause = left.__context__
        while cause is not None:
            if isinstance(cause, TokayError):  # what __post_init__ said, without tyro's words around it
                raise cause from None
            cause = cause.__context__
        raise ConfigError(f"{prog}: {_one_line(complaint.getvalue())} See {prog} --help.") from None


def combine(name: str, parts: dict[str, tuple[Any, str]], extra: type[Any]) -> type[Any]:
    """A dataclass that holds ``extra``'s fields and one dataclass per part; the string heads its flags in the help.

    A part is a dataclass, or an instance of one whose values are the defaults.
    """
    members: list[Any] = [("settings", Annotated[extra, tyro.conf.arg(help="")])]
    for part, (kind, text) in parts.items():
        help_of = tyro.conf.arg(help=text)
        if isinstance(kind, type):
            members.append((part, Annotated[kind, help_of]))
        else:
            members.append((part, Annotated[type(kind), help_of], dataclasses.field(default=kind)))
    return make_dataclass(name, members, kw_only=True, frozen=True)


def flags_of(kind: Any) -> list[str]:
    """Every flag that a dataclass gives, those of the dataclasses inside it included; positional words are none."""
    found: list[str] = []
    for field in fields(kind):
        marks = getattr(field.type, "__metadata__", ())
        inner = field.type.__origin__ if marks else field.type  # type: ignore[union-attr]
        if tyro.conf.Positional in marks:
            continue
        if is_dataclass(inner):
            found += flags_of(inner)
        else:
            found.append("--" + field.name.replace("_", "-"))
    return found


def one_of(name: str, known: Sequence[str], what: str) -> str:
    """``name`` if it is known; a ``ConfigError`` with the nearest names otherwise."""
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(f"tokay: the {what} must be one of {', '.join(known)}, got {name!r}.{guess}")


def _dashed(argument: str) -> str:
    """``--inner_lr=1`` to ``--inner-lr=1``: underscores are as good as dashes in a flag."""
    flag, equals, value = argument.partition("=")
    return flag.replace("_", "-") + equals + value if flag.startswith("--") else argument


def _refuse_unknown(kind: type[Any], arguments: Sequence[str], prog: str) -> None:
    known = [*flags_of(kind), "--help"]
    for argument in arguments:
        flag = argument.partition("=")[0]
        if flag.startswith("--") and flag not in known:
            near = difflib.get_close_matches(flag, known, n=1)
            guess = f" Did you mean {near[0]}?" if near else ""
            raise ConfigError(f"{prog}: has no flag {flag}.{guess} It has {' '.join(sorted(known))}.")


def _one_line(box: str) -> str:
    """The complaint inside tyro's box: its lines up to the first rule, without the frame."""
    lines = [line.strip("│╭╰╮╯ ").strip() for line in box.splitlines()]
    inside = [line for line in lines[1:] if line]
    told = []
    for line in inside:
        if re.fullmatch("─+", line):
            break
        told.append(line)
    return " ".join(told) or "the arguments do not fit."
