"""The reader of a run: how its files became inputs, for new files. And readers as JSON, for saved learners."""

from pathlib import Path
from typing import Any, Literal

from ..core.task import TaskSpec
from ..errors import ConfigError, DataError
from ..runs.run import Run
from ..runs.typed_json import read_dataclass
from ..tasks.images import Images
from ..tasks.pretrained import load_backbone
from ..tasks.sentence_encoder import find_model, fingerprint
from ..tasks.table import Table
from ..tasks.text import Text
from .file_rows import Reader
from .picture_reader import PictureReader
from .table_reader import TableReader
from .text_reader import TextReader

Invert = Literal["auto", "yes", "no"]


def reader_of(run: Run, spec: TaskSpec, *, invert: Invert = "auto", where: str) -> Reader:
    """How new files become inputs of the network of ``run``, whose inputs are like ``spec``.

    ``invert`` is for pictures: swap light and dark ("yes"), leave them ("no"), or do as the run does ("auto").

    Raises ``ConfigError`` for a run on other data than pictures, tables and texts, and for ``invert`` without pictures.
    Raises ``DataError`` if the table of the run is gone: the figures of its columns are fitted on its training rows.
    """
    is_pictures = not isinstance(run.source, Table | Text)
    if not is_pictures and invert != "auto":
        raise ConfigError(f"{where}: invert is for pictures, {run.source.name} has none. Leave it out.")
    if isinstance(run.source, Table):
        return _table_reader(run.source, spec, where)
    if isinstance(run.source, Text):
        return _text_reader(run.source)
    if isinstance(run.source, Images) and run.source.backbone is not None:
        return _backbone_reader(run.source, run.source.backbone, invert)
    if spec.kind != "classification":
        kind = "has sequences" if spec.kind == "sequence" else "is regression"
        instead = "the adapt and predict of its algorithm" if spec.kind == "sequence" else "tokay.load(run).fit(x, y)"
        raise ConfigError(f"{where} must be a run on classes, {run.source.name} {kind}. Use {instead} in Python.")
    if len(spec.x_shape) != 3 or spec.x_shape[0] not in (1, 3) or spec.x_shape[1] != spec.x_shape[2]:
        raise ConfigError(
            f"{where} must be a run on square pictures, its inputs have shape {spec.x_shape}. "
            "Use tokay.load(run).fit(x, y) in Python."
        )
    return PictureReader(
        size=spec.x_shape[1],
        channels="grey" if spec.x_shape[0] == 1 else "rgb",
        invert=invert == "yes" or (invert == "auto" and run.source.is_inverted),
        inverts_paper=invert == "auto" and run.source.bright_ink,
    )


def _backbone_reader(source: Images, backbone: str, invert: Invert) -> PictureReader:
    network = load_backbone(backbone, None if source.weights is None else Path(source.weights))
    return PictureReader(
        size=network.size,
        channels="rgb",
        invert=invert == "yes" or (invert == "auto" and source.is_inverted),
        backbone=backbone,
        weights=source.weights,
        key=network.key,
    )


def decode_reader(data: Any, where: str) -> Reader | None:
    """The reader that ``as_json`` of a reader describes; None for None. Raises ``DataError`` for anything else."""
    if data is None:
        return None
    settings = {key: value for key, value in data.items() if key != "kind"}
    if data["kind"] == TableReader.kind:
        return TableReader.from_json(data, where)
    kinds: dict[str, type[PictureReader | TextReader]] = {"pictures": PictureReader, "text": TextReader}
    if data["kind"] not in kinds:
        raise DataError(
            f"{where}: reads files of the kind {data['kind']!r}, which is not known here. Upgrade: pip install --upgrade "
            "tokay."
        )
    return read_dataclass(kinds[data["kind"]], settings, "reader", where)


def _table_reader(source: Table, spec: TaskSpec, where: str) -> TableReader:
    contents = source.contents()
    if len(contents.encoding.inputs) != spec.x_shape[0]:
        raise DataError(
            f"{where}: was trained on {spec.x_shape[0]} inputs, the table {source.file} now gives "
            f"{len(contents.encoding.inputs)}: it has changed. Put the old table back, or train again."
        )
    mean, std = contents.scale or (0.0, 1.0)
    return TableReader(
        columns=contents.encoding.columns, target=source.target, task_kind=contents.kind, mean=mean, std=std
    )


def _text_reader(source: Text) -> TextReader:
    ngrams, length = source.hash_form()
    is_hashed = source.encoder == "hashed"
    return TextReader(
        text=source.text,
        label=source.label,
        encoder=source.encoder,
        ngrams=ngrams,
        length=length,
        model=source.model,
        model_hash=None if is_hashed else fingerprint(find_model(source.model)),
    )
