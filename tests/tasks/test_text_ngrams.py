import subprocess
import sys

import torch

from tokay.tasks.text_ngrams import hash_ngrams


def numbers(text: str, sizes: tuple[int, int] = (3, 4), length: int = 64) -> list[int]:
    row = hash_ngrams([text], sizes, length)[0]
    return row[row > 0].tolist()


def test_words_and_their_pieces() -> None:
    """<pay> has <pa, pay, ay> and <pay, pay>, and the word itself."""
    assert len(numbers("pay")) == 1 + 3 + 2
    assert len(numbers("to")) == 1 + 2  # <to, to>; the four letters of <to> are the word itself
    assert len(numbers("pay to")) == 6 + 3
    assert len(numbers("pay, to")) == 6 + 3 + 1  # a mark is a word


def test_a_shape_that_no_text_changes() -> None:
    table = hash_ngrams(["", "pay my bill " * 50], (3, 4), 20)
    assert table.shape == (2, 20)
    assert table.dtype == torch.int32
    assert not table[0].any()
    assert (table[1] > 0).all()


def test_what_does_not_fit_goes_last() -> None:
    assert numbers("pay my bill", length=3) == [
        number for word in ("pay", "my", "bill") for number in numbers(word, length=1)
    ]
    full, short = numbers("pay my bill"), numbers("pay my bill", length=10)
    assert full[:10] == short


def test_case_and_form_do_not_matter() -> None:
    assert numbers("Straße ﬁx") == numbers("STRASSE fix")
    assert numbers("café") == numbers("cafe\u0301")


def test_like_words_share_pieces() -> None:
    assert len(set(numbers("transfer")) & set(numbers("transfers"))) >= 8
    assert not set(numbers("transfer")) & set(numbers("guitar"))


def test_hashes_are_the_same_everywhere() -> None:
    """Python's own hash differs from process to process. The values are part of the format of a run."""
    assert numbers("pay")[:2] == EXPECTED
    code = "from tokay.tasks.text_ngrams import hash_ngrams; print(hash_ngrams(['pay my bill'], (3, 4), 9).tolist())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str(hash_ngrams(["pay my bill"], (3, 4), 9).tolist())


EXPECTED = [1731556105, 1471436220]
