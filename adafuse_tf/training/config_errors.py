"""Pydantic's findings as one readable line per problem."""

import difflib
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, ValidationError

_EXPECTED = {
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "too_long": "must have exactly {max_length} items",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "missing": "is missing",
}


def describe(error: ValidationError, schema: type[BaseModel]) -> list[str]:
    """Returns one line per problem: the key's full path, what is wrong, what was read.

    Args:
        error: what `schema.model_validate*` raised.
        schema: the model that the data was read into.
    """
    return [_line(problem, schema) for problem in error.errors()]


def _line(problem: dict, schema: type[BaseModel]) -> str:
    loc, kind = problem["loc"], problem["type"]
    path = _dotted(loc)
    if kind == "extra_forbidden":
        return f"{path}: {_unknown_key(loc, schema)} Received: {problem['input']!r}"
    if kind == "value_error":  # our own validators name the values themselves
        return f"{path}: {problem['ctx']['error']}"
    context = problem.get("ctx", {})
    expected = _EXPECTED.get(kind, problem["msg"]).format(**context)
    if kind == "missing":  # an item of a fixed-length list
        return f"{path}: {expected}"
    return f"{path}: {expected}. Received: {problem['input']!r}"


def _dotted(loc: tuple) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or "config"


def _unknown_key(loc: tuple, schema: type[BaseModel]) -> str:
    *parents, key = (str(part) for part in loc)
    siblings = list(_child(schema, parents).model_fields)
    known = f"Known keys here: {', '.join(siblings)}."
    close = difflib.get_close_matches(key, siblings, n=1)
    guesses = [".".join([*parents, *close])] if close else []
    # A right key in the wrong place, such as `epochs` for `trainer.epochs`.
    guesses = guesses or [p for p in _paths(schema) if p.split(".")[-1] == key]
    hint = f" Did you mean {' or '.join(guesses)}?" if guesses else ""
    return f"unknown key.{hint} {known}"


def _child(schema: type[BaseModel], path: list[str]) -> type[BaseModel]:
    for key in path:
        schema = next(iter(_schemas(schema.model_fields[key].annotation)))
    return schema


def _schemas(annotation) -> Iterator[type[BaseModel]]:
    """The model in `Model` and in `Model | None`."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind


def _paths(schema: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in schema.model_fields.items():
        yield prefix + name
        for kind in _schemas(field.annotation):
            yield from _paths(kind, f"{prefix}{name}.")
