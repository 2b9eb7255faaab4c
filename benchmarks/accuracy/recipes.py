"""What is measured, and what it is measured against.

A published figure is shown with its protocol and where it was read ([P] the paper, [C] the authors' code, [T] a table of
another paper); figures nobody could verify are not here.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tokay

sys.path.insert(0, str(Path(__file__).parent))
from notes import NOTES
from short_budget import AS_DRAWN, OF_A_SIZE, SHORT_BUDGET


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One evaluation of a trained run, and the figures beside it."""

    name: str
    flags: tuple[str, ...] = ()  # for `tokay evaluate`
    tasks: int | None = None  # fewer than usual, where a task is dear
    at_least: float | None = None  # the figure asked of this budget: accuracy in per cent
    published: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training command, its budget and its evaluations."""

    train: tuple[str, ...]  # for `tokay train`, without --out and --steps
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
        note="The joint baseline: one network trained on the points of all tasks, then the same five steps.",
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

# Every method that tells classes apart, trained for the same time on the same data and scored on the same tasks. It is
# trained for one shot, once for five ways and once for twenty, or once for both where it answers any number of classes: a
# short budget has so many more small tasks that the five-shot test gains from it, too (_ON_FIVE shows it). Only those that
# read a task as a sequence are trained for its length, and relation nets, which add the maps of a class up, for its shots.
_SIZES: dict[str, tuple[str, ...]] = {
    f"{_ways}w{_shots}s": ("--ways", str(_ways), "--shots", str(_shots)) for _ways, _shots in ((5, 1), (5, 5), (20, 1))
}
_GROUPS = {"relation": {"-1s": ("5w1s", "20w1s"), "-5s": ("5w5s",)}}
# Fewer where a task takes seconds: some 400 pairs of programs, or of drawings of 105 pixels.
TASKS = {"strokes": 300}
ONE_QUERY = {"strokes": ("5w5s", "20w1s")}
TASKS_BETWEEN = {"strokes": 300, "hausdorff": 300}
_ON_FIVE = ("finetune", "maml")

for _name, _kind in tokay.list_algorithms().items():
    if "classification" in _kind.kinds:
        _groups = {f"-{_size}": (_size,) for _size in _SIZES}
        if _kind.any_ways:
            _groups = {"": tuple(_SIZES)}
        elif not _kind.ordered:
            _groups = {"-5w": ("5w1s", "5w5s"), "-20w1s": ("20w1s",)}
        for _group, _sizes in _GROUPS.get(_name, _groups).items():
            _on_five = _name in _ON_FIVE and "5w5s" in _sizes
            _notes = [
                NOTES.get(f"budget-{_name}{_group}"),
                f"Trained on five shots instead: `five-shots-{_name}` below." if _on_five else "",
            ]
            RECIPES[f"budget-{_name}{_group}"] = Recipe(
                train=(
                    *(_name, "omniglot", *_SIZES[_sizes[0]], *SHORT_BUDGET.get(_name, ())),
                    *(*OF_A_SIZE.get(_name + _group, ()), "--validate-every", "0"),
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

# What MAML loses without second derivatives, at the same budget: much at its own rate, which is chosen for one large step
# that they look through, and little in smaller steps.
_FIRST_ORDER = (*RECIPES["budget-maml-5w"].train, "--order", "1")
_SMALL_STEPS = ("--inner-lr", "0.4", "--inner-steps", "5", "--test-steps", "5", "--train-queries", "5")
RECIPES["first-order-maml"] = replace(RECIPES["budget-maml-5w"], train=_FIRST_ORDER, note="")
RECIPES["first-order-maml-small-steps"] = replace(
    RECIPES["budget-maml-5w"], train=(*_FIRST_ORDER, *_SMALL_STEPS), note=""
)

# What some of them gain and lose by training on five shots.
for _name in _ON_FIVE:
    RECIPES[f"five-shots-{_name}"] = Recipe(
        train=(_name, "omniglot", *_SIZES["5w5s"], *SHORT_BUDGET.get(_name, ()), "--validate-every", "0"),
        minutes=15,
        evaluations=(Protocol(name="5w5s", flags=_SIZES["5w5s"]),),
    )

# The one-shot challenge: learned from the background alphabets, scored within alphabets (the official runs, 400 answers in
# 20 tasks) and between them. One network for both, never one figure.
_BY_SHAPE = ("hausdorff", "nearest", "strokes")
_BY_FEATURES = ("protonet", "matching", "siamese", "relation", "simpleshot", "baseline++")
_BY_READING = ("snail", "mann", "lstm", "gru", "ntm")
for _name in (*_BY_SHAPE, *_BY_FEATURES, *_BY_READING):
    _learns = tokay.list_algorithms()[_name].learns
    _flags = (
        *{**SHORT_BUDGET, "hausdorff": AS_DRAWN}.get(_name, ()),
        *OF_A_SIZE.get(f"runs-{_name}", OF_A_SIZE.get(f"{_name}-20w1s", ())),
    )
    _between = " ".join(("omniglot --split lake --rotations train", *(AS_DRAWN if _flags == AS_DRAWN else ())))
    RECIPES[f"runs-{_name}"] = Recipe(
        train=(_name, "omniglot-runs", *_flags, "--validate-every", "0"),
        minutes=15 if _learns else 0,
        evaluations=(
            Protocol(name="within alphabets: the official 20 runs"),
            Protocol(name="between alphabets", flags=("--on", _between), tasks=TASKS_BETWEEN.get(_name)),
        ),
        note=NOTES.get(f"runs-{_name}", ""),
    )

# Sequences of fifty, ten of each of five classes: how often a class is known when it comes for the first, second, ... time.
RECIPES["instances-mann"] = Recipe(
    train=("mann", "omniglot", *SHORT_BUDGET["mann"], *OF_A_SIZE["instances-mann"], "--validate-every", "0"),
    minutes=15,
    evaluations=(Protocol(name="by instance", flags=("--instances",)),),
    note=NOTES["instances-mann"],
)

# Neural processes on curves of a Gaussian process, whose exact posterior bounds them. At a constant rate the loss of `anp`
# jumps about: in 90 seconds -1.27 nats per value on validation curves, with a rate falling to 0 -0.82 (cnp -0.53, -0.60).
for _name in ("cnp", "np", "anp"):
    RECIPES[f"gp-{_name}"] = Recipe(
        train=(
            *(_name, "gp", "--fewest-shots", "3", "--shots", "50"),
            *("--lr", "1e-3", "--schedule", "linear", "--validate-every", "0"),
        ),
        minutes=15,
        evaluations=(Protocol(name="3 to 50 points of curves with an RBF kernel", flags=("--queries", "100")),),
    )

# Sequences of bits: learned up to a length of 20, scored at 20 and at 40. A machine of fewer slots learns sooner and goes on
# further, and Adam suits a short budget: six of six seeds copy eight rows of four bits after 3,000 steps.
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
