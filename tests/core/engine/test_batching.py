import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokay import Examples, NetworkError, Task, over_tasks
from tokay.core.engine.batching import count_tasks, task_slice
from tokay.core.engine.memory_budget import peak_bytes


def tasks(n: int = 5) -> Task:
    return Task(
        Examples(torch.randn(n, 3, 4, dtype=torch.float64), torch.randn(n, 3, 2, dtype=torch.float64)),
        Examples(torch.randn(n, 6, 4, dtype=torch.float64), torch.randn(n, 6, 2, dtype=torch.float64)),
    )


def nested(task: Task) -> dict[str, Any]:
    """A tree of tensors of several shapes and dtypes."""
    (sx, sy), (qx, qy) = task
    return {"a": sx.mean(), "b": (qx @ sx.mT, [sy.sum(0), qy > 0]), "c": Examples(qx, qy)}


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 5, 9])
def test_vmap_equals_loop_equals_by_hand(chunk_size: int | None) -> None:
    batch = tasks()
    mapped = over_tasks(nested, batch, chunk_size=chunk_size)
    looped = over_tasks(nested, batch, mode="loop")
    torch.testing.assert_close(mapped, looped, rtol=1e-14, atol=1e-14)
    for i in range(5):
        (sx, sy), (qx, qy) = batch
        by_hand = nested(Task(Examples(sx[i], sy[i]), Examples(qx[i], qy[i])))
        assert torch.equal(looped["a"][i], by_hand["a"])
        assert torch.equal(looped["b"][0][i], by_hand["b"][0])
        assert torch.equal(looped["b"][1][0][i], by_hand["b"][1][0])
        assert torch.equal(mapped["b"][1][1][i], by_hand["b"][1][1])
        assert torch.equal(mapped["c"].x[i], by_hand["c"].x)
    assert isinstance(mapped["c"], Examples)
    assert isinstance(looped["c"], Examples)


def test_chunks_save_memory() -> None:
    batch = tasks(8)

    def memory(chunk_size: int | None) -> int:
        return peak_bytes(
            lambda: over_tasks(lambda task: (task.query.x.repeat(1, 200) + 1).sum(), batch, chunk_size=chunk_size)
        )

    assert memory(None) > 1.9 * memory(4) > 3.5 * memory(2)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_one_task_is_a_batch_of_one(mode: Any) -> None:
    batch = tasks(1)
    result = over_tasks(lambda task: task.query.x.sum(), batch, mode=mode)
    torch.testing.assert_close(result, batch.query.x.sum((1, 2)))


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_draws_differ_between_tasks(mode: Any, chunk_size: int | None) -> None:
    noise = over_tasks(lambda task: torch.rand(3) + 0 * task.query.x.sum(), tasks(), mode=mode, chunk_size=chunk_size)
    assert len({tuple(row) for row in noise.tolist()}) == 5


def test_gradients_reach_the_network() -> None:
    net, batch = nn.Linear(4, 2).double(), tasks()
    for mode in ("vmap", "loop"):
        net.zero_grad()
        over_tasks(lambda task: (net(task.query.x) - task.query.y).square().mean(), batch, mode=mode).sum().backward()
        expected = sum(
            torch.autograd.grad((net(x) - y).square().mean(), net.weight)[0] for x, y in zip(*batch.query, strict=True)
        )
        torch.testing.assert_close(net.weight.grad, expected)


def test_slices() -> None:
    batch = tasks()
    assert count_tasks(batch) == 5
    part = task_slice(batch, 1, 3)
    assert isinstance(part, Task)
    assert count_tasks(part) == 2
    assert torch.equal(part.query.y, batch.query.y[1:3])
    assert count_tasks(task_slice(batch, 4, 9)) == 1


# Networks that vmap cannot map.


class Reads(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.mean().item()


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0 else -x


class Unique(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.unique(x).sum()


class Masks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x[x > 0].sum()


class Nonzero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + (x > 0).nonzero().sum()


class Counts(nn.Module):
    """Adds the sum of its inputs to a buffer, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add_(x.detach().sum())
        return x


class Caches(nn.Module):
    """Copies its input into a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.zeros(6, 4, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.cache.copy_(x.detach())
        return x + self.cache


class Recurrent(nn.Module):
    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cell = cell(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x[:, None])[0][:, 0]


UNMAPPABLE = {
    "item": (Reads, "reads a value out of a tensor"),
    "branch": (Branches, "branches on the value of a tensor"),
    "unique": (Unique, "depends on values"),
    "mask": (Masks, "depends on values"),
    "nonzero": (Nonzero, "depends on values"),
    "counter": (Counts, "changes a tensor in place"),
    "cache": (Caches, "changes a tensor in place"),
    "lstm": (lambda: Recurrent(nn.LSTM), "nn.LSTM and nn.GRU: use their cells"),
    "gru": (lambda: Recurrent(nn.GRU), "nn.LSTM and nn.GRU: use their cells"),
}


@pytest.mark.parametrize("name", UNMAPPABLE)
def test_unmappable_networks_raise_an_error_and_work_in_a_loop(name: str) -> None:
    make, explanation = UNMAPPABLE[name]
    net, batch = make().double(), tasks()
    message = (
        rf"^over_tasks: the network cannot be mapped over tasks \(support \(5, 3, 4\)\): .*{re.escape(explanation)}"
    )
    with pytest.raises(NetworkError, match=message) as raised:
        over_tasks(lambda task: net(task.query.x), batch)
    assert 'mode="loop"' in str(raised.value)
    assert "\n" not in str(raised.value)
    assert over_tasks(lambda task: net(task.query.x), batch, mode="loop").shape == (5, 6, 4)


@pytest.mark.parametrize("name", ["item", "branch", "mask", "nonzero", "lstm", "gru"])
def test_unmappable_networks_have_gradients_in_a_loop(name: str) -> None:
    net = UNMAPPABLE[name][0]().double()
    batch = tasks()
    x = batch.query.x.requires_grad_()
    over_tasks(lambda task: net(task.query.x).square().mean(), batch, mode="loop").sum().backward()
    expected = torch.autograd.grad(sum(net(inputs).square().mean() for inputs in x), x)[0]
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_recurrent_layers_with_fast_weights_raise_an_error(cell: type[nn.RNNBase]) -> None:
    net = Recurrent(cell).double()
    params = dict(net.named_parameters())

    def adapted_output(task: Task) -> Tensor:
        fast = {name: p + task.support.x.mean() for name, p in params.items()}
        return torch.func.functional_call(net, fast, (task.query.x,))

    with pytest.raises(NetworkError, match="cannot be mapped"):
        over_tasks(adapted_output, tasks())
    assert over_tasks(adapted_output, tasks(), mode="loop").shape == (5, 6, 4)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_running_statistics_are_refused_in_both_modes(mode: Any) -> None:
    net = nn.BatchNorm1d(4).double()
    with pytest.raises(NetworkError, match=r"BatchNorm: running statistics .* track_running_stats=False"):
        over_tasks(lambda task: net(task.query.x), tasks(), mode=mode)


def test_frozen_running_statistics_are_allowed() -> None:
    net, batch = nn.BatchNorm1d(4).double().eval(), tasks()
    torch.testing.assert_close(
        over_tasks(lambda task: net(task.query.x), batch), net(batch.query.x.flatten(0, 1)).reshape(5, 6, 4)
    )


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(
    "error", [RuntimeError("my own error"), ValueError("my value"), KeyError("k"), NetworkError("ours")]
)
def test_a_users_own_error_is_raised_unchanged(error: Exception, mode: Any) -> None:
    def fails(task: Task) -> Tensor:
        raise error

    with pytest.raises(type(error)) as raised:
        over_tasks(fails, tasks(), mode=mode)
    assert raised.value is error


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_a_shape_error_of_the_network_comes_from_torch(mode: Any) -> None:
    net = nn.Linear(7, 2).double()
    with pytest.raises(RuntimeError, match=r"mat1 and mat2|size mismatch|shape") as raised:
        over_tasks(lambda task: net(task.query.x), tasks(), mode=mode)
    assert not isinstance(raised.value, NetworkError)
