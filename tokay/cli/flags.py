"""From words on the command line to dataclasses. The fields give the flags, the help and the checks, through ``tyro``."""

import contextlib
import dataclasses
import io
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, make_dataclass
from typing import Annotated, Any, TypeVar

import tyro

from ..errors import ConfigError, TokayError
from .flag_help import HELP, field_texts
from .suggestions import MOST_NAMES, suggestion

T = TypeVar("T")


def parse(kind: type[T], arguments: Sequence[str], *, prog: str, description: str) -> T:
    """``arguments`` as an instance of the dataclass ``kind``. Dataclasses inside it add their fields as flags.

    ``--help`` prints the flags and exits. Raises ``ConfigError``, one line, for an argument that does not fit.
    """
    arguments = [_dashed(argument) for argument in arguments]
    _refuse_unknown(kind, arguments, prog)
    complaint = io.StringIO()
    try:
        # tyro prints its complaints as boxes. Our messages are one line.
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                args=arguments,
                prog=prog,
                description=description,
                config=(
                    tyro.conf.OmitArgPrefixes,
                    tyro.conf.FlagCreatePairsOff,
                    tyro.conf.PositionalMetavarFromFieldName,
                ),
                registry=HELP if {"-h", "--help"} & set(arguments) else None,
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        cause = stop.__context__
        while cause is not None:
            if isinstance(cause, TokayError):  # the message of __post_init__, without the words that tyro adds
                raise cause from None
            cause = cause.__context__
        reason = _one_line(complaint.getvalue())
        raise ConfigError(f"{prog}: {_needs(kind, reason) or reason} See {prog} --help.") from None


def combine(name: str, parts: dict[str, tuple[Any, str]], settings: type[Any]) -> type[Any]:
    """A dataclass with the fields of ``settings`` and one dataclass per part.

    A part is a dataclass, or an instance of one whose values are the defaults. Its text is the title of its flags in the
    help. The flags of a part without a text are listed with those of ``settings``.
    """
    members: list[Any] = [("settings", Annotated[settings, tyro.conf.arg(name="run", help="")])]
    for part, (kind, text) in parts.items():
        title = tyro.conf.arg(help=text) if text else tyro.conf.arg(name="run", help="")
        if isinstance(kind, type):
            members.append((part, Annotated[kind, title]))
        else:
            members.append((part, Annotated[type(kind), title], dataclasses.field(default=kind)))
    return make_dataclass(name, members, kw_only=True, frozen=True)


def flags_of(kind: Any) -> list[str]:
    """Every flag of a dataclass and of the dataclasses inside it. Positional arguments are not flags."""
    flags: list[str] = []
    for field in fields(kind):
        marks = getattr(field.type, "__metadata__", ())
        inner = field.type.__origin__ if marks else field.type  # type: ignore[union-attr]
        if tyro.conf.Positional in marks:
            continue
        if is_dataclass(inner):
            flags += flags_of(inner)
        else:
            flags.append("--" + field.name.replace("_", "-"))
    return flags


def _dashed(argument: str) -> str:
    """``--inner_lr=1`` becomes ``--inner-lr=1``: a flag may be written with underscores or with dashes."""
    flag, equals, value = argument.partition("=")
    return flag.replace("_", "-") + equals + value if flag.startswith("--") else argument


def _refuse_unknown(kind: type[Any], arguments: Sequence[str], prog: str) -> None:
    flags = [*flags_of(kind), "--help"]
    for argument in arguments:
        flag = argument.partition("=")[0]
        if flag.startswith("--") and flag not in flags:
            guess = suggestion(flag, flags)
            listing = f"It has {' '.join(sorted(flags))}." if len(flags) <= MOST_NAMES else f"See {prog} --help."
            raise ConfigError(f"{prog}: has no flag {flag}.{guess} {listing}")


def _needs(kind: type[Any], reason: str) -> str | None:
    """The arguments that tyro misses, with what they are. None if ``reason`` is another complaint."""
    if not reason.startswith("Missing from "):
        return None
    items = reason.partition(": ")[2].split("(required)")
    texts = _texts_of(kind)
    names = [item.split()[0] for item in items if item.strip()]
    described = [f"{name} ({texts[name]})" if texts.get(name) else name for name in names]
    return f"needs {' and '.join([', '.join(described[:-1])] * (len(described) > 1) + described[-1:])}."


def _texts_of(kind: Any) -> dict[str, str]:
    """The text of every argument of a dataclass and of those inside it, by its name in tyro's messages."""
    texts: dict[str, str] = {}
    own: dict[str, str] = {}
    with contextlib.suppress(OSError, TypeError):  # a class that was made by a call
        own = field_texts(kind)
    for field in fields(kind):
        marks = getattr(field.type, "__metadata__", ())
        inner = field.type.__origin__ if marks else field.type  # type: ignore[union-attr]
        if is_dataclass(inner):
            texts |= _texts_of(inner)
        else:
            name = field.name.replace("_", "-")
            texts[name.upper() if tyro.conf.Positional in marks else f"--{name}"] = own.get(field.name, "")
    return texts


def _one_line(box: str) -> str:
    """The complaint inside tyro's box: its lines up to the rule below it, without the frame.

    Without UTF-8 there is no frame, the rules are dashes, and one stands above the complaint, too.
    """
    lines = [line.strip("│╭╰╮╯ ").strip() for line in box.splitlines()]
    inside = [line for line in lines[1:] if line]
    complaint: list[str] = []
    for line in inside:
        if re.fullmatch("─+|-+", line):
            if complaint:
                break
            continue
        complaint.append(line)
    return " ".join(complaint) or "the arguments do not fit."
