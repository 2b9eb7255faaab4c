"""Random command lines, for people who type anything: every one must work or be refused in one line with exit code 2.

A case is a function of its number, so that a failure can be run again: ``command_line(number, runs)``.
"""

import random
from pathlib import Path

NUMBERS = ("0", "1", "2", "3", "-1", "1.5", "nan", "inf", "1e400", "9" * 400, "", " ", "0x10", "½")
NAMES = ("", ".", "..", "/", "no/such", "[/q]", "$HOME", "a b", "x" * 300, "é", "\udcff", "--", "-", "None", "\n")
WORDS = (*NUMBERS, *NAMES, "auto", "cpu", "cuda", "meta", "loop", "vmap", "adam", "linear", "protonet", "glyphs")
FLAGS = (
    *("--ways", "--shots", "--queries", "--tasks", "--seed", "--device", "--reach", "--seen-tasks", "--on", "--split"),
    *("--steps", "--lr", "--out", "--network", "--filters", "--meta-batch", "--memory", "--mode", "--save-every"),
    *(
        "--inductive",
        "--json",
        "--instances",
        "--adaptation",
        "--help",
        "--import",
        "--wayz",
        "-x",
        "--ways=3",
        "--root",
    ),
    *("--support", "--query", "--invert", "--fraction", "--resume", "--overwrite", "--train-ways", "--validate-every"),
)
SMALL = {
    "evaluate": ("--tasks", "2", "--seen-tasks", "0", "--queries", "1"),
    "compare": ("--tasks", "2", "--queries", "1"),
    "plot": ("--tasks", "2"),
    "adapt": (),
    "list": (),
    "reproduce": ("--fraction", "0"),
    "train": ("--steps", "1", "--meta-batch", "1", "--validate-every", "0", "--queries", "1"),
}


def command_line(number: int, runs: list[Path], folder: Path) -> list[str]:
    """The command line of case ``number``. ``runs`` exist; what it writes goes to ``folder``."""
    draw = random.Random(number)
    command = draw.choice([*SMALL, *SMALL, "", "trian", "--version", "help"])
    words = [command]
    if command == "train":
        words += [
            draw.choice(("protonet", "maml", "nearest", "nothing")),
            draw.choice(("glyphs", "sinusoid", "images")),
        ]
        words += ["--out", str(folder / f"run{number}")] if draw.random() < 0.8 else []
    elif command in ("evaluate", "plot", "adapt", "compare"):
        words += [str(draw.choice(runs)) for _ in range(draw.choice((1, 1, 2, 0)))]
    elif command in ("list", "reproduce"):
        words += [draw.choice(("algorithms", "recipes", "maml-omniglot-5w1s", "nothing"))]
    words += SMALL.get(command, ())
    for _ in range(draw.choice((0, 1, 1, 2, 3))):
        words.insert(draw.randint(1, len(words)), draw.choice((*FLAGS, *FLAGS, *WORDS)))
        if draw.random() < 0.7:
            words.append(draw.choice(FLAGS))
            words.append(draw.choice(WORDS))
    return words
