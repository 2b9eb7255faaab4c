"""From a run and files to a learner."""

from pathlib import Path

import numpy as np
import pytest

import tokay
from tokay import ConfigError, DataError
from tokay.tasks import Images

from ..cli.helpers import write_letters


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ANIL on letters: three ways, as untrained as can be."""
    out = tmp_path_factory.mktemp("runs") / "anil"
    sizes = tokay.Sizes(ways=3, shots=2, queries=2)
    config = tokay.FitConfig(steps=1, meta_batch=2, validate_every=0)
    source = Images(root=str(write_letters(out.parent / "letters", classes=20, files=4)), size=16, channels="grey")
    tokay.train(
        tokay.ANIL(),
        source,
        network=tokay.networks.Conv4(filters=4),
        test=sizes,
        training=sizes,
        config=config,
        out=out,
    )
    return out


def test_classes_may_have_any_number_of_pictures(run: Path, tmp_path: Path) -> None:
    letters = write_letters(tmp_path / "letters", classes=3, files=3)
    (letters / "c1" / "0.png").unlink()
    learner = tokay.adapt(run, letters)
    assert learner.classes_.tolist() == ["c0", "c1", "c2"]
    assert learner.support.y.sum(0).tolist() == [3, 2, 3]
    assert learner.inductive
    assert not tokay.adapt(run, letters, inductive=False).inductive


def test_a_saved_learner_reads_files(run: Path, tmp_path: Path) -> None:
    letters = write_letters(tmp_path / "letters", classes=3, files=2)
    learner = tokay.adapt(run, letters, invert="yes")
    tokay.save(learner, learner.net, tmp_path / "x.learner")
    loaded = tokay.load(tmp_path / "x.learner")
    assert loaded.reader == learner.reader
    np.testing.assert_array_equal(
        tokay.answer(loaded, letters / "c0").probabilities, tokay.answer(learner, letters / "c0").probabilities
    )


def test_what_does_not_fit(run: Path, tmp_path: Path) -> None:
    two = write_letters(tmp_path / "two", classes=2, files=1)
    message = (
        r"anil was trained for 3 ways, .*two has 2 classes\. Give 3, train it with --ways 2, or use a run of protonet"
    )
    with pytest.raises(ConfigError, match=message):
        tokay.adapt(run, two)
    with pytest.raises(DataError, match="is no run folder"):
        tokay.adapt(tmp_path, two)
