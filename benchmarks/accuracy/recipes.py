"""The recipes of the benchmark: training commands, evaluations, and the published figures to compare with.

Each published figure has its protocol and its source: [P] the paper, [C] the authors' code, [T] a table of another paper.
Unverified figures are left out.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tokay

sys.path.insert(0, str(Path(__file__).parent))
from notes import NOTES
from short_budget import BY_SIZE, ORIGINAL_SIZE, SHORT_BUDGET


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One evaluation of a trained run, and the figures to compare it with."""

    name: str
    flags: tuple[str, ...] = ()  # flags of `tokay evaluate`
    tasks: int | None = None  # smaller number of tasks, if a task is slow
    at_least: float | None = None  # target at this budget: accuracy in per cent
    published: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training command, its budget and its evaluations."""

    train: tuple[str, ...]  # flags of `tokay train`, without --out and --steps
    minutes: float
    evaluations: tuple[Protocol, ...]
    note: str = ""


RECIPES = {
    "protonet": Recipe(
        train=("protonet", "omniglot", "--train-ways", "60", "--train-shots", "1", "--train-queries", "5"),
        minutes=10,
        evaluations=(
            Protocol(
                name="5w1s",
                at_least=98.0,
                published="98.8 (alphabet-disjoint split, rotations, running statistics, 1000 tasks) [T]",
            ),
            Protocol(
                name="20w1s",
                flags=("--ways", "20"),
                at_least=94.0,
                published="96.0 (alphabet-disjoint split, rotations, running statistics, 1000 tasks) [T]",
            ),
            Protocol(name="5w1s inductive", flags=("--inductive", "--queries", "1")),
        ),
    ),
    "maml": Recipe(
        train=("maml", "omniglot", "--validate-every", "1000"),
        minutes=20,
        evaluations=(
            Protocol(
                name="5w1s, 1 query per class",
                flags=("--queries", "1"),
                at_least=97.0,
                published="98.7 ± 0.4 (60,000 steps, 600 tasks, 1 query per class, transductive, rotated test classes) [P]",
            ),
            Protocol(name="5w1s, 15 queries per class"),
            Protocol(name="5w1s inductive", flags=("--queries", "1", "--inductive")),
        ),
    ),
    "reptile": Recipe(
        train=("reptile", "omniglot", "--rotations", "train", "--shots", "5", "--validate-every", "2000"),
        minutes=20,
        evaluations=(
            Protocol(
                name="5w5s, 1 query per class",
                flags=("--shots", "5", "--queries", "1"),
                at_least=96.0,
                published="99.48 ± 0.06 (100,000 steps, 10,000 tasks, transductive, unrotated test characters) [read in notes]",
            ),
            Protocol(
                name="5w1s, 1 query per class",
                flags=("--shots", "1", "--queries", "1"),
                at_least=86.0,
                published="97.68 ± 0.04 (100,000 steps, 10,000 tasks, transductive, unrotated test characters) [read in notes]",
            ),
            Protocol(
                name="5w5s inductive",
                flags=("--shots", "5", "--queries", "1", "--inductive"),
                published="98.90 ± 0.10 (100,000 steps, 10,000 tasks, unrotated test characters) [read in notes]",
            ),
            Protocol(
                name="5w1s inductive",
                flags=("--shots", "1", "--queries", "1", "--inductive"),
                published="95.39 ± 0.09 (100,000 steps, 10,000 tasks, unrotated test characters) [read in notes]",
            ),
        ),
    ),
    "sinusoid-maml": Recipe(
        train=("maml", "sinusoid", "--test-steps", "5", "--meta-batch", "25"),
        minutes=5,
        evaluations=(
            Protocol(
                name="10 points, 5 steps",
                flags=("--queries", "100"),
                published="5-shot, trained on 10: MSE 0.67, 0.38, 0.35 after 1, 5, 10 steps (70,000 steps) [P]",
            ),
            Protocol(name="5 points, 5 steps", flags=("--shots", "5", "--queries", "100")),
        ),
    ),
    "sinusoid-joint": Recipe(
        train=(
            *("finetune", "sinusoid", "--inner", "sgd", "--inner-lr", "0.01"),
            *("--test-steps", "5", "--test-batch", "10", "--meta-batch", "25"),
        ),
        minutes=5,
        evaluations=(
            Protocol(
                name="10 points, 5 steps",
                flags=("--queries", "100"),
                published="5-shot: MSE 2.41, 2.23, 2.19 after 1, 5, 10 steps (pretrained on all tasks) [P]",
            ),
            Protocol(name="5 points, 5 steps", flags=("--shots", "5", "--queries", "100")),
        ),
        note="The joint baseline: one network is trained on the points of all tasks, then adapted by the same five steps.",
    ),
    "grocery-protonet": Recipe(
        train=("protonet", "images", "--root", "{data}/grocery", "--train-ways", "20", "--train-queries", "5"),
        minutes=10,
        evaluations=(
            Protocol(name="5w1s, 5 queries per class", flags=("--queries", "5")),
            Protocol(name="5w5s, 5 queries per class", flags=("--shots", "5", "--queries", "5")),
        ),
    ),
    "grocery-scratch": Recipe(
        train=("scratch", "images", "--root", "{data}/grocery"),
        minutes=0,
        evaluations=(Protocol(name="5w1s, 5 queries per class", flags=("--queries", "5")),),
        note="The untrained strided network, adapted by 50 steps of Adam, on the tasks of grocery-protonet.",
    ),
}

# All classification methods, with the same training time, the same data and the same test tasks. Each is trained on one shot,
# separately for five and twenty ways, or once for both if it takes any number of classes. One-shot tasks are cheaper, so a short
# budget has many more of them, and the five-shot test gains too (see _FIVE_SHOT_METHODS). Two exceptions: sequence models are
# trained on the length of the test tasks, and relation networks, which sum the maps of a class, on the shots of the test.
_SIZES: dict[str, tuple[str, ...]] = {
    f"{_ways}w{_shots}s": ("--ways", str(_ways), "--shots", str(_shots)) for _ways, _shots in ((5, 1), (5, 5), (20, 1))
}
_GROUPS = {"relation": {"-1s": ("5w1s", "20w1s"), "-5s": ("5w5s",)}}
# Fewer tasks if one task takes seconds: about 400 pairs of programs, or of 105x105 pictures.
TASKS = {"strokes": 300}
ONE_QUERY = {"strokes": ("5w5s", "20w1s")}
TASKS_BETWEEN = {"strokes": 300, "hausdorff": 300}
_FIVE_SHOT_METHODS = ("finetune", "maml")

for _name, _kind in tokay.list_algorithms().items():
    if "classification" in _kind.kinds:
        _groups = {f"-{_size}": (_size,) for _size in _SIZES}
        if _kind.any_ways:
            _groups = {"": tuple(_SIZES)}
        elif not _kind.ordered:
            _groups = {"-5w": ("5w1s", "5w5s"), "-20w1s": ("20w1s",)}
        for _group, _sizes in _GROUPS.get(_name, _groups).items():
            _has_five_shots = _name in _FIVE_SHOT_METHODS and "5w5s" in _sizes
            _notes = [
                NOTES.get(f"budget-{_name}{_group}"),
                f"For training on five shots see `five-shots-{_name}` below." if _has_five_shots else "",
            ]
            RECIPES[f"budget-{_name}{_group}"] = Recipe(
                train=(
                    *(_name, "omniglot", *_SIZES[_sizes[0]], *SHORT_BUDGET.get(_name, ())),
                    *(*BY_SIZE.get(_name + _group, ()), "--validate-every", "0"),
                ),
                minutes=15 if _kind.learns else 0,
                evaluations=tuple(
                    Protocol(
                        name=_size,
                        flags=_SIZES[_size] + (("--queries", "1") if _size in ONE_QUERY.get(_name, ()) else ()),
                        tasks=TASKS.get(_name),
                    )
                    for _size in _sizes
                ),
                note=" ".join(filter(None, _notes)),
            )

# MAML without second derivatives at the same budget. It loses much at MAML's rate, which fits one large step with second
# derivatives, and little with smaller steps.
_FIRST_ORDER = (*RECIPES["budget-maml-5w"].train, "--order", "1")
_SMALL_STEPS = ("--inner-lr", "0.4", "--inner-steps", "5", "--test-steps", "5", "--train-queries", "5")
RECIPES["first-order-maml"] = replace(RECIPES["budget-maml-5w"], train=_FIRST_ORDER, note="")
RECIPES["first-order-maml-small-steps"] = replace(
    RECIPES["budget-maml-5w"], train=(*_FIRST_ORDER, *_SMALL_STEPS), note=""
)

# The effect of training on five shots.
for _name in _FIVE_SHOT_METHODS:
    RECIPES[f"five-shots-{_name}"] = Recipe(
        train=(_name, "omniglot", *_SIZES["5w5s"], *SHORT_BUDGET.get(_name, ()), "--validate-every", "0"),
        minutes=15,
        evaluations=(Protocol(name="5w5s", flags=_SIZES["5w5s"]),),
    )

# The one-shot challenge: trained on the background alphabets, tested within alphabets (the official runs: 400 predictions in 20
# tasks) and between alphabets. One network, two separate figures.
_BY_SHAPE = ("hausdorff", "nearest", "strokes")
_BY_FEATURES = ("protonet", "matching", "siamese", "relation", "simpleshot", "baseline++")
_SEQUENCE_MODELS = ("snail", "mann", "lstm", "gru", "ntm")
for _name in (*_BY_SHAPE, *_BY_FEATURES, *_SEQUENCE_MODELS):
    _learns = tokay.list_algorithms()[_name].learns
    _flags = (
        *{**SHORT_BUDGET, "hausdorff": ORIGINAL_SIZE}.get(_name, ()),
        *BY_SIZE.get(f"runs-{_name}", BY_SIZE.get(f"{_name}-20w1s", ())),
    )
    _between = " ".join(
        ("omniglot --split lake --rotations train", *(ORIGINAL_SIZE if _flags == ORIGINAL_SIZE else ()))
    )
    RECIPES[f"runs-{_name}"] = Recipe(
        train=(_name, "omniglot-runs", *_flags, "--validate-every", "0"),
        minutes=15 if _learns else 0,
        evaluations=(
            Protocol(name="within alphabets: the official 20 runs"),
            Protocol(name="between alphabets", flags=("--on", _between), tasks=TASKS_BETWEEN.get(_name)),
        ),
        note=NOTES.get(f"runs-{_name}", ""),
    )

# `strokes` without training.
RECIPES["runs-strokes-0-steps"] = replace(
    RECIPES["runs-strokes"],
    minutes=0,
    evaluations=RECIPES["runs-strokes"].evaluations[:1],
    note=NOTES["runs-strokes-0-steps"],
)

# Sequences of fifty examples, ten of each of five classes: accuracy at the first, second, ... presentation of a class.
RECIPES["instances-mann"] = Recipe(
    train=("mann", "omniglot", *SHORT_BUDGET["mann"], *BY_SIZE["instances-mann"], "--validate-every", "0"),
    minutes=15,
    evaluations=(Protocol(name="by instance", flags=("--instances",)),),
    note=NOTES["instances-mann"],
)

# Neural processes on curves of a Gaussian process; the exact posterior is their upper bound. A constant rate makes the loss of
# `anp` unstable. After 90 seconds on validation curves, in nats per value: constant rate anp -1.27, cnp -0.53; decreasing rate
# anp -0.82, cnp -0.60.
for _name in ("cnp", "np", "anp"):
    RECIPES[f"gp-{_name}"] = Recipe(
        train=(
            *(_name, "gp", "--fewest-shots", "3", "--shots", "50"),
            *("--lr", "1e-3", "--schedule", "linear", "--validate-every", "0"),
        ),
        minutes=15,
        evaluations=(Protocol(name="3 to 50 points of curves with an RBF kernel", flags=("--queries", "100")),),
    )

# Sequences of bits: trained on lengths up to 20, tested at 20 and 40. A machine with fewer slots learns faster and generalises to
# longer sequences. Adam suits a short budget: six of six seeds copy eight rows of four bits after 3,000 steps.
_MACHINE = ("--slots", "64", "--optimizer", "adam", "--lr", "3e-3", "--schedule", "linear")
for _name, _flags in {
    "ntm": _MACHINE,
    "ntm-feedforward": (*_MACHINE, "--controller", "feedforward"),
    "lstm": ("--cells", "256"),
}.items():
    RECIPES[f"copy-{_name}"] = Recipe(
        train=(_name.removesuffix("-feedforward"), "ntm-copy", *_flags, "--validate-every", "0"),
        minutes=15,
        evaluations=(Protocol(name="length 20"), Protocol(name="length 40", flags=("--shots", "40"))),
    )
