"""Public holidays by country and region, as the library `holidays` knows them."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from types import MappingProxyType

import holidays

from appointed.core.errors import Invalid

ENGLISH = ("en_US", "en_GB")


@lru_cache(maxsize=2048)
def public_holidays(country: str | None, region: str | None, year: int) -> Mapping[date, str]:
    """Names of a year's public holidays by day, in English where the library offers it; none without a country.

    Where a holiday that falls on a weekend is kept on another day, both days are there.
    """
    if country is None:
        return MappingProxyType({})
    found = holidays.country_holidays(country, subdiv=region, years=year, observed=True, language=_language_of(country))
    # A holiday of the year before or after may be kept in this one: the library says so of the year that is asked for.
    return MappingProxyType({day: name for day, name in sorted(found.items()) if day.year == year})


def check_calendar(country: str | None, region: str | None) -> None:
    """`Invalid`, with what there is to choose from, unless the library knows the country and the region in it."""
    if country is None:
        if region is not None:
            raise Invalid.field("region", "Say in which country the region lies.", "unknown")
        return
    known = _countries()
    if country not in known:
        raise Invalid.field("country", f"There is no such country. There are {', '.join(known)}.", "unknown")
    if region is not None and region not in known[country]:
        there = f"There are {', '.join(known[country])}." if known[country] else "The country has none."
        raise Invalid.field("region", f"There is no such region in {country}. {there}", "unknown")


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, Sequence[str]]:
    """The regions of each country (ISO 3166-1 alpha-2), by code."""
    return dict(sorted(holidays.list_supported_countries(include_aliases=False).items()))


@lru_cache(maxsize=1)
def _languages() -> Mapping[str, Sequence[str]]:
    return holidays.list_localized_countries(include_aliases=False)


def _language_of(country: str) -> str | None:
    """English, or None where the library has one language only."""
    offered = _languages().get(country, ())
    return next((language for language in ENGLISH if language in offered), None)
