"""Methods of every family learn from indices: their states must not take the type of the inputs."""

from pathlib import Path

import pytest

from tokay import FitConfig, Sizes, evaluate, list_algorithms, train
from tokay.networks import NGrams
from tokay.tasks import Text

from .sentence_models import write_texts

pytest.importorskip("pandas")

NAMES = ("protonet", "finetune", "maml", "lstm", "snail")


@pytest.mark.parametrize("name", NAMES)
def test_a_method_learns_from_hashes(name: str, tmp_path: Path, cache: Path) -> None:
    source, sizes = Text(file=str(write_texts(tmp_path / "x.csv")), length=16), Sizes(ways=2, shots=1, queries=2)
    config = FitConfig(steps=2, validate_every=0, meta_batch=2)
    network = NGrams(buckets=64, vector=8)
    learner = train(
        list_algorithms()[name](), source, network=network, test=sizes, training=sizes, config=config, quiet=True
    )
    score = evaluate(learner.algorithm, learner.net, source.tasks("test", sizes), tasks=2)
    assert 0 <= score["accuracy"].mean <= 1
    texts = source.encode(["pay a bill", "rain and snow", "sun"])
    assert learner.fit(texts[:2], ["a", "b"]).predict(texts[2:]).shape == (1,)
