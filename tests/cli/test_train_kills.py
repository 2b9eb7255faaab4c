"""A hundred kills at random moments: the end is that of the undisturbed run, bit for bit."""

import multiprocessing
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import tokay
from tokay.cli.main import main

from .helpers import quietly
from .test_training_loop import PRELOAD, changed, same, step_of, wait_for

KILLS = 100
WORDS = ("train", "maml", "sinusoid", "--inner-lr", "0.01", "--meta-batch", "2", "--shots", "5", "--queries", "5")
LENGTH = ("--steps", "700", "--validate-every", "50", "--validation-tasks", "2", "--save-every", "1")


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path) -> None:
    """Half of the moments lie in a new process, from its first line on, half after a save: in a step, or in the next save."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    undisturbed, broken = tmp_path / "undisturbed", tmp_path / "broken"
    quietly(*WORDS, *LENGTH, "--out", undisturbed)
    moments, saves, words = random.Random(0), set(), [*WORDS, *LENGTH, "--out", str(broken)]
    startup = 1.0  # seconds to the first save
    for kill in range(KILLS):
        is_saved = changed(broken / "state.safetensors")
        process = context.Process(target=main, args=(words,))
        start = time.perf_counter()
        process.start()
        if kill % 2:
            wait_for(is_saved, process)
            startup = time.perf_counter() - start
            process.join(moments.uniform(0, 0.03))
        else:
            process.join(moments.uniform(0, startup))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the training is too short to be killed so often"
        if (broken / "run.json").exists():
            words = ["train", "--resume", str(broken), "--save-every", "1"]
        if (broken / "state.safetensors").exists():
            saves.add(step_of(broken))
            tokay.load(broken)  # the weights are good after a kill at any moment
    assert len(saves) > KILLS // 4, saves
    quietly("train", "--resume", broken, "--save-every", "100")
    same(undisturbed, broken)
    assert not [file for file in broken.iterdir() if file.name.endswith(".tmp")]
