"""Reptile (Nichol, Achiam & Schulman, 2018, arXiv:1803.02999).

Reptile learns initial weights θ that are close to the solution of every task. θ_T are the weights of task T after
``inner_steps`` inner steps:

    θ <- θ + ε mean_T (θ_T - θ)

This is a step of plain SGD with rate ε on the performance-based cost  1/2 mean_T ||θ - sg(θ_T)||²,  where sg stops the
gradient. ε falls from 1 to 0 during training. The serial version is a meta-batch of one task.

``update="last"`` moves θ by the last inner step alone,  θ <- θ + ε mean_T (θ_T - θ_(T-1)),  with the cost
1/2 ||θ - sg(θ + θ_T - θ_(T-1))||². The authors' code calls this "FOML": FOMAML with the last mini-batch as query set.
``tail="separate"`` takes the last step on the query set, all of it at once; no earlier step uses the query set.

Let g_k be the gradient of the k-th mini-batch at the weights of that step. With plain SGD of rate α, θ moves by -εα
times

    g_1 (``inner_steps=1``: joint training),   g_k (``last``, k steps),   or   g_1 + ... + g_k (``all``, k steps).

These are the gradient combinations that the paper compares. To order α, MAML, FOMAML and Reptile differ only in two
terms. Take two mini-batches i and j of a task, with one step on i before the step on j, and all gradients at θ. With
A = E[g_i] and B = E[∇(g_i·g_j)] / 2:

    E[MAML] = A - 2α B,      E[FOMAML] = A - α B,      E[Reptile] = 2A - α B      (examples/expansion.py shows it).

The authors' code does not reset the inner Adam's second moment v between tasks, which matters for accuracy. Here v is a
meta-weight that learns by the same rule,  v <- v + ε mean_T (v_T - v).  v_T comes from all T steps, even if only the
last step moves θ: v is a memory of all past gradients (the authors' FOML keeps all of it, too).

Deviations from the authors' code: all tasks of a meta-batch start from the same θ and v (there v runs on from task to
task, and ε never slows it); mini-batches always cycle without replacement. The norm layers add 1e-5 to the variance (there
1e-3), and a convolution before a norm has no bias. Ink is 1 and paper is 0 (there the raw pixels, ink 0 and paper 1). There
a separate tail is split off the training shots. Here the default splits the ten shots per class into five and five, which
is our choice (``--train-shots``, ``--train-queries``).
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
_KEEP_LAST_STEP = "--validate-every 0"  # the authors' code holds out no classes for validation


def _omniglot(ways: int, shots: int, transductive: str, inductive: str) -> Recipe:
    """One of the paper's four tasks. Both figures, transductive and inductive, come from one trained network."""
    extra_flags = " --inner-lr 5e-4 --inner-steps 10 --inner-batch 20 --test-batch 10" if ways == 20 else ""
    variants = {"": ("", transductive, "transductive"), " inductive": (" --inductive", inductive, "not transductive")}
    return Recipe(
        name=f"reptile-omniglot-{ways}w{shots}s",
        source="omniglot",
        steps=200_000 if ways == 20 else 100_000,
        flags=f"--rotations train --ways {ways} --shots {shots} {_KEEP_LAST_STEP}{extra_flags}",
        checks=tuple(
            Check(
                name=f"{ways}w{shots}s{name}",
                flags=f"--queries 1{flag}",
                tasks=10_000,
                published=figure,
                protocol=f"{kind}, {_PROTOCOL}",
            )
            for name, (flag, figure, kind) in variants.items()
        ),
        note="trained on 1,100 of the paper's 1,200 characters",
    )


def _ablation(terms: str, update: str, steps: int) -> Recipe:
    """One line of the paper's plot of gradient combinations. The paper prints no numbers for it."""
    inner = f"--update {update} --inner sgd --inner-lr 3e-3 --inner-steps {steps} --inner-batch 25"
    return Recipe(
        name=f"reptile-ablation-{terms}",
        source="omniglot",
        steps=40_000,
        flags=f"--rotations train --shots 5 {inner} --test-steps 5 --test-batch 25 --lr 0.25 {_KEEP_LAST_STEP}",
        checks=(Check(name="5w5s", flags="--queries 1", tasks=10_000),),
        note="ten training shots, five tasks per outer step, test mini-batches of 25 and sums not divided by their number "
        "of terms (--lr divides them) are chosen here",
    )


@dataclass(frozen=True, kw_only=True)
class Reptile(Algorithm[Params], name="reptile"):
    """Reptile: moves the initial weights towards the trained weights of each task.

    State: the fast weights, one tensor per parameter of the network.

    Use it for many inner steps in little memory: it needs no second derivative, and no query set in training. Prefer
    MAML if a new task allows only one or two steps. The order of the support rows changes the result, unless a
    mini-batch holds all of them.

    >>> net = Reptile().build(nn.Flatten(), TaskSpec(x_shape=(3,), y_dim=2))
    >>> support = Examples(torch.randn(4, 3), one_hot(torch.tensor([0, 1, 0, 1]), 2))
    >>> cost, report = Reptile().loss(net, Task(support, support))
    >>> sorted(report)
    ['accuracy', 'loss']
    """

    reference = "Nichol, Achiam & Schulman, 2018, arXiv:1803.02999"
    summary = "moves the initial weights towards the trained weights of each task"
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
            "--train-shots 50 --shots 10 --queries 50 --test-steps 32 --test-batch 10 --meta-batch 1 --lr 0.1 "
            + _KEEP_LAST_STEP,
            checks=(Check(name="10 points, 32 steps"),),
            note="the paper shows curves and prints no figure",
        ),
    )
    exceptions: ClassVar[Mapping[str, str]] = {
        "finite_differences": "a surrogate: the trained weights of a task count as constants, though they depend on θ",
        "support_order[mini-batches]": "the order of the rows decides which of them a mini-batch holds",
    }

    inner: Literal["adam", "sgd"] = "adam"
    """inner optimizer: Adam with beta1 = 0, or plain SGD"""
    inner_lr: float = 1e-3
    """inner learning rate (paper: 1e-3 for 5-way, 5e-4 for 20-way Omniglot)"""
    inner_steps: int = 5
    """inner steps while training"""
    inner_batch: int = 10
    """examples per inner mini-batch while training"""
    test_steps: int = 50
    """inner steps on a new task"""
    test_batch: int = 5
    """examples per inner mini-batch on a new task"""
    update: Literal["all", "last"] = "all"
    """inner steps that move the initial weights: all (Reptile), or only the last one (first-order MAML)"""
    tail: Literal["shared", "separate"] = "shared"
    """data of the last inner step in training: a support mini-batch (shared), or the whole query set (separate)"""

    def __post_init__(self) -> None:
        require_choice(self, "inner", ("adam", "sgd"))
        require_choice(self, "update", ("all", "last"))
        require_choice(self, "tail", ("shared", "separate"))
        require_positive(self, "inner_lr", "inner_steps", "inner_batch", "test_steps", "test_batch")

    def build(self, backbone: nn.Module, spec: TaskSpec) -> nn.Module:
        """Returns the backbone with a linear head; with Adam, also the learned initial second moments."""
        net = with_head(backbone, spec)
        return WithMoments(net) if self.inner == "adam" else net

    def path(self, net: nn.Module, support: Examples) -> Iterator[Params]:
        return (params for params, _ in self._solve(net, support))

    def adapt(self, net: nn.Module, support: Examples) -> Params:
        return last(self.path(net, support))

    def predict(self, net: nn.Module, state: Params, x: Tensor) -> Tensor:
        return forward(split_moments(net)[0], state, x)

    def loss(self, net: nn.Module, task: Task) -> tuple[Tensor, Metrics]:
        """1/2 ||θ - sg(θ + u)||², plus the same for v. u = θ_T - θ, or θ_T - θ_(T-1) for ``last``; the gradient is -u.

        Reports the query metrics after adapting to the support set alone. They are not part of the cost.
        """
        network, start = split_moments(net)
        params = trainable(network)
        with torch.no_grad():
            (previous, moments), (adapted, end_moments) = deque(self._solve(net, task.support), maxlen=2)
            report = metrics(self.predict(net, adapted, task.query.x), task.query.y)
            if self.tail == "separate":
                _, (adapted, end_moments) = self._train(network, previous, [task.query], moments)
            origin = params if self.update == "all" else previous
            displacements = [(p, adapted[name] - origin[name]) for name, p in params.items()]
            for name, v in start.second.items():  # a frozen weight keeps its moment
                displacements.append((v, end_moments.second[name] - v if name in params else torch.zeros_like(v)))
            if isinstance(start.second_weight, Tensor):
                displacements.append((start.second_weight, end_moments.second_weight - start.second_weight))
        squares = [(p - p.detach() - displacement).square().sum() for p, displacement in displacements]
        return torch.stack(squares).sum() / 2, report

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
        """Ten shots per class for any test, as in the paper, and one query, for the report only.

        With a separate tail: five shots, and five queries for the tail.
        """
        return replace(test, shots=5, queries=5) if self.tail == "separate" else replace(test, shots=10, queries=1)
