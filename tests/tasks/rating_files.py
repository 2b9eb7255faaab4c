"""Small files of ratings for the tests of the source that reads them."""

import random
from collections.abc import Sequence
from pathlib import Path

Row = tuple[str, str, float, int]


def ratings(users: int = 20, items: int = 24, each: int = 16, seed: int = 0) -> list[Row]:
    """Rows of users u0, u1, ...: each rates ``each`` different items from 1 to 5, at times 0, 1, 2, ..."""
    draw = random.Random(seed)
    rows: list[Row] = []
    for user in range(users):
        taste = draw.choice([-1, 1])
        for time, item in enumerate(draw.sample(range(items), each)):
            rating = 3 + taste * (1 if item % 2 else -1) + draw.choice([0, 1, -1])
            rows.append((f"u{user}", f"i{item}", rating, time))
    return rows


def write_ratings(
    folder: Path, rows: Sequence[Row] | None = None, name: str = "ratings.dat", between: str = "::"
) -> str:
    """Writes rows without a first line of names. Returns the path."""
    rows = ratings() if rows is None else rows
    return write_lines(folder / name, [between.join(map(str, row)) for row in rows])


def write_films(folder: Path, items: int = 24, name: str = "movies.dat") -> str:
    """A film per item, as MovieLens has them: odd ones are comedies, even ones dramas; title and year differ."""
    genres = ("Drama", "Comedy|Short")
    return write_lines(folder / name, [f"i{i}::Film {i} ({1990 + i})::{genres[i % 2]}" for i in range(items)])


def write_people(folder: Path, users: int = 20, name: str = "users.csv") -> str:
    """A CSV with a row for each user."""
    rows = [f"u{number},{'FM'[number % 2]},{20 + number}" for number in range(users)]
    return write_lines(folder / name, ["UserID,gender,age", *rows])


def write_lines(path: Path, lines: Sequence[str]) -> str:
    """Writes lines of text. Returns the path."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)
