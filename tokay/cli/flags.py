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
from .flag_help import HELP
from .suggestions import suggestion

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
        raise ConfigError(f"{prog}: {_one_line(complaint.getvalue())} See {prog} --help.") from None


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
            raise ConfigError(f"{prog}: has no flag {flag}.{guess} It has {' '.join(sorted(flags))}.")


def _one_line(box: str) -> str:
    """The complaint inside tyro's box: its lines up to the first rule, without the frame."""
    lines = [line.strip("│╭╰╮╯ ").strip() for line in box.splitlines()]
    inside = [line for line in lines[1:] if line]
    complaint = []
    for line in inside:
        if re.fullmatch("─+", line):
            break
        complaint.append(line)
    return " ".join(complaint) or "the arguments do not fit."
