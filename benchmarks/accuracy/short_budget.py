"""Flags of ``tokay train`` for a budget of 15 minutes on one core.

Methods with slow outer steps need more and cheaper steps. The settings were chosen on validation characters, with two
exceptions: ``ntm`` and ``gru`` use those of ``mann`` and ``lstm``, and ``strokes`` uses the original size of the drawings. All
other settings, and all other methods, use the defaults.
"""


def _small(filters: int = 32, tasks: int = 4, lr: str = "2e-3") -> tuple[str, ...]:
    return ("--filters", str(filters), "--meta-batch", str(tasks), "--lr", lr, "--schedule", "linear")


_SEQUENCE_MODELS = ("--network", "conv4", "--filters", "32", "--train-queries", "3", "--meta-batch", "8")
ORIGINAL_SIZE = ("--size", "105")
SHORT_BUDGET = {
    **dict.fromkeys(("maml", "anil", "meta-sgd", "taml"), _small()),
    "maml++": (*_small(), "--inner-steps", "2"),
    "abml": (*_small(), "--samples", "1", "--query-samples", "1", "--inner-steps", "1"),
    "leo": (*_small(), "--test-tuning-steps", "50"),
    "versa": ("--meta-batch", "4"),
    "matching": ("--train-ways", "20", "--train-queries", "5", "--meta-batch", "1", "--scale", "10"),
    "relation": ("--train-ways", "10", "--train-queries", "5"),
    **dict.fromkeys(("lstm", "gru", "mann", "snail"), _SEQUENCE_MODELS),
    "strokes": ORIGINAL_SIZE,
    "ntm": (*_SEQUENCE_MODELS, "--optimizer", "adam", "--lr", "1e-3"),
    "reptile": (
        *(*_small(lr="8e-3"), "--optimizer", "adam", "--inner", "sgd", "--inner-lr", "0.4"),
        *("--test-steps", "20", "--test-batch", "25"),
    ),
    "imaml": (
        *(*_small(lr="8e-3"), "--train-queries", "5", "--proximal", "0.1", "--inner-lr", "0.4"),
        *("--inner-steps", "5", "--cg-steps", "2", "--test-steps", "10"),
    ),
    "meta-lstm": (
        *(*_small(filters=16, lr="8e-3"), "--train-queries", "5"),
        *("--lstm-units", "5", "--inner-lr", "0.4"),
    ),
    "learned-optimizer": (
        *(*_small(filters=16, lr="8e-3"), "--train-queries", "5", "--lstm-layers", "1", "--lstm-units", "2"),
        *("--step-scale", "0.003", "--descent-rate", "0.4", "--judged", "last", "--test-steps", "10"),
    ),
}

# Additional flags for some numbers of classes or shots, for the evaluation by instance, and for the official runs (default: the
# flags for 20 classes).
#
# Sequence models (lstm, gru, mann, ntm, snail) stay at chance for minutes if a task has 25 examples or 20 classes. Training
# therefore starts with fewer classes or mixes in shorter sequences, and `--standardise` scales features by the support set.
# Accuracies of the trials in per cent, on validation characters:
#   20 classes, gru, 200 s:   16.8; 8 tasks per step 16.1; and without label scale and spread 12.3
#   5 classes, gru, 100 s:    51.9; rate 1e-3 without label scale and spread 47.9
#   20 classes, ntm, 150 s:   16.5 with the sizes of MANN and 32 slots; 14.6 with its own sizes
#   5 classes, lstm, 100 s:   77.9; eight queries instead of three 61.3; without --standardise and decreasing rate 56.1
#   5 classes, mann, 100 s:   68.0; one query 55.9; without --standardise and decreasing rate 50.0
#   by instance, mann, 240 s: 57.8 (second) and 60.4 (fifth); without --standardise 31.8 and 25.8 (100 tasks)
#   20 classes, snail:        17.1 after 150 s with a window of 21; 15.1 after 180 s with 101; 16.1 with 21 and few classes first
# Not tried: ntm on one shot, and lstm, mann and ntm on five shots (settings of lstm and mann); runs-snail.
#
# Test steps do not affect training. They come from curves on 200 validation tasks, in per cent on 20 classes:
#   maml, trained with one step at a rate of 2.0: 83.2, 79.9 and 68.0 after 1, 2 and 3 steps (so 1 for abml, which takes one)
#   maml++, trained with two steps: 90.8 after 2, 89.8 after 5
#   imaml: 78.5 after 10, 80.6 after 30
#   learned-optimizer, trained with five steps: 81.0 after 5, 79.1 after 10
_FASTER = ("--lr", "2e-3", "--schedule", "linear")
_UNITS = ("--standardise", "--label-scale", "0.5", "--keep-spread", "2")
_ONE_QUERY = ("--train-queries", "1")
_MORE_TASKS = ("--meta-batch", "16")
_SIZES_OF_MANN = ("--cells", "200", "--slots", "32", "--width", "40", "--heads", "4")
BY_SIZE = {
    **dict.fromkeys(("lstm-5w1s", "mann-5w1s", "ntm-5w1s"), ("--standardise", *_FASTER)),
    **dict.fromkeys(("lstm-5w5s", "mann-5w5s", "ntm-5w5s"), ("--train-fewest-shots", "1", "--standardise", *_FASTER)),
    "gru-5w1s": (*_UNITS, *_FASTER),
    "gru-5w5s": ("--train-fewest-shots", "1", *_UNITS, *_FASTER),
    "lstm-20w1s": ("--train-fewest-ways", "2", "--standardise", *_FASTER),
    "gru-20w1s": ("--train-fewest-ways", "2", *_ONE_QUERY, *_MORE_TASKS, *_UNITS, *_FASTER),
    "mann-20w1s": ("--train-fewest-ways", "2", *_ONE_QUERY, "--standardise", *_FASTER),
    "ntm-20w1s": ("--train-fewest-ways", "2", *_ONE_QUERY, *_MORE_TASKS, "--standardise", *_SIZES_OF_MANN, *_FASTER),
    "instances-mann": (
        *("--ways", "5", "--shots", "10", "--queries", "1"),
        *("--train-fewest-shots", "1", *_ONE_QUERY, "--standardise", *_FASTER),
    ),
    "snail-20w1s": ("--longest", "21", *_ONE_QUERY, *_FASTER),
    "runs-snail": (*_ONE_QUERY, *_FASTER),
    "anil-5w": ("--test-steps", "20"),
    "abml-20w1s": ("--test-steps", "1"),
    "maml++-20w1s": ("--test-steps", "2"),
    "imaml-20w1s": ("--test-steps", "30"),
    "learned-optimizer-20w1s": ("--test-steps", "5"),
}
