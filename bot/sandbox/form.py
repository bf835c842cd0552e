"""A request's body under examination: reads fields and notes what Discord would refuse."""

from __future__ import annotations

from bot.sandbox.errors import FormErrors
from bot.sandbox.wire import Json, JsonObject, as_id, as_list, as_object


class Form:
    """One object of a request body, with its place in it and the faults found so far."""

    __slots__ = ("data", "errors", "path")

    def __init__(
        self, data: JsonObject, errors: FormErrors | None = None, path: tuple[str, ...] = ()
    ) -> None:
        self.data = data
        self.errors = FormErrors() if errors is None else errors
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def has(self, key: str) -> bool:
        """Whether the field is there and is not null."""
        return self.data.get(key) is not None

    def fail(self, key: str, code: str, message: str) -> None:
        """Note a fault in the field `key`, or in the whole object where it is empty."""
        self.errors.add((*self.path, *((key,) if key else ())), code, message)

    def text(
        self, key: str, *, low: int = 0, high: int | None = None, required: bool = False
    ) -> str | None:
        """Read a string of `low` to `high` characters; None where absent or null."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.fail(key, "BASE_TYPE_REQUIRED", "This field is required")
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self.fail(key, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
            return None
        if high is not None and len(value) > high:
            low_text = f"between {low} and {high}" if low else f"{high} or fewer"
            code = "BASE_TYPE_BAD_LENGTH" if low else "BASE_TYPE_MAX_LENGTH"
            self.fail(key, code, f"Must be {low_text} in length.")
        elif len(value) < low:
            if required and not value:
                self.fail(key, "BASE_TYPE_REQUIRED", "This field is required")
            else:
                self.fail(key, "BASE_TYPE_MIN_LENGTH", f"Must be {low} or more in length.")
        return value

    def integer(
        self, key: str, *, low: int | None = None, high: int | None = None, required: bool = False
    ) -> int | None:
        """Read an integer, also from a string of digits; None where absent or null."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.fail(key, "BASE_TYPE_REQUIRED", "This field is required")
            return None
        try:
            number = int(value) if isinstance(value, int | str) else None
        except ValueError:
            number = None
        if number is None or isinstance(value, bool):
            self.fail(key, "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
            return None
        if low is not None and number < low:
            self.fail(
                key, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}."
            )
        if high is not None and number > high:
            self.fail(key, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.")
        return number

    def one_of(self, key: str, allowed: frozenset[int], *, required: bool = False) -> int | None:
        """Read an integer that must be one of `allowed`."""
        number = self.integer(key, required=required)
        if number is not None and number not in allowed:
            choices = ", ".join(str(item) for item in sorted(allowed))
            self.fail(key, "BASE_TYPE_CHOICES", f"Value must be one of ({choices}).")
            return None
        return number

    def flag(self, key: str) -> bool:
        """Read a boolean; False where absent or null."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            self.fail(key, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
        return value is True

    def snowflake(self, key: str, *, required: bool = False) -> str | None:
        """Read an id, as string or integer; None where absent or null."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.fail(key, "BASE_TYPE_REQUIRED", "This field is required")
            return None
        found = as_id(value)
        if found is None:
            self.fail(key, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
        return found

    def child(self, key: str) -> Form | None:
        """Read an object; None where absent or null."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            return None
        return Form(as_object(value), self.errors, (*self.path, key))

    def children(
        self, key: str, *, low: int = 0, high: int | None = None, required: bool = False
    ) -> list[Form]:
        """Read an array of objects of that many; empty where absent or null."""
        value = self.data.get(key)
        if value is None:
            if required:
                self.fail(key, "BASE_TYPE_REQUIRED", "This field is required")
            return []
        if not isinstance(value, list):
            self.fail(key, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        self._check_count(key, value, low, high)
        found: list[Form] = []
        for index, item in enumerate(as_list(value)):
            if isinstance(item, dict):
                found.append(Form(as_object(item), self.errors, (*self.path, key, str(index))))
            else:
                self.errors.add(
                    (*self.path, key, str(index)),
                    "MODEL_TYPE_CONVERT",
                    "Only dictionaries may be used in a ModelType",
                )
        return found

    def _check_count(self, key: str, value: list[Json], low: int, high: int | None) -> None:
        if len(value) < low or (high is not None and len(value) > high):
            if high is None:
                message = f"Must be {low} or more in length."
            else:
                message = f"Must be between {low} and {high} in length."
            self.fail(key, "BASE_TYPE_BAD_LENGTH", message)
