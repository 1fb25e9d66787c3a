"""Passwords that are guessed first. Told by rules of our own and a small list, not by a list of leaked ones.

A password is taken for the cheapest row of pieces that makes it up: words that people like, runs along the keyboard or
the alphabet, repetitions, digits, years, and single characters. Each costs about the bits that a guesser needs for it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from math import log2

FEWEST_BITS = 27.0
# Of what is longer than this nothing is asked but its length.
MOST_CHARACTERS = 19
_OWN_BITS, _WORD_BITS, _RUN_BITS, _YEAR_BITS, _DIGIT_BITS, _LETTER_BITS, _OTHER_BITS = 1.0, 8.0, 5.0, 6.5, 3.3, 4.7, 6.5
_SHORTEST = 3
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm",
    "azertyuiop", "qsdfghjklm", "wxcvbn", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp", "147258369", "159753", "741852963", "789456123", "!@#$%^&*()", "zaqxswcdevfrbgt",
    "zaq1xsw2cde3vfr4bgt5", "q1w2e3r4t5y6u7i8o9p0", "a1s2d3f4g5h6j7k8l9", "a1b2c3d4e5f6g7h8i9", "1a2b3c4d5e6f7g8h9i",
)  # fmt: skip
_LEET = str.maketrans("0134578@$!|€", "oieastbasile")
_YEAR = re.compile(r"(?:19[0-9]|20[0-4])[0-9]")
WORDS = frozenset(files(__package__).joinpath("words.txt").read_text("utf-8").split())


def is_easy(password: str, own: Iterable[str] = ()) -> bool:
    """Whether it is among the first that are tried; `own` are names and addresses that belong to whom it protects."""
    text = unicodedata.normalize("NFKC", password).casefold()
    if len(text) > MOST_CHARACTERS:
        return False
    mine = frozenset(word for name in own for word in _words_in(name) if len(word) >= _SHORTEST)
    return bits_of(text, mine) < FEWEST_BITS


def bits_of(text: str, own: frozenset[str] = frozenset()) -> float:
    """About how many bits a guesser needs for the text."""
    cheapest = [0.0]
    for end in range(1, len(text) + 1):
        cheapest.append(min(cheapest[start] + _piece(text[start:end], own) for start in range(end)))
    return cheapest[-1]


def _piece(piece: str, own: frozenset[str]) -> float:
    """What the piece costs as a whole; endlessly much if it is none."""
    return min(_costs(piece, own), default=float("inf"))


def _costs(piece: str, own: frozenset[str]) -> Iterator[float]:
    if len(piece) == 1:
        yield _character(piece)
        return
    if len(set(piece)) == 1:
        yield _character(piece[0]) + log2(len(piece))
    yield from _repeated(piece, own)
    if len(piece) < _SHORTEST:
        return
    plain = {piece, piece[::-1], piece.translate(_LEET), piece.replace("1", "l").translate(_LEET)}
    if plain & own:
        yield _OWN_BITS
    if plain & WORDS:
        yield _WORD_BITS
    if piece in _all_runs():
        yield _RUN_BITS
    if _YEAR.fullmatch(piece):
        yield _YEAR_BITS


def _repeated(piece: str, own: frozenset[str]) -> Iterator[float]:
    """`abcabc` is little more than `abc`."""
    for size in range(2, len(piece) // 2 + 1):
        if len(piece) % size == 0 and piece[:size] * (len(piece) // size) == piece:
            yield bits_of(piece[:size], own) + log2(len(piece) // size)


def _character(character: str) -> float:
    if character.isdecimal():
        return _DIGIT_BITS
    return _LETTER_BITS if character.isascii() and character.isalpha() else _OTHER_BITS


@lru_cache(maxsize=1)
def _all_runs() -> frozenset[str]:
    """Every piece of three or more of the runs, forwards and backwards."""
    both: Sequence[str] = [*_RUNS, *(run[::-1] for run in _RUNS)]
    return frozenset(
        run[start:end] for run in both for start in range(len(run)) for end in range(start + _SHORTEST, len(run) + 1)
    )


def _words_in(name: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return [*re.findall(r"[^\W_]+", folded), re.sub(r"[\W_]+", "", folded)]
