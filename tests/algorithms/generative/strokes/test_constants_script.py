"""The script that chooses the constants: its record fits the code, and it scores as the method does."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from tokay import Examples, Strokes
from tokay.algorithms.generative.strokes import strokes
from tokay.algorithms.generative.strokes.beads import Warp
from tokay.files import read_json
from tokay.tasks.class_pool import ClassPool

from .test_strokes import LETTERS, draw

WAYS = 4


@pytest.fixture
def script(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with trials of four letters of 35x35 pixels, and short warps."""
    path = repository / "benchmarks/accuracy/strokes_constants.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    for name, value in {"WAYS": WAYS, "SIZE": 35, "METHOD": Strokes(beads=20, register_steps=3)}.items():
        monkeypatch.setattr(module, name, value)
    return module


def alphabets() -> ClassPool:
    """Two alphabets of four letters, each letter drawn by three people."""
    people = (((1, 0), (0, 1)), ((1.15, 0.12), (-0.1, 0.9)), ((0.9, -0.1), (0.05, 1.1)))
    pictures = torch.stack([draw(letter, person) for letter in LETTERS for person in people])
    names = [f"background/{'AB'[i // 4]}/{letter}" for i, letter in enumerate(LETTERS)]
    return ClassPool((255 * pictures).to(torch.uint8), torch.full((8,), 3), tuple(names))


@torch.no_grad()
def test_the_constants_in_the_code_are_those_of_the_record(script: ModuleType) -> None:
    """Who changes a constant must run the script again, and say so in ``strokes.md``."""
    torch.manual_seed(script.SEED)
    in_code = strokes.StrokeModel(script.METHOD.components).state_dict()
    torch.testing.assert_close(in_code, script.starting_model(script.WEIGHTS_BY_HAND).state_dict(), rtol=0, atol=1e-4)
    assert tuple(script.WARP_BY_HAND.values()) == (*Warp(), *strokes._SEARCH, strokes._WIDE)
    record = read_json(script.RESULT)
    assert (record["weights_by_hand"], record["warp"]) == (script.WEIGHTS_BY_HAND, script.WARP_BY_HAND)


@torch.no_grad()
def test_trials_are_scored_as_by_the_method(script: ModuleType) -> None:
    """Thirteen trials of two alphabets: loss and error by ``predict``, with the constants in the code or others."""
    generator = torch.Generator().manual_seed(0)
    pool, method = alphabets(), script.METHOD
    trials = [trial for i in range(13) for trial in script.draw_trials(pool, "AB"[i % 2], 1, generator)]
    warped = script.WarpedTrials(trials, script.WARP_BY_HAND)
    for weights in (script.WEIGHTS_BY_HAND, {name: 0.8 * value for name, value in script.WEIGHTS_BY_HAND.items()}):
        net, rows = script.starting_model(weights), []
        y = torch.eye(WAYS, dtype=torch.bool)
        for trial in trials:
            state = method.adapt(net, Examples(torch.zeros(WAYS, 1, 35, 35), y))
            logits = method._logits(net, state._replace(programs=trial.support), trial.query)
            loss = torch.nn.functional.cross_entropy(logits, torch.arange(WAYS))
            rows.append([float(loss), float((logits.argmax(1) != torch.arange(WAYS)).float().mean())])
        torch.testing.assert_close(warped.measure(weights), torch.tensor(rows).double(), rtol=1e-4, atol=1e-5)


def test_a_trial_has_two_people_and_one_alphabet(script: ModuleType) -> None:
    """Every drawing of the support set is by one person, every query by another, of the same characters in order."""
    pool = alphabets()
    drawings: Tensor = pool.images.reshape(8, 3, 35, 35)
    (trial,) = script.draw_trials(pool, "B", 1, torch.Generator().manual_seed(1))
    trace = {
        person: script.trace_programs(drawings[4:, person].float() / 255, beads=20, most_strokes=8).beads
        for person in range(3)
    }
    rows = []
    for part in trial:
        people = [
            (person, [next(i for i in range(4) if torch.equal(beads[i], bead)) for bead in part.beads])
            for person, beads in trace.items()
            if all(any(torch.equal(own, bead) for own in beads) for bead in part.beads)
        ]
        rows += people
    (support, support_order), (query, query_order) = rows
    assert support != query
    assert support_order == query_order
    assert sorted(support_order) == [0, 1, 2, 3]


def test_a_weight_moves_only_if_all_alphabets_gain(script: ModuleType) -> None:
    """The loss falls with a, and by chance with b in half of the alphabets."""

    class Losses:
        def measure(self, weights: dict[str, float]) -> Tensor:
            noise = torch.linspace(-1, 1, 13).double()
            loss = -weights["a"] + 0.01 * noise + (weights["b"] - 4) * (noise - 0.01)
            return torch.stack([loss, loss], 1)

    rows: list[dict[str, object]] = []
    weights = script.choose_weights(Losses(), rows)
    assert weights == {**script.WEIGHTS_BY_HAND, "a": 16.0}
    assert len(rows) == 2 * 4 * 14
