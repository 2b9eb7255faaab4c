"""Reptile (Nichol, Achiam & Schulman, 2018, arXiv:1803.02999).

Learns a start θ that is close to what each task is solved with: θ_T, the parameters after ``inner_steps`` inner steps.

    θ <- θ + ε mean_T (θ_T - θ)

That is a step of plain SGD with rate ε on the performance-based cost  1/2 mean_T ||θ - sg(θ_T)||²,  where sg stops
the gradient; ε goes from 1 to 0 over the run. The serial version is a meta-batch of one.

``update="last"`` moves by the last inner step alone,  θ <- θ + ε mean_T (θ_T - θ_(T-1)),  with 1/2 ||θ - sg(θ + that)||²
for the cost: "FOML" in the authors' code, which is FOMAML with the last mini-batch for a query set. ``tail="separate"``
takes that last step on the query set, all of it at once, which no earlier step has seen. With plain SGD of rate α and g_k
for the gradient of the k-th mini-batch where it is met, the start so moves by -εα times any of

    g_1 (``inner_steps=1``: joint training),   g_k (``last``, k steps),   g_1 + ... + g_k (``all``, k steps),

which is the paper's comparison of gradient combinations, and to order α the three methods differ in two terms alone: with
A = E[g_i] and B = E[∇(g_i·g_j)] / 2 over two mini-batches of a task, all at θ, and one step on i before the one on j,

    E[MAML] = A - 2α B,      E[FOMAML] = A - α B,      E[Reptile] = 2A - α B      (examples/expansion.py shows it).

The inner Adam's second moment v is not reset between tasks in the authors' code, and that matters (it is worth several
points of accuracy at a short budget). Here it is a meta-weight that learns by the same rule, v <- v + ε mean_T (v_T - v),
with v_T from all T steps also where the start moves by the last one only, for v is a memory of the gradients that were
met and no part of the answer (the authors' code keeps all of it under FOML, too).

Deviations from the authors' code: the tasks of a meta-batch are solved side by side, from one θ and one v (there v runs
on from task to task, and is never slowed by ε); the norm layers' shift and scale start at 0 and 1 as usual; mini-batches
always cycle without replacement. A separate tail is split off the training shots there: the ten per class become five and
five here by default, which is chosen here (``--train-shots``, ``--train-queries``).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ....core.algorithm import Algorithm, Outer, require_choice, require_positive
from ....core.cost import Cost
from ....core.inner.descent import Moments, Params, examples_loss, forward, inner_optimizer, last, optimize, trainable
from ....core.inner.minibatches import minibatches
from ....core.network import with_head
from ....core.objectives import Metrics, metrics
from ....core.recipe import Check, Recipe
from ....core.task import Examples, Sizes, Task, TaskSpec
from .moments import WithMoments, not_negative, split_moments

_PROTOCOL = "unrotated test characters, 1 query per class, 10,000 tasks [N]"
_LAST = "--validate-every 0"  # the last step is kept: the authors' code holds out no classes for validation


def _omniglot(ways: int, shots: int, together: str, alone: str) -> Recipe:
    """One of the paper's four tasks: the figures with and without transduction are of one trained network."""
    many = " --inner-lr 5e-4 --inner-steps 10 --inner-batch 20 --test-batch 10" if ways == 20 else ""
    how = {"": ("", together, "transductive"), " inductive": (" --inductive", alone, "not transductive")}
    return Recipe(
        name=f"reptile-omniglot-{ways}w{shots}s",
        source="omniglot",
        steps=200_000 if ways == 20 else 100_000,
        flags=f"--rotations train --ways {ways} --shots {shots} {_LAST}{many}",
        checks=tuple(
            Check(
                name=f"{ways}w{shots}s{name}",
                flags=f"--queries 1{flag}",
                tasks=10_000,
                published=figure,
                protocol=f"{kind}, {_PROTOCOL}",
            )
            for name, (flag, figure, kind) in how.items()
        ),
        note="trained on 1,100 of the paper's 1,200 characters",
    )


def _ablation(terms: str, update: str, steps: int) -> Recipe:
    """One line of the paper's figure of gradient combinations (its figures are drawn, not printed)."""
    inner = f"--update {update} --inner sgd --inner-lr 3e-3 --inner-steps {steps} --inner-batch 25"
    return Recipe(
        name=f"reptile-ablation-{terms}",
        source="omniglot",
        steps=40_000,
        flags=f"--rotations train --shots 5 {inner} --test-steps 5 --test-batch 25 --lr 0.25 {_LAST}",
        checks=(Check(name="5w5s", flags="--queries 1", tasks=10_000),),
        note="ten training shots, five tasks per outer step, test mini-batches of 25 and sums not divided by their number "
        "of terms (--lr divides them) are chosen here",
    )


@dataclass(frozen=True, kw_only=True)
class Reptile(Algorithm[Params], name="reptile"):
    """Reptile: move the start towards where ordinary training on each task ends.

    State: the fast weights, one tensor per parameter of the network.

    Needs no second derivative and no query set while it trains, so it takes many inner steps in little memory.
    Prefer MAML when one or two steps must do.

    >>> net = Reptile().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> support = Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))
    >>> cost, measured = Reptile().loss(net, Task(support, support))
    >>> sorted(measured)
    ['accuracy', 'loss']
    """

    reference = "Nichol, Achiam & Schulman, 2018, arXiv:1803.02999"
    summary = "move the start towards where ordinary training on each task ends"
    cost = Cost("performance-based", "E_T 1/2 ||θ - sg(θ_T)||²,  θ_T after many steps on S")
    outer = Outer(optimizer="sgd", lr=1.0, schedule="linear")
    network = "conv4"
    meta_batch = 5
    recipes = (
        _omniglot(5, 1, "97.68 ± 0.04", "95.39 ± 0.09"),
        _omniglot(5, 5, "99.48 ± 0.06", "98.90 ± 0.10"),
        _omniglot(20, 1, "89.43 ± 0.14", "88.14 ± 0.15"),
        _omniglot(20, 5, "97.12 ± 0.32", "96.65 ± 0.33"),
        _ablation("g1", "all", 1),
        *(_ablation(f"g{k}", "last", k) for k in (2, 3, 4)),
        *(_ablation("+".join(f"g{i + 1}" for i in range(k)), "all", k) for k in (2, 3, 4)),
        Recipe(
            name="reptile-sinusoid",
            source="sinusoid",
            steps=30_000,
            flags="--variant reptile --hidden 64 64 --activation tanh --inner sgd --inner-lr 0.02 --inner-batch 10 "
            "--train-shots 50 --shots 10 --queries 50 --test-steps 32 --test-batch 10 --meta-batch 1 --lr 0.1 " + _LAST,
            checks=(Check(name="10 points, 32 steps"),),
            note="the paper shows curves and prints no figure",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "a surrogate: where a task ends counts as a constant, though it moves with the start",
    }

    inner: Literal["adam", "sgd"] = "adam"
    """inner optimizer: Adam with beta1 = 0, or plain SGD"""
    inner_lr: float = 1e-3
    """inner learning rate (paper: 1e-3 for 5-way, 5e-4 for 20-way Omniglot)"""
    inner_steps: int = 5
    """inner steps while training"""
    inner_batch: int = 10
    """examples in an inner mini-batch while training"""
    test_steps: int = 50
    """inner steps on a new task"""
    test_batch: int = 5
    """examples in an inner mini-batch on a new task"""
    update: Literal["all", "last"] = "all"
    """what moves the start: all inner steps (Reptile), or the last one alone (first-order MAML)"""
    tail: Literal["shared", "separate"] = "shared"
    """what the last inner step of training sees: one more support mini-batch, or the query set, unseen until then"""

    def __post_init__(self) -> None:
        require_choice(self, "inner", ("adam", "sgd"))
        require_choice(self, "update", ("all", "last"))
        require_choice(self, "tail", ("shared", "separate"))
        require_positive(self, "inner_lr", "inner_steps", "inner_batch", "test_steps", "test_batch")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Backbone, linear head, and the second moments that Adam starts from."""
        net = with_head(backbone, spec)
        return WithMoments(net) if self.inner == "adam" else net

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        return (params for params, _ in self._solve(net, support))

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(split_moments(net)[0], state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """1/2 ||θ - sg(θ + u)||² with u = θ_T - θ, or θ_T - θ_(T-1) for ``last``; and the same for v: the gradient is -u.

        What is reported is the query loss after adapting to the support set alone, which is not trained on.
        """
        network, start = split_moments(net)
        here = trainable(network)
        with torch.no_grad():
            (before, moments), (after, ended) = deque(self._solve(net, task.support), maxlen=2)
            measured = metrics(self.predict(net, after, task.query.x), task.query.y)
            if self.tail == "separate":
                _, (after, ended) = self._train(network, before, [task.query], moments)
            origin = here if self.update == "all" else before
            ways = [(p, after[name] - origin[name]) for name, p in here.items()]
            ways += [(v, ended.second[name] - v) for name, v in start.second.items() if name in here]
            if isinstance(start.seen, Tensor):
                ways.append((start.seen, ended.seen - start.seen))
        return torch.stack([(p - p.detach() - way).square().sum() for p, way in ways]).sum() / 2, measured

    def _solve(self, net: nn.Module, support: Examples) -> Iterator[tuple[Params, Moments]]:
        network, moments = split_moments(net)
        batches = minibatches(support, self.inner_batch, self.inner_steps)
        return self._train(network, trainable(network), batches, not_negative(moments))

    def _train(
        self, network: nn.Module, params: Params, batches: Iterable[Examples], moments: Moments
    ) -> Iterator[tuple[Params, Moments]]:
        optimizer = inner_optimizer(self.inner, self.inner_lr)
        return optimize(examples_loss(network), params, batches, optimizer, first_order=True, moments=moments)

    def at_test(self) -> Self:
        return replace(self, inner_steps=self.test_steps, inner_batch=self.test_batch)

    def training_sizes(self, test: Sizes) -> Sizes:
        """Ten shots per class whatever the test has, as in the paper, and one query, for the report only.

        With a separate tail five of the ten are the tail.
        """
        return replace(test, shots=5, queries=5) if self.tail == "separate" else replace(test, shots=10, queries=1)
