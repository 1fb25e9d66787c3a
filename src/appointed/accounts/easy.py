"""Passwords that are guessed first, as zxcvbn judges them (D. L. Wheeler, USENIX Security 2016): by lists of passwords,
words and names, runs along the keyboard, repetitions, years."""

import re
import unicodedata
from collections.abc import Iterable

from zxcvbn import zxcvbn

from .actor import Role

# Three million tries: at the pace that lock-out and rate limits leave, more than a guesser has.
FEWEST_GUESSES = 10**6.5
# The work grows with the square of the length, and what begins with so much is not among the first.
MOST_CHARACTERS = 40
# What whoever guesses a password of this program's thinks of first. A clinic's name and people's own come with `own`.
CONTEXT = ["appointed", *Role, "appointment", "clinic", "reception", "healthcare", "practice", "surgery", "medical"]
_SHORTEST = 3
_JOINTS = ("", " ", ".", "-", "_")


def is_easy(password: str, own: Iterable[str] = ()) -> bool:
    """Whether it is among the first that are tried; `own` are names and addresses that belong to whom it protects."""
    text = unicodedata.normalize("NFKC", password)[:MOST_CHARACTERS]
    words = [*CONTEXT, *(word for name in own for word in _words_in(name))]
    return bool(text) and guesses_for(text, words) < FEWEST_GUESSES


def guesses_for(text: str, own: list[str]) -> float:
    """About how many guesses find the text, for who knows the words in `own`."""
    return float(zxcvbn(text, user_inputs=own, max_length=MOST_CHARACTERS)["guesses"])


def _words_in(name: str) -> list[str]:
    whole = unicodedata.normalize("NFKC", name)
    words = re.findall(r"[^\W_]+", whole)
    return [word for word in (whole, *words, *(joint.join(words) for joint in _JOINTS)) if len(word) >= _SHORTEST]
