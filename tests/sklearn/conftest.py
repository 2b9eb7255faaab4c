"""A run and a learner file that several files use."""

from importlib.util import find_spec
from pathlib import Path

import pytest

import tokay
from tokay import Sizes, train
from tokay.networks import Conv4Pool
from tokay.tasks import Glyphs, Sinusoid

# tokay.sklearn needs the extra of the same name.
collect_ignore_glob = [] if find_spec("sklearn") and find_spec("pandas") else ["test_*.py"]


@pytest.fixture(scope="session")
def picture_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """protonet on glyphs: pictures of shape (1, 28, 28), any number of classes."""
    folder = tmp_path_factory.mktemp("runs") / "pictures"
    sizes = Sizes(ways=3, shots=1, queries=1)
    network = Conv4Pool(filters=4)
    train(tokay.ProtoNet(), Glyphs(), network=network, steps=1, test=sizes, training=sizes, out=folder, quiet=True)
    return folder


@pytest.fixture(scope="session")
def three_way_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """maml on glyphs: always three classes."""
    folder = tmp_path_factory.mktemp("runs") / "three-way"
    sizes = Sizes(ways=3, shots=1, queries=1)
    train(
        tokay.MAML(test_steps=1),
        Glyphs(),
        network=Conv4Pool(filters=4),
        config=tokay.FitConfig(steps=1, meta_batch=1),
        test=sizes,
        training=sizes,
        out=folder,
        quiet=True,
    )
    return folder


@pytest.fixture(scope="session")
def sine_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """maml on sine waves: real targets."""
    folder = tmp_path_factory.mktemp("runs") / "sine"
    train(tokay.MAML(), Sinusoid(), steps=1, test=Sizes(shots=5, queries=5), out=folder, quiet=True)
    return folder
