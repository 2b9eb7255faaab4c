"""Explains torch's errors about networks that cannot be mapped over tasks, or not be differentiated inside one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ...errors import NetworkError

Mode = Literal["vmap", "loop"]

_WORDS = ("vmap", "functorch", "Batching rule", "match the broadcast shape", "torch.func.", "grad (vjp, jvp")

# (part of functorch's error message, our explanation of it)
_CAUSES = (
    ("in-place", "it changes a tensor in place (running statistics of a norm layer, a cache, a counter)"),
    ("match the broadcast shape", "it changes a tensor in place (a cache, a counter)"),
    ("inplace", "it changes a tensor in place (running statistics of a norm layer, a cache, a counter)"),
    (".item()", "it reads a value out of a tensor (.item(), bool(tensor), int(tensor))"),
    ("data-dependent control flow", "it branches on the value of a tensor"),
    ("dynamic shape", "the shape of a result depends on values (unique, nonzero, a boolean mask)"),
    (
        "Batching rule not implemented",
        "it uses an operation that cannot be mapped (nn.LSTM and nn.GRU: use their cells)",
    ),
)
# Gradients inside a task forbid these in both modes, so a loop does not help.
_CAUSES_OF_ANY_MODE = (
    ("in-place operation", "changes a tensor in place (a counter, a cache)", "Remove that change"),
    ("saved tensor hooks", "uses torch.utils.checkpoint", "Leave it out"),
)


@contextmanager
def explained_errors(support_shape: tuple[int, ...], mode: Mode) -> Iterator[None]:
    """Inside, an error of torch that comes from mapping over tasks is raised as ``NetworkError`` with its cause.

    All other errors pass.
    """
    try:
        yield
    except NetworkError:
        raise
    except IndexError as error:
        if "index out of range" not in str(error):
            raise
        raise NetworkError(
            f"over_tasks: an input (support {support_shape}) is an index that the network's nn.Embedding does not have. "
            "Give the network more embeddings, or check the indices."
        ) from error
    except (RuntimeError, ValueError) as error:
        text = str(error)
        if not any(word in text for word in _WORDS):
            raise  # the error comes from the user's code
        if "grad (vjp" in text or "func.{grad" in text:
            for fragment, action, advice in _CAUSES_OF_ANY_MODE:
                if fragment in text:
                    raise NetworkError(
                        f"over_tasks: the network {action} (support {support_shape}), and this method takes gradients "
                        f"inside a task, which torch forbids then. {advice}, or use a method without inner steps, such as "
                        "protonet."
                    ) from error
        cause = next((explanation for fragment, explanation in _CAUSES if fragment in text), None)
        if cause is None or mode == "loop":
            raise
        raise NetworkError(
            f"over_tasks: the network cannot be mapped over tasks (support {support_shape}): {cause}. "
            'Change that layer, or use mode="loop" (--mode loop), which gives the same numbers.'
        ) from error
