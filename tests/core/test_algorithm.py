from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import MAML, Algorithm, ConfigError, Examples, Sizes, Task, TaskSpec, list_algorithms, one_hot
from tokay.core import algorithm as registry
from tokay.core.algorithm import require_choice, require_positive
from tokay.core.cost import Cost

COST = Cost("no adaptation", "E_T L_Q")


@pytest.fixture
def clean_registry() -> Iterator[None]:
    with registry._algorithms.temporary():
        yield


def define(name: str, qualname: str = "Guess") -> type[Algorithm[Any]]:
    def adapt(self: Any, net: nn.Module, support: Examples) -> Tensor:
        return support.y.double().mean(0)

    def predict(self: Any, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
        return state.expand(len(x), -1) + net(x).sum() * 0

    body = {"adapt": adapt, "predict": predict, "__qualname__": qualname, "lr": 0.5, "__annotations__": {"lr": float}}
    texts = {"reference": "a test", "summary": "guesses", "cost": COST, "__module__": __name__}
    kind = type(Algorithm)(qualname, (Algorithm,), {**body, **texts}, name=name)
    return dataclass(frozen=True, kw_only=True)(kind)


@pytest.mark.usefixtures("clean_registry")
def test_defining_is_registering() -> None:
    guess = define("guess")
    assert list_algorithms()["guess"] is guess
    assert guess.name == "guess"


@pytest.mark.usefixtures("clean_registry")
def test_a_name_is_taken_once() -> None:
    define("guess")
    define("guess")  # the same class again, as when a notebook cell is run twice
    with pytest.raises(ConfigError, match=r"^algorithm: the name 'guess' is taken by .*Guess\. Choose another"):
        define("guess", "Other")
    with pytest.raises(ConfigError, match=r"the name 'maml' is taken by tokay\.algorithms\.gradient\.maml\.MAML"):
        define("maml")


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize("missing", ["reference", "summary", "cost"])
def test_a_method_says_what_it_is(missing: str) -> None:
    """Checked when the class is defined; the message says what to add."""
    texts = {"reference": "a test", "summary": "guesses", "cost": COST}
    del texts[missing]
    with pytest.raises(ConfigError, match=rf"^dumb: .* Guess has no {missing}\. Add to the class: {missing} = "):
        type(Algorithm)("Guess", (Algorithm,), texts, name="dumb")
    assert "dumb" not in list_algorithms()


@pytest.mark.usefixtures("clean_registry")
def test_a_cost_is_a_cost() -> None:
    texts = {"reference": "a test", "summary": "guesses", "cost": "the query loss"}
    with pytest.raises(ConfigError, match=r"^dumb: cost must be a tokay\.core\.cost\.Cost, got str"):
        type(Algorithm)("Guess", (Algorithm,), texts, name="dumb")


@pytest.mark.usefixtures("clean_registry")
def test_a_method_is_final_and_a_layer_is_not() -> None:
    with pytest.raises(
        ConfigError, match=r"a method is final, Mine inherits from tokay\.algorithms\.gradient\.maml\.MAML"
    ):
        type(Algorithm)("Mine", (MAML,), {}, name="mine")
    layer = type(Algorithm)("Layer", (Algorithm,), {"reference": "a test", "cost": COST})
    assert layer not in list_algorithms().values()
    method = type(Algorithm)("Method", (layer,), {"summary": "of two layers"}, name="method")
    assert list_algorithms()["method"] is method


def test_the_registry_that_is_given_is_a_copy() -> None:
    list_algorithms().clear()
    assert list_algorithms()["maml"] is MAML


def test_the_contract_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Algorithm()  # type: ignore[abstract]


@pytest.mark.usefixtures("clean_registry")
def test_what_comes_for_free() -> None:
    guess = define("guess")()
    net = guess.build(nn.Flatten(), TaskSpec(x_shape=(4,), y_dim=3))
    assert net(torch.zeros(2, 4)).shape == (2, 3)
    y = one_hot(torch.tensor([0, 0, 1, 2]), 3)
    task = Task(Examples(torch.randn(4, 4), y), Examples(torch.randn(2, 4), y[:2]))
    loss, metrics = guess.loss(net, task)
    expected = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64).log_softmax(0)[0]
    assert float(loss.detach()) == pytest.approx(-float(expected))
    assert float(metrics["accuracy"]) == 1
    assert [state.tolist() for state in guess.path(net, task.support)] == [[0.5, 0.25, 0.25]]
    assert guess.at_test() is guess
    assert guess.training_sizes(Sizes(ways=7)) == Sizes(ways=7)
    assert float(guess.reduce(torch.tensor([1.0, 2.0, 6.0]))) == 3
    assert str(guess) == "Guess(lr=0.5)"


def test_algorithms_are_settings_in_words() -> None:
    assert str(MAML(inner_lr=0.5, inner_steps=1)) == "MAML(inner_lr=0.5, inner_steps=1, order=2)"


@dataclass
class _Settings:
    """What the two helpers look at."""

    name = "here"
    rate: Any = field(default=0.1)
    steps: int = 3
    last: int | None = None
    how: Any = field(default="a")


@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), float("-inf"), float("inf")])
def test_require_positive(value: float) -> None:
    with pytest.raises(ConfigError, match=r"^here: rate must be above 0, got .*\. The default is 0\.1\."):
        require_positive(_Settings(rate=value), "rate")  # type: ignore[arg-type]


def test_require_positive_passes() -> None:
    require_positive(_Settings(rate=1e-9), "rate")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["steps", "last"])
def test_whole_numbers(name: str) -> None:
    require_positive(_Settings(**{name: 2}), name)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=rf"^here: {name} must be a whole number, got 2\.5"):
        require_positive(_Settings(**{name: 2.5}), name)  # type: ignore[arg-type]


def test_require_choice() -> None:
    require_choice(_Settings(how="b"), "how", ("a", "b"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^here: how must be one of a, b, got 'c'\."):
        require_choice(_Settings(how="c"), "how", ("a", "b"))  # type: ignore[arg-type]


@pytest.mark.usefixtures("clean_registry")
def test_along_adapts_to_every_beginning() -> None:
    """By default: example t is answered by what was learned from those before it, the first from nothing."""

    @dataclass(frozen=True, kw_only=True)
    class Last(Algorithm[Tensor], name="last-label"):
        reference = summary = "of a test"
        cost = COST

        def adapt(self, net: nn.Module, support: Examples) -> Tensor:
            return support.y[-1].double() if len(support.y) else -torch.ones(2).double()

        def predict(self, net: nn.Module, state: Tensor, x: Tensor) -> Tensor:
            return state.expand(len(x), 2) + x

    y = torch.tensor([[1, 0], [0, 1], [1, 0]]).bool()
    x = torch.tensor([[10.0], [20.0], [30.0]]).double()
    assert Last().predict_along(nn.Identity(), Examples(x, y)).tolist() == [[9, 9], [21, 20], [30, 31]]


@pytest.mark.usefixtures("clean_registry")
def test_along_asks_beside_what_came_before() -> None:
    """A network that takes the mean of its batch off, as batch norm does, sees the inputs so far and none that follow."""

    @dataclass(frozen=True, kw_only=True)
    class Centred(Algorithm[int], name="centred"):
        reference = summary = "of a test"
        cost = COST

        def adapt(self, net: nn.Module, support: Examples) -> int:
            return 100 * len(support.y)

        def predict(self, net: nn.Module, state: int, x: Tensor) -> Tensor:
            return state + x - x.mean(0)

    x = torch.tensor([[10.0], [20.0], [60.0]]).double()
    predictions = Centred().predict_along(nn.Identity(), Examples(x, torch.ones(3, 1).bool()))
    assert predictions.tolist() == [[0], [100 + 20 - 15], [200 + 60 - 30]]
