"""How ``--help`` shows the flags of a dataclass: the text under each field, and no default that says nothing.

A flag that may be left out is ``X | None``, and its text ends with what happens then: "(default: as in training)".
"""

import ast
import inspect
import textwrap
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

HELP = ConstructorRegistry()
"""the rules that tyro follows while it prints help"""


@HELP.struct_rule
def _flags(info: StructTypeInfo) -> StructConstructorSpec | None:
    """The flags of a dataclass. None, so that tyro's own rule applies, if its source code cannot be read."""
    kind: Any = info.type
    if not is_dataclass(kind) or not isinstance(kind, type):
        return None
    try:
        texts = field_texts(kind)
    except (OSError, TypeError):  # a class that was made by a call
        return None
    hints = get_type_hints(kind, include_extras=True)
    specs = [
        StructFieldSpec(
            name=field.name,
            type=_as_displayed(hints[field.name], default := _default(field, info.default)),
            default=default,
            helptext=texts.get(field.name),
        )
        for field in fields(kind)
    ]
    return StructConstructorSpec(instantiate=kind, fields=tuple(specs))


def field_texts(kind: type[Any]) -> dict[str, str]:
    """The string under each field of a dataclass and of its bases, on one line.

    Raises ``OSError`` or ``TypeError`` if the source code of a base cannot be read.

    >>> from tokay import Sizes
    >>> field_texts(Sizes)["ways"]
    'classes in an episode'
    """
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if is_dataclass(base):
            source = textwrap.dedent(inspect.getsource(base))
            body = [node for definition in ast.parse(source).body for node in ast.iter_child_nodes(definition)]
            for field, text in pairwise(body):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                        texts[name] = " ".join(words.split())
    return texts


def _default(field: "Field[Any]", instance: Any) -> Any:
    """The default of a field: that of ``instance``, if the dataclass has a default itself."""
    if is_dataclass(instance):
        return getattr(instance, field.name)
    if field.default_factory is not MISSING:
        return field.default_factory()
    return tyro.MISSING if field.default is MISSING else field.default


def _metavar(hint: Any) -> str:
    """What the help shows as the value of a flag.

    >>> _metavar(int), _metavar(tuple[int, int]), _metavar(tuple[str, ...])
    ('INT', 'INT INT', '[STR [STR ...]]')
    """
    if get_origin(hint) is not tuple:
        return str(hint.__name__).upper()
    names = [_metavar(part) for part in get_args(hint) if part is not ...]
    return f"[{names[0]} [{names[0]} ...]]" if ... in get_args(hint) else " ".join(names)


def _as_displayed(hint: Any, default: Any) -> Any:
    """``hint`` with what tyro shows for it: ``INT`` for ``int | None``, and no "(default: None)" or "(default: False)"."""
    if default is False or default == ():
        return Annotated[hint, tyro.conf.arg(help_behavior_hint="")]
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    if default is not None or len(choices) != 1:
        return hint
    (choice,) = choices
    values = get_args(choice) if get_origin(choice) is Literal else ()
    metavar = "{" + ",".join(map(str, values)) + "}" if values else _metavar(choice)
    return Annotated[hint, tyro.conf.arg(metavar=metavar, help_behavior_hint="")]
