"""``tokay COMMAND ...``: finds the command, and turns every error of ours into one line and exit code 2."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from .._version import __version__
from ..core.engine.allocator import keep_freed_memory
from ..core.registry import import_plugins
from ..errors import ConfigError, TokayError
from .output import open_streams
from .signals import SignalWatch, guard_end, guard_imports, report
from .suggestions import one_of

COMMANDS = {
    "train": "meta-train a method on a source of tasks, into a run folder",
    "evaluate": "score a run on tasks it has never seen, with a 95% interval",
    "compare": "score several runs on the same tasks, with paired differences",
    "adapt": "learn new classes from a few pictures, rows or texts, and answer others",
    "predict": "answers of a learner that adapt saved",
    "doctor": "what may be wrong with a run, and with a support set for it",
    "plot": "draw a run: training, adaptation, one task",
    "reproduce": "run a paper's setting and print the measured figure beside the published one",
    "list": "list algorithms, costs, sources, networks and recipes",
}

USAGE = """Usage: tokay COMMAND [...] [--import MODULE]

Learning to learn: meta-train on many related tasks, then solve a new one from a handful of examples.

{commands}

tokay COMMAND --help shows the flags of a command. tokay list shows the methods and sources.
--import MODULE adds the methods, sources and networks of a module of yours (may be given several times).
Start with:  tokay train reptile glyphs --out runs/first"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of the process.

    Exit codes: 0 done, 1 some query files cannot be read, 2 bad input (one line on stderr), 130 Ctrl-C, 143 SIGTERM,
    129 SIGHUP.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    open_streams()
    with SignalWatch() as watch:
        try:
            with guard_imports():
                words = _import_plugins_of(words)
            code = _run(words)
            sys.stdout.flush()  # here, where a full disk can still be reported
        except BaseException as error:
            if watch.code is not None or isinstance(error, KeyboardInterrupt):
                report(error)
                code = watch.code or 130
            elif (refusal := _code_of(error)) is not None:
                code = refusal
            else:
                raise
        if arguments is None:
            guard_end(code, is_interrupt=watch.code is not None)
            watch.keep_handlers()
    return code


def _code_of(error: BaseException) -> int | None:
    """Print the line of an error of the user or the machine; its exit code. None for an error of the program."""
    if isinstance(error, TokayError):
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone (`tokay list | head`). Without this, Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC and error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            print("tokay: the output cannot be written: the disk is full. Free some space.", file=sys.stderr)
        else:  # a name that is too long, a folder that may not be read, ...
            print(f"tokay: {str(error.filename)[:200]}: {error.strerror}.", file=sys.stderr)
        return 2
    if _is_out_of_memory(error):
        print(
            "tokay: there is not enough memory. Give --memory (MiB for the tasks computed at once) or --chunk-size, or "
            "lower --meta-batch or the sizes of the tasks.",
            file=sys.stderr,
        )
        return 2
    return None


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch on a CPU, or torch on an accelerator could not get memory."""
    if not isinstance(error, MemoryError | RuntimeError):
        return False
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "not enough memory" in str(error)
        or "allocate memory" in str(error)
    )


def _run(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        lines = "\n".join(f"  {name:<10}{summary}" for name, summary in COMMANDS.items())
        print(USAGE.format(commands=lines))
        return 0 if words else 2
    if words[0] == "--version":
        print(f"tokay {__version__}")
        return 0
    keep_freed_memory()
    command = one_of(words[0], list(COMMANDS), "command")
    with guard_imports():
        module = import_module(f".{command}", __package__)
    return int(module.run(words[1:]) or 0)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise ConfigError(f"tokay: {message}. Give the dotted name of a module: --import mypackage.methods.")


def _import_plugins_of(words: list[str]) -> list[str]:
    """Import the modules that ``--import`` names; the words that are left. The current folder is searched, too."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--import", action="append", default=[], dest="modules")
    plugins, rest = parser.parse_known_args(words)
    if plugins.modules:
        sys.path.insert(0, str(Path.cwd()))
        import_plugins(plugins.modules)
    return rest
