"""Jobs, limits and settings in a database; one transaction per method."""

from generation.store.copying import contents, copy_database
from generation.store.jobs import Jobs
from generation.store.settings import JsonValue, Settings
from generation.store.store import Forgotten, Store
from generation.store.values import (
    CANCELLED,
    Admission,
    Ended,
    Interrupted,
    Line,
    Sample,
    Started,
)

__all__ = [
    "CANCELLED",
    "Admission",
    "Ended",
    "Forgotten",
    "Interrupted",
    "Jobs",
    "JsonValue",
    "Line",
    "Sample",
    "Settings",
    "Started",
    "Store",
    "contents",
    "copy_database",
]
