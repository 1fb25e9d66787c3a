"""Names as they are searched: without accents, letter case and doubled spaces."""

import unicodedata


def search_key(name: str) -> str:
    """`"Ångström  De"` as `"angstrom de"`, at most 200 characters."""
    # Twice, for what is decomposed may only then have a lower case: 𝒜 becomes A (Unicode 3.13, D146).
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name.casefold()).casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())[:200]


def prefix_pattern(text: str) -> str:
    """A LIKE pattern, with `\\` as its escape, for what begins with `text`."""
    escaped = search_key(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"
