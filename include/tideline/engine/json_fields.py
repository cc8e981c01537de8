"""Fields of JSON objects in SQL, by their paths: what kind of value each holds, and the value itself.

A path is the names of the objects around a field and its own, each as it is: any text but an empty one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from tideline.spec.parts import COLUMN

Path = tuple[str, ...]
Tree = dict[str, "str | Tree"]
"""A structure as `json_transform` takes it: DuckDB's type of each field, in objects as deep as the fields are."""

DECIMAL: Final = "DECIMAL(38,24)"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def kinds(paths: Mapping[str, Path]) -> tuple[str, dict[str, str]]:
    """The list that `json_type` is given, and what a column's kind is by the `_kinds` that it yields.

    The first kind is that of the object itself. A field inside anything but an object has the kind of a list, which no
    column takes: by its own kind it would be missing.
    """
    around = [path[:size] for path in paths.values() for size in range(1, len(path))]
    places = {path: f"_kinds[{at}]" for at, path in enumerate(dict.fromkeys([*paths.values(), *around]), 2)}
    asked = ", ".join(["'$'", *(literal(_pointer(path)) for path in places)])
    return f"[{asked}]", {column: _kind(path, places) for column, path in paths.items()}


def _kind(path: Path, places: Mapping[Path, str]) -> str:
    kind = f"coalesce({places[path]}, 'NULL')"
    around = [f"{places[path[:size]]} not in ('OBJECT', 'NULL')" for size in range(1, len(path))]
    return f"case when {' or '.join(around)} then 'ARRAY' else {kind} end" if around else kind


def _pointer(path: Path) -> str:
    """A path as DuckDB reads it: as a JSON Pointer (RFC 6901) where it is more than a column's name, since of its
    forms that alone takes quotes, stars and all other characters for themselves."""
    if len(path) == 1 and re.fullmatch(COLUMN, path[0]):
        return f"$.{path[0]}"
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def values(paths: Mapping[str, Path], read_as: Mapping[str, str]) -> tuple[list[Tree], dict[str, str]]:
    """The structures into which objects are transformed, and the SQL of a column's value in them, `_x`, `_x1`, ...

    Of `read_as` each column is read as its type. There is one structure, unless two columns are in each other's way.
    """
    trees: list[Tree] = []
    found: dict[str, str] = {}
    for column, kind in read_as.items():
        first, *rest = paths[column]
        at, tree = _room(trees, paths[column], kind)
        trees[at : at + 1] = [tree]
        outermost = first.replace('"', '""')
        found[column] = f'_x{at or ""}."{outermost}"' + "".join(f"[{literal(name)}]" for name in rest)
    return trees, found


def _room(trees: Iterable[Tree], path: Path, kind: str) -> tuple[int, Tree]:
    """The first tree that a field can be added to, with the field, and its place; one more where there is none."""
    grown = ((at, _with_field(tree, path, kind)) for at, tree in enumerate([*trees, {}]))
    return next((at, tree) for at, tree in grown if tree is not None)


def _with_field(tree: Tree, path: Path, kind: str) -> Tree | None:
    """The tree and one more field; None where it has another type there, or a name that differs in case alone, which
    is the same name to DuckDB."""
    name, below = path[0], path[1:]
    if any(other != name and other.casefold() == name.casefold() for other in tree):
        return None
    there = tree.get(name)
    if not below:
        return {**tree, name: kind} if there in (None, kind) else None
    inner = None if isinstance(there, str) else _with_field(there or {}, below, kind)
    return None if inner is None else {**tree, name: inner}


def transforms(trees: Iterable[Tree]) -> str:
    """The transformations of `_doc`, each under the name by which `values` speaks of it."""
    return ", ".join(
        f"json_transform(_doc, {literal(json.dumps(tree, ensure_ascii=False))}) as _x{at or ''}"
        for at, tree in enumerate(trees)
    )


def as_written(trees: Iterable[Tree]) -> list[Tree]:
    """The structures with a decimal in each, where there is none under a name longer than any there: without one DuckDB
    reads the numbers of an object as DOUBLE, and a text gets 1.5 for 1.50."""
    return [tree if _has_decimal(tree) else {**tree, "_" * (1 + max(map(len, tree))): DECIMAL} for tree in trees]


def _has_decimal(tree: Tree) -> bool:
    return any(_has_decimal(each) if isinstance(each, dict) else each == DECIMAL for each in tree.values())
