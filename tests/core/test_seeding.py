import subprocess
import sys

import torch

from tokay.core.seeding import BLOCK, derive_seed, evaluation_blocks, generator


def test_every_argument_changes_the_seed() -> None:
    seeds = {derive_seed(seed, stream, step) for seed in range(5) for stream in ("a", "b", "1") for step in range(5)}
    assert len(seeds) == 75


def test_arguments_are_separated() -> None:
    assert derive_seed(1, "a", 11) != derive_seed(11, "a", 1)
    assert derive_seed(1, "1", 1) != derive_seed(11, "", 1)


def test_seeds_fit_torch() -> None:
    for seed in (0, -1, 2**40):
        assert 0 <= derive_seed(seed, "train", 10**9) < 2**63
        torch.Generator().manual_seed(derive_seed(seed, "train"))


def test_seeds_are_equal_in_another_process() -> None:
    """Python's ``hash`` differs from process to process; ``derive_seed`` must not."""
    code = "from tokay.core.seeding import derive_seed; print(derive_seed(3, 'train', 7))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(process.stdout) == derive_seed(3, "train", 7)


def test_generator_has_the_derived_seed() -> None:
    expected = torch.rand(3, generator=torch.Generator().manual_seed(derive_seed(0, "x", 2)))
    rng_state = torch.get_rng_state()
    assert torch.equal(torch.rand(3, generator=generator(0, "x", 2)), expected)
    assert torch.equal(torch.get_rng_state(), rng_state)


def test_blocks_of_an_evaluation() -> None:
    """A longer evaluation starts with the tasks of a shorter one. The last block may be partly used."""
    long, short = ([*evaluation_blocks(tasks, 3)] for tasks in (3 * BLOCK, BLOCK + 1))
    assert [size for _, size in short] == [BLOCK, 1]
    draws = [torch.rand(2, generator=g).tolist() for g, _ in long]
    assert draws[:2] == [torch.rand(2, generator=g).tolist() for g, _ in short]
    assert draws[1] == torch.rand(2, generator=generator(3, "evaluate", 1)).tolist()
