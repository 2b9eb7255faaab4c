"""What must be told beside the figures of a recipe."""

_TESTED_AFTER = (
    "The steps of the test, which training does not use, were chosen afterwards on validation characters, and put into the "
    "settings of the trained run ({})."
)
_TESTED_BEFORE = (
    "The steps of the test, which training does not use, were chosen on validation characters after training, before any of "
    "these figures was seen ({})."
)
_STANDARDISED = "With `--standardise`, which is of no paper."
NOTES = {
    "budget-anil-5w": (
        "The steps of the test, which training does not use, were chosen afterwards on validation characters (after 3 of "
        "them, the default, its curve has 96.11 ± 0.29 and 97.06 ± 0.45: on five shots the second to fourth overshoot)."
    ),
    "budget-learned-optimizer-5w": (
        "An LSTM beside a plain step with a learned rate (`--descent-rate`), which is not in the paper; the best without "
        "had 93.43 ± 0.36 and 97.69 ± 0.17, on five shots below `finetune`. What the LSTM adds: silenced after training, "
        "it answers 91.8 instead of 94.1 on one shot of 300 validation tasks, and 97.8 instead of 98.0 on five. The steps "
        "of the test, which training does not use, were chosen afterwards on validation characters, and put into the "
        "settings of the trained run (after 5 of them, as in training, its curve has 94.65 ± 0.32 and 98.25 ± 0.18)."
    ),
    "budget-lstm-20w1s": (
        "With `--standardise`, which is of no paper; without it 17.70 ± 0.21 on these tasks, below the untrained network and "
        "the nearest pixels. With it, but with few classes under labels drawn from all 20 (`FewerWays` keeps the first ones "
        "since), 30.97 ± 0.35 after 10,640 steps. It is right as often about the classes it read first as about the last."
    ),
    **{
        f"budget-{name}": _STANDARDISED
        for name in ("lstm-5w1s", "lstm-5w5s", "gru-5w1s", "gru-5w5s", "mann-5w1s", "mann-5w5s", "ntm-5w1s")
    },
    "budget-gru-20w1s": (
        "With `--standardise`, which is of no paper. Two minutes less had 26.22 ± 0.29, and 8 tasks a step 26.10 ± 0.29; with "
        "the reset gate where torch has it, behind the mixing of what is remembered, 17.95 ± 0.20, below both baselines."
    ),
    "budget-mann-20w1s": (
        "With `--standardise`, which is of no paper; without it 12.80 ± 0.18 on these tasks, below the untrained network and "
        "the nearest pixels. With it at a constant rate of 1e-3, and few classes under labels drawn from all 20, 25.84 ± 0.30: "
        "the rate was changed after that figure, on the ground that others gain by a falling one."
    ),
    "budget-ntm-20w1s": (
        "With `--standardise`, which is of no paper, in MANN's sizes but for 32 slots. In its own, with 8 tasks a step, "
        "25.32 ± 0.30 on these tasks, a little below the nearest pixels, and with 32 slots and 16 tasks 20.82 ± 0.27."
    ),
    "budget-ntm-5w5s": (
        "With `--standardise`, which is of no paper. With one query per class in training instead of three 81.41 ± 0.65 on these "
        "tasks; with three and a constant rate 62.21 ± 0.77 without `--standardise`, below the untrained network and the nearest "
        "pixels, and 63.09 ± 0.72 with it, after 3,692 steps. The changes were not tried on validation characters: `lstm` had "
        "gained by them."
    ),
    "budget-maml-20w1s": _TESTED_AFTER.format("after 3 of them, the default, 69.97 ± 1.31"),
    "budget-maml++-20w1s": _TESTED_AFTER.format("after 5 of them, the default, 91.70 ± 0.44"),
    "budget-anil-20w1s": _TESTED_AFTER.format("after 20 of them, as on five ways, 90.58 ± 0.44"),
    "budget-imaml-20w1s": _TESTED_BEFORE.format("after 10 of them 78.5 %, after 30 80.6, of 200 validation tasks"),
    "budget-learned-optimizer-20w1s": (
        "An LSTM beside a plain step with a learned rate (`--descent-rate`), which is not in the paper. "
        + _TESTED_BEFORE.format("after 5 of them, as in training, 81.0 %, after 10 79.1, of 200 validation tasks")
    ),
    "budget-maml-5w": (
        "Without second derivatives: `first-order-maml`, and by smaller steps on more queries, with nothing lost, "
        "`first-order-maml-small-steps`."
    ),
    "budget-strokes": "From drawings of 105 pixels, where the others have 28.",
    "instances-mann": (
        "With `--standardise`, which is of no paper. Without it, at a constant rate and from sequences of 25, 80.02 "
        "± 1.05 the second time, 78.68 ± 1.05 the fifth and 77.28 ± 1.16 the tenth on these tasks, but there batch norm saw the "
        "pictures of the whole sequence together, the later ones too."
    ),
    **{f"runs-{name}": _STANDARDISED for name in ("lstm", "gru", "mann", "ntm")},
    "budget-snail-20w1s": (
        "It looks back over the 21 positions that a task has. Over the 101 of five shots, with three queries per class in "
        "training and a constant rate, 53.04 ± 0.42 on these tasks after 1,316 steps."
    ),
    "runs-snail": (
        "With three queries per class in training and a constant rate it took 1,234 steps, was still learning, and had 87.75 ± "
        "3.14 and 84.77 ± 0.34, below the nearest pixels. In the settings of `snail-20w1s` above, 21 positions to look back over "
        "instead of 101, it took 4,205 and had 77.50 ± 3.52 and 76.99 ± 0.48, level with the nearest pixels: at the end 21 % of "
        "its training tasks were right, of those of `snail-20w1s` 69. None was tried on validation characters of "
        "these alphabets; this is the best."
    ),
    "runs-strokes": (
        "The four people who drew each alphabet of the runs draw alike, which suits it: the same characters by people at "
        "random have 9.0 % errors, by two others 8.0 and 12.0 %, with a model trained before this one "
        "(`tokay/algorithms/generative/strokes.py` tells how that was looked at). The figure says nothing of handwriting "
        "at large."
    ),
}
