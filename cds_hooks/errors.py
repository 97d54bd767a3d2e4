"""The error tree: every failure that leaves no answer to give.

    CdsError
    ├── LibraryError      our own files are wrong: refuse to start
    ├── SettingsError     our configuration is wrong: refuse to start
    ├── RequestError      the caller's message is wrong
    ├── AccessError       who asks, or where we would have to look, is not allowed
    ├── DataUnavailable   required data could not be had
    ├── JournalUnavailable  what must be kept could not be written
    │   └── JournalRefused  nor ever will be: the database is there, and takes no such entry
    └── ReplayError       a population run cannot start, or cannot go on

An incomplete chart is not an error: it is a `Gap` (model/results.py) on an answer. HTTP status codes are
assigned in replies.py and nowhere else. A message names the thing, the place and the next step, and
never holds a value, an id or a name from a chart.
"""


class CdsError(Exception):
    """An answer cannot be given, and the message says why in words for the person who can mend it."""


class LibraryError(CdsError):
    """Knowledge that must not be used. Holds every fault found, one line each, not only the first."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class SettingsError(CdsError):
    """A configuration that must not be started. Holds every reason at once."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class RequestError(CdsError):
    """A message that is not a CDS Hooks call. `field` is the path of the member at fault, never its value."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class AccessError(CdsError):
    """A caller or an address that this deployment does not allow."""


class DataUnavailable(CdsError):
    """No essential part of the chart could be read, so silence would look like reassurance."""


class JournalUnavailable(CdsError):
    """An entry could not be kept, so it must not be acknowledged. Sending it again later does no harm."""


class JournalRefused(JournalUnavailable):
    """The database answers, and refuses what it was given. It will refuse it again."""


class ReplayError(CdsError):
    """A run over an export that cannot start or go on. What was finished stays, and the same command goes on."""
