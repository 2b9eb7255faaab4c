import pytest

from tokay.errors import ConfigError, DataError
from tokay.tasks.class_division import SPLITS, Shares, keep_division

NAMES = [f"c{number}" for number in range(10)]


def test_classes_are_divided_by_fractions() -> None:
    parts = Shares(where="here").divide(NAMES, None, "labels")
    assert [len(parts[split]) for split in SPLITS] == [6, 2, 2]
    assert sorted(name for part in parts.values() for name in part) == NAMES
    assert Shares(where="here", seed=1).divide(NAMES, None, "labels") != parts
    assert Shares(where="here").divide(NAMES[::-1], None, "labels") == parts


def test_whole_groups_are_divided() -> None:
    groups = {name: "first" if name[1] in "0123" else f"group of {name}" for name in NAMES}
    for seed in range(5):
        parts = Shares(where="here", seed=seed).divide(NAMES, groups, "domains")
        assert sorted(name for part in parts.values() for name in part) == NAMES
        homes = [{groups[name] for name in parts[split]} for split in SPLITS]
        assert not homes[0] & homes[1] | homes[0] & homes[2] | homes[1] & homes[2]
        assert [len(home) for home in homes] == [5, 1, 1]


def test_all_for_test_and_none_for_validation() -> None:
    assert Shares(where="here", test=1).divide(NAMES, None, "labels") == {"train": [], "validation": [], "test": NAMES}
    parts = Shares(where="here", validation=0, test=0).divide(NAMES, None, "labels")
    assert sorted(parts["train"]) == NAMES
    assert Shares(where="here").fractions() == (0.16, 0.2)


def test_the_flags_that_are_set() -> None:
    assert Shares(where="here").flags() == []
    assert Shares(where="here", validation=0, test=0.5, seed=0).flags() == ["--validation", "--test", "--split-seed"]


@pytest.mark.parametrize("validation, test", [(-0.1, None), (0.5, 0.5), (None, float("nan")), (0.1, 1)])
def test_fractions_that_leave_nothing(validation: float | None, test: float | None) -> None:
    with pytest.raises(ConfigError, match="here: validation and test must be fractions that leave classes to train on"):
        Shares(where="here", validation=validation, test=test)


def test_too_few_groups() -> None:
    with pytest.raises(DataError) as caught:
        Shares(where="text").divide(NAMES, dict.fromkeys(NAMES, "one"), "domains")
    assert str(caught.value) == (
        "text: there must be more than 1 validation + 1 test domains, got 1. Add domains, or set validation or test to 0."
    )


def test_the_division_of_a_run() -> None:
    division = {"train": ["c3", "gone"], "validation": ["c1"]}
    parts = keep_division(NAMES, division, has_new_classes=False)  # type: ignore[arg-type]
    assert parts == {"train": ["c3"], "validation": ["c1"], "test": []}
    parts = keep_division(NAMES[:5], division, has_new_classes=True)  # type: ignore[arg-type]
    assert parts["test"] == ["c0", "c2", "c4"]
