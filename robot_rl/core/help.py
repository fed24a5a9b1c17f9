"""Help of settings: docstrings of their fields as tyro wraps them."""

import dataclasses
import typing
from collections.abc import Sequence
from types import MappingProxyType

import docstring_parser


def join_lines_of_help(target: object, words: Sequence[str]) -> None:
    """Give the fields of a dataclass help on one line, which tyro then wraps, where the words of a command ask for it.

    The lines of a field's docstring are indented; tyro would keep each as a line of its own.
    """
    if not isinstance(target, type) or not dataclasses.is_dataclass(target) or not {"-h", "--help"} & set(words):
        return
    for base in filter(dataclasses.is_dataclass, target.__mro__):
        texts = {entry.arg_name: entry.description for entry in docstring_parser.parse_from_object(base).params}
        for entry in dataclasses.fields(base):
            if text := texts.get(entry.name):
                entry.metadata = MappingProxyType(dict(entry.metadata) | {"help": " ".join(text.split())})
    for inner in typing.get_type_hints(target).values():
        join_lines_of_help(inner, words)
