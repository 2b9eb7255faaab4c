"""``tokay COMMAND ...``: finds the command, and turns every error of ours into one line and exit code 2."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from .._version import __version__
from ..core.engine.allocator import keep_freed_memory
from ..errors import TokayError
from .console import stderr
from .flags import one_of

COMMANDS = {
    "train": "meta-train a method on a source of tasks, into a run folder",
    "evaluate": "score a run on tasks it has never seen, with a 95% interval",
    "compare": "score several runs on the same tasks, with paired differences",
    "adapt": "learn the classes in a folder of folders and label pictures",
    "plot": "draw a run: training, adaptation, one episode",
    "reproduce": "run a paper's setting, or a part of it, and put the published figure beside the measured one",
    "list": "list algorithms, costs, sources, networks and recipes",
}

USAGE = """Usage: tokay COMMAND [...]

Learning to learn: meta-train on many related tasks, then solve a new one from a handful of examples.

{commands}

tokay COMMAND --help tells more; tokay list names the methods and sources.
Start with:  tokay train reptile glyphs --out runs/first"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 2 bad input (one line on stderr), 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        listed = "\n".join(f"  {name:<10}{what}" for name, what in COMMANDS.items())
        print(USAGE.format(commands=listed))
        return 0 if words else 2
    if words[0] == "--version":
        print(f"tokay {__version__}")
        return 0
    keep_freed_memory()
    try:
        command = one_of(words[0], list(COMMANDS), "command")
        import_module(f".{command}", __package__).run(words[1:])
    except TokayError as error:
        stderr.print(" ".join(str(error).split()), markup=False)
        return 2
    except KeyboardInterrupt as interrupt:
        stderr.print(str(interrupt) or "Interrupted.", markup=False)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`tokay list | head`); without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
