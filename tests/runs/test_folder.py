"""A new run takes the place of an old one after its first save, and of nothing that is no run."""

from pathlib import Path

import pytest

from tokay import ConfigError, DataError
from tokay.runs.folder import check_place, existing_folder, new_folder
from tokay.runs.lock import FolderLock

from .small_run import create


def names(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An old run, with a figure that a new one does not have."""
    (create(tmp_path / "run") / "training.png").write_text("old")
    return tmp_path / "run"


def test_a_new_folder(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "run", overwrite=False) as folder:
        assert folder.is_published
        assert names(folder.path) == {".lock"}
        folder.publish()
    assert names(tmp_path / "a" / "run") == set()
    assert names(tmp_path / "a") == {"run"}


def test_the_old_run_stays_until_the_new_one_is_published(old: Path) -> None:
    with new_folder(old, overwrite=True) as folder:
        assert not folder.is_published
        create(folder.path)
        assert names(old) == {"run.json", "training.png", ".lock"}
        folder.publish()
        assert (folder.path, folder.name) == (old, old)
        assert names(old) == {"run.json", ".lock"}
        with pytest.raises(ConfigError, match="only one process"):
            FolderLock(old)
    assert names(old) == {"run.json"}
    assert names(old.parent) == {"run"}


@pytest.mark.parametrize("error", [ConfigError, KeyboardInterrupt, MemoryError])
def test_the_old_run_stays_for_good_if_the_new_one_fails(old: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with new_folder(old, overwrite=True) as folder:
            create(folder.path)
            raise error

    with pytest.raises(error):
        fail()
    assert names(old) == {"run.json", "training.png"}
    assert names(old.parent) == {"run"}


def test_a_folder_in_training_is_refused(old: Path) -> None:
    lock = FolderLock(old)
    for place in (new_folder(old, overwrite=True), existing_folder(old)):
        with pytest.raises(ConfigError, match=r"only one process can train in a run folder, and process \d+"), place:
            pass
    lock.release()
    assert names(old) == {"run.json", "training.png"}


def test_a_relative_name(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old.parent)
    with new_folder(Path("run"), overwrite=True) as folder:
        create(folder.path)
        folder.publish()
        assert folder.path == Path("run")
    assert names(old) == {"run.json"}


@pytest.mark.parametrize("place", [".", "..", "../run", "../../"])
@pytest.mark.parametrize("overwrite", [True, False])
def test_the_current_folder_is_never_replaced(
    old: Path, monkeypatch: pytest.MonkeyPatch, place: str, overwrite: bool
) -> None:
    monkeypatch.chdir(old)
    with pytest.raises(ConfigError, match="must not be the current folder or one around it"):
        check_place(Path(place), overwrite=overwrite)
    with pytest.raises(ConfigError, match="must not be the current folder"), new_folder(Path(place), overwrite=True):
        pass
    assert names(old) == {"run.json", "training.png"}


def test_what_exists_needs_overwrite(old: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"already exists\. Add --overwrite \(in Python overwrite=True\) to replace it, or continue it",
    ):
        check_place(old, overwrite=False)


@pytest.mark.parametrize("foreign", ["thesis.tex", "data", ".git", "model.safetensors.bak"])
def test_a_run_with_foreign_files_is_no_run_folder(old: Path, foreign: str) -> None:
    (old / foreign).mkdir()
    with pytest.raises(ConfigError, match=f"this one has {foreign}, which is no file of a run"):
        check_place(old, overwrite=True)


def test_files_without_settings_are_no_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.safetensors").write_text("")
    with pytest.raises(ConfigError, match=r"this one has no run\.json"):
        check_place(tmp_path / "run", overwrite=True)


def test_a_link_and_a_file_are_not_replaced(old: Path) -> None:
    (old.parent / "link").symlink_to(old)
    (old.parent / "dead").symlink_to(old.parent / "nowhere")
    (old.parent / "file").write_text("")
    for name, kind in (("link", "a link"), ("dead", "a link"), ("file", "a file")):
        with pytest.raises(ConfigError, match=f"only a run folder is overwritten, and this is {kind}"):
            check_place(old.parent / name, overwrite=True)


def test_what_a_run_may_hold(old: Path) -> None:
    for name in (".DS_Store", ".model.safetensors.12.tmp", "reproduction.json", "episodes.svg", "metrics.jsonl"):
        (old / name).write_text("")
    (old / "tensorboard").mkdir()
    check_place(old, overwrite=True)


@pytest.mark.parametrize("remains", [(), (".run.json.12.tmp",), (".run.json.12.tmp", ".lock")])
def test_a_folder_that_a_kill_left_before_its_settings(tmp_path: Path, remains: tuple[str, ...]) -> None:
    (tmp_path / "run").mkdir()
    for name in remains:
        (tmp_path / "run" / name).write_text("")
    with new_folder(tmp_path / "run", overwrite=True) as folder:
        create(folder.path)
        folder.publish()
    assert names(tmp_path / "run") == {"run.json"}


def test_a_place_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "run", tmp_path / ("x" * 300)):
        with pytest.raises(DataError, match="the folder cannot be made"), new_folder(place, overwrite=True):
            pass


def test_a_rename_that_fails_keeps_the_old_run(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.rename

    def fail(source: Path, target: Path) -> Path:
        if source.name.endswith("-new"):
            raise OSError(5, "Input/output error")
        return real(source, target)

    def publish() -> None:
        with new_folder(old, overwrite=True) as folder:
            create(folder.path)
            folder.publish()

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(DataError, match=r"cannot be replaced \(Input/output error\); the old run stays"):
        publish()
    assert names(old) == {"run.json", "training.png"}
    assert names(old.parent) == {"run"}


def test_a_kill_between_the_two_renames_is_repaired(old: Path) -> None:
    """Both runs lie under hidden names: the new one, which has saved, takes the place."""
    new = create(old.parent / ".run.tokay-new")
    (new / "model.safetensors").write_text("new")
    old.rename(old.parent / ".run.tokay-old")
    with existing_folder(old) as folder:
        assert names(folder.path) == {"run.json", "model.safetensors", ".lock"}
    assert names(old.parent) == {"run"}


def test_an_old_run_without_a_new_one_comes_back(old: Path) -> None:
    old.rename(old.parent / ".run.tokay-old")
    with existing_folder(old):
        assert "training.png" in names(old)
    assert names(old.parent) == {"run"}


def test_the_swap_of_a_living_process_is_left_alone(old: Path) -> None:
    new = create(old.parent / ".run.tokay-new")
    (new / "model.safetensors").write_text("new")
    old.rename(old.parent / ".run.tokay-old")
    lock = FolderLock(new)
    with pytest.raises(ConfigError, match="run: only one process"), existing_folder(old):
        pass
    lock.release()
    assert names(old.parent) == {".run.tokay-new", ".run.tokay-old"}


def test_what_a_killed_training_left_is_removed(old: Path) -> None:
    create(old.parent / ".run.tokay-new")
    with new_folder(old, overwrite=True) as folder:
        assert names(folder.path) == {".lock"}
    assert names(old.parent) == {"run"}


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    for place, message in (
        (tmp_path, "is no run folder"),
        (Path("/"), "is no run folder"),
        (tmp_path / "none", "none does not exist"),
    ):
        with pytest.raises(DataError, match=message), existing_folder(place):
            pass
    assert names(tmp_path) == set()


@pytest.mark.parametrize("error", [ConfigError, KeyboardInterrupt, MemoryError, DataError])
@pytest.mark.parametrize("is_saved", [True, False])
def test_a_new_folder_without_a_save_goes_if_the_run_fails(
    is_saved: bool, error: type[BaseException], tmp_path: Path
) -> None:
    """If a file could not be written, training can go on in it."""

    def fail() -> None:
        with new_folder(tmp_path / "run", overwrite=False) as folder:
            create(folder.path)
            if is_saved:
                (folder.path / "model.safetensors").touch()
            raise error

    with pytest.raises(error):
        fail()
    assert (tmp_path / "run").exists() == (is_saved or error is DataError)
    assert not list(tmp_path.glob("*/.lock"))


def test_a_run_that_exists_stays_if_it_fails(old: Path) -> None:
    with pytest.raises(MemoryError), existing_folder(old):
        raise MemoryError
    assert names(old) == {"run.json", "training.png"}
