"""Small files of texts, and a tiny sentence encoder with random weights."""

import json
from pathlib import Path

import pytest
import torch

WORDS = ["pay", "card", "bill", "rain", "snow", "sun", "song", "band", "play", "the", "my", "when", "now"]


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_texts(path: Path, labels: int = 10, texts: int = 6) -> Path:
    """A CSV file: every label has a word of its own."""
    rows = [f"{WORDS[n % 9]}{chr(97 + n)} the {WORDS[m]} {m},label{n}" for n in range(labels) for m in range(texts)]
    return write_lines(path, ["text,label", *rows])


def write_encoder(folder: Path, seed: int = 0, pooling: str = "mean_tokens") -> Path:
    """A BERT of one layer with the vocabulary ``WORDS``, saved as sentence-transformers saves one."""
    transformers = pytest.importorskip("transformers")
    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    modes = {"pooling_mode_mean_tokens": False, f"pooling_mode_{pooling}": True, "word_embedding_dimension": 8}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    return folder
