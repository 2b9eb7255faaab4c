import subprocess
import sys

import torch

from tokay.core.seeding import BLOCK, derive, evaluation_blocks, generator


def test_every_part_matters() -> None:
    seeds = {derive(seed, stream, step) for seed in range(5) for stream in ("a", "b", "1") for step in range(5)}
    assert len(seeds) == 75


def test_parts_do_not_run_together() -> None:
    assert derive(1, "a", 11) != derive(11, "a", 1)
    assert derive(1, "1", 1) != derive(11, "", 1)


def test_seeds_fit_torch() -> None:
    for seed in (0, -1, 2**40):
        assert 0 <= derive(seed, "train", 10**9) < 2**63
        torch.Generator().manual_seed(derive(seed, "train"))


def test_the_same_in_another_process() -> None:
    """Not Python's ``hash``, which differs from process to process."""
    code = "from tokay.core.seeding import derive; print(derive(3, 'train', 7))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == derive(3, "train", 7)


def test_generator_is_at_the_derived_state() -> None:
    expected = torch.rand(3, generator=torch.Generator().manual_seed(derive(0, "x", 2)))
    before = torch.get_rng_state()
    assert torch.equal(torch.rand(3, generator=generator(0, "x", 2)), expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_blocks_of_an_evaluation() -> None:
    """More tasks begin with the fewer, and the last block is used in part."""
    many, few = ([*evaluation_blocks(tasks, 3)] for tasks in (3 * BLOCK, BLOCK + 1))
    assert [used for _, used in few] == [BLOCK, 1]
    drawn = [torch.rand(2, generator=g).tolist() for g, _ in many]
    assert drawn[:2] == [torch.rand(2, generator=g).tolist() for g, _ in few]
    assert drawn[1] == torch.rand(2, generator=generator(3, "evaluate", 1)).tolist()
