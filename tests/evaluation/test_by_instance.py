"""Accuracy by instance, against a slow count over sequences."""

import pytest
import torch
from torch import Tensor, nn

from tokay import LSTM, MAML, SNAIL, ConfigError, Examples, Score, Sizes, Task, TaskSpec, by_instance
from tokay.evaluation.by_instance import accuracy_at
from tokay.tasks.class_pool import ClassPool, Episodes

WAYS, SHOTS = 3, 4


class RecordedEpisodes:
    """Episodes that keep the tasks they returned in ``samples``."""

    def __init__(self, *, padding: bool = False) -> None:
        pixels = torch.randint(256, (8 * 10, 1, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        pool = ClassPool(pixels, torch.full((8,), 10), tuple("abcdefgh"))
        self.episodes = Episodes(pool, Sizes(ways=WAYS, shots=SHOTS, queries=2))
        self.spec = self.episodes.spec
        self.padding = padding
        self.samples: list[Task] = []

    def sample(self, tasks: int, generator: torch.Generator) -> Task:
        (x, y), query = self.episodes.sample(tasks, generator)
        if self.padding:  # every other task loses the last examples of its first class
            last = (y[..., 0].cumsum(1) > 1) & y[..., 0]
            y = y & ~(last & (torch.arange(tasks)[:, None] % 2 == 0))[..., None]
        self.samples.append(Task(Examples(x, y), query))
        return self.samples[-1]


def small_net(method: LSTM | SNAIL | MAML, *norm: nn.Module) -> nn.Module:
    torch.manual_seed(5)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(9, 6), *norm, nn.Tanh())
    net = method.build(backbone, TaskSpec(x_shape=(1, 3, 3), y_dim=WAYS))
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4)  # otherwise its answers hardly depend on the input
    return net


def slowly(predictions: Tensor, y: Tensor) -> dict[int, float]:
    """Share of hits at every presentation, counted one by one."""
    counts, hits = [0] * y.shape[1], dict[int, list[bool]]()
    for answered, label in zip(predictions, y, strict=True):
        if not label.any():
            continue
        c = int(label.int().argmax())
        counts[c] += 1
        hits.setdefault(counts[c], []).append(int(answered.argmax()) == c)
    return {k: sum(row) / len(row) for k, row in hits.items()}


def test_accuracy_at() -> None:
    labels = torch.randint(WAYS, (20,))
    y = torch.arange(WAYS) == labels[:, None]
    y[4] = False
    predictions = torch.randn(20, WAYS)
    shares = {k: float(v) for k, v in enumerate(accuracy_at(predictions, y), 1) if not v.isnan()}
    assert shares == pytest.approx(slowly(predictions, y))


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("method", [LSTM(cells=8), SNAIL(tc_filters=4)], ids=lambda method: method.name)
def test_every_number_by_hand(method: LSTM | SNAIL, padding: bool) -> None:
    net, source = small_net(method), RecordedEpisodes(padding=padding)
    instances = by_instance(method, net, source, tasks=30, seed=2)
    x, y = (torch.cat(parts) for parts in zip(*[t.support for t in source.samples], strict=True))
    rows: dict[int, list[float]] = {}
    for i in range(30):
        answers = []
        for t in range(WAYS * SHOTS):  # the definition: adapt to the earlier examples
            state = method.adapt(net, Examples(x[i, :t], y[i, :t]))
            answers.append(method.predict(net, state, x[i, t : t + 1])[0])
        for k, share in slowly(torch.stack(answers), y[i]).items():
            rows.setdefault(k, []).append(share)
    assert list(instances.accuracy) == [1, 2, 3, 4]
    for k, shares in rows.items():
        expected = Score.of(torch.tensor(shares))
        assert instances.accuracy[k].mean == pytest.approx(expected.mean, abs=1e-6)
        assert instances.accuracy[k].ci95 == pytest.approx(expected.ci95, abs=1e-6)
        assert instances.accuracy[k].tasks == 30
    assert not instances.transductive


def test_nothing_depends_on_how_it_is_computed() -> None:
    method = LSTM(cells=8)
    net, progress = small_net(method), list[int]()
    expected = by_instance(method, net, RecordedEpisodes(), tasks=30, seed=2, on_progress=progress.append)
    assert by_instance(method, net, RecordedEpisodes(), tasks=30, seed=2, chunk_size=4) == expected
    assert by_instance(method, net, RecordedEpisodes(), tasks=30, seed=2, mode="loop") == expected
    assert by_instance(method, net, RecordedEpisodes(), tasks=30, seed=3) != expected
    assert progress == [25, 30]


def test_batch_norm_sees_the_whole_sequence_and_the_result_says_so() -> None:
    method = LSTM(cells=8)
    net = small_net(method, nn.BatchNorm1d(6, track_running_stats=False))
    assert by_instance(method, net, RecordedEpisodes(), tasks=4).transductive


def test_errors() -> None:
    with pytest.raises(ConfigError, match=r"maml takes the support set as a whole.*lstm, gru, mann, snail"):
        by_instance(MAML(), small_net(MAML()), RecordedEpisodes(), tasks=4)
    with pytest.raises(ConfigError, match="at least 2 for an interval, got 1"):
        by_instance(LSTM(), small_net(LSTM()), RecordedEpisodes(), tasks=1)
    source = RecordedEpisodes()
    source.spec = TaskSpec(x_shape=(1, 3, 3), y_dim=WAYS, kind="regression")
    with pytest.raises(ConfigError, match="tasks must have classes, got regression"):
        by_instance(LSTM(), small_net(LSTM()), source, tasks=4)
