"""A doctor's hours as an iCalendar document (RFC 7953), written and read; pure.

| here | there |
|---|---|
| weekly hours | `AVAILABLE` with `RRULE:FREQ=WEEKLY`, all of them in one `VAVAILABILITY` without a priority |
| hours on a single day | `AVAILABLE` without `RRULE` |
| a closed day | a `VAVAILABILITY` of priority 1 around the time, with nothing available in it |
| breaks | `VEVENT` of the category `BREAK`: busy events are applied last |

A location is told by its name as `LOCATION` and its id as `X-APPOINTED-LOCATION`, and wall time is that of its zone.
What iCalendar cannot say stands beside it: `X-APPOINTED-VISIT-TYPE` (one for each id), `X-APPOINTED-RELEASE-MINUTES`,
and `X-APPOINTED-VALID` with both ends of the validity, `..` for none, as days. `DTSTART` and `UNTIL` are the first and
the last day in it on which there are such hours, and count if the two do not agree. Hours that have always held start
in the first full week of 1970. Hours that never are within their validity are left out, as are leave, blocks and public
holidays.
"""

from .placing import Place, placed
from .reading import CalendarTooLarge, Said, read
from .writing import Written, write

__all__ = ["CalendarTooLarge", "Place", "Said", "Written", "placed", "read", "write"]
