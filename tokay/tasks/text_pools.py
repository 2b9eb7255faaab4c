"""The texts of a file as a pool of examples: hashed, or as vectors of a frozen sentence encoder."""

import functools
import json
from hashlib import blake2b
from pathlib import Path

from .class_pool import ClassPool
from .embedding_cache import embed_once
from .sentence_encoder import encode_batches, fingerprint
from .text_files import LabelledTexts
from .text_ngrams import hash_ngrams

_WHERE = "text"


@functools.lru_cache(maxsize=2)
def hashed_pool(content: LabelledTexts, sizes: tuple[int, int], length: int) -> ClassPool:
    """A pool of hashes, int32 ``[texts, length]`` with ``x_type="integer"``. See `tokay.tasks.text_ngrams.hash_ngrams`.

    The last two pools stay in memory: for example one file for training and one for testing.
    """
    return ClassPool(
        hash_ngrams(content.all_texts(), sizes, length), *content.counts_and_names(), "integer", content.hashes()
    )


@functools.lru_cache(maxsize=2)
def embedded_pool(content: LabelledTexts, file: Path, model: Path, cache: Path) -> ClassPool:
    """A pool of vectors, float32 ``[texts, features]``, of the encoder in the folder ``model``.

    They are stored in the folder ``cache``, for each file of texts and encoder. See `tokay.tasks.embedding_cache`.
    """
    identity = blake2b(json.dumps([str(file), str(model)]).encode(), digest_size=6).hexdigest()
    name = file.stem[:40].encode("ascii", "replace").decode().replace("?", "_")
    vectors = embed_once(
        cache / f"text-{name}-{identity}.safetensors",
        fingerprint(model),
        content.all_texts(),
        functools.partial(encode_batches, model),
        where=_WHERE,
    )
    return ClassPool(vectors, *content.counts_and_names(), "float", content.hashes())
