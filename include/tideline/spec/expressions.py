"""Checks a SQL expression of a spec without running it: one pure expression over known columns, and its type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tideline.spec.duckdb_trial import CONSTANT_ARGUMENTS, Refused, connection, functions, type_of
from tideline.spec.problems import did_you_mean

_PREFIX: Final = "select "
_WRAPPED: Final = "select ("
_REFUSED_CLASSES: Final = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "STAR": "a star",
    "PARAMETER": "a parameter",
    "DEFAULT": "a default",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with an expression, and which stretch of it: `offset` and `length` count characters."""

    message: str
    offset: int
    length: int
    hint: str = ""


def check_expression(sql: str, columns: Mapping[str, str]) -> str | list[Fault]:
    """The DuckDB type of `sql` over columns given with their types, or its faults."""
    tree = _parse(sql, _PREFIX)
    if isinstance(tree, Fault):
        return [tree]
    closed = _parse(sql, _WRAPPED)  # as the engine writes it: a comment would swallow the bracket
    if isinstance(closed, Fault):
        at = sql.find("--")
        return [closed if at < 0 else Fault("a comment of SQL has no place here", at, 2, "write it in YAML, after a #")]
    if not _is_one_expression(tree):
        return [Fault("this is more than one expression", 0, len(sql), "write one expression, without SELECT or ';'")]
    scope, parts = _Scope(sql, frozenset(columns)), tree["statements"][0]["node"]["select_list"]
    faults = list(_walk(parts, scope)) or list(_truth_faults(parts, scope, columns))
    if faults:
        return faults
    try:
        return type_of(sql, columns)
    except Refused as refused:
        at = sql.lower().find(refused.word.lower())
        return [Fault(refused.message, max(at, 0), len(refused.word) or len(sql), refused.hint)]


@dataclass(frozen=True)
class _Scope:
    sql: str
    names: frozenset[str]

    def fault(self, node: Mapping[str, Any], message: str, hint: str = "") -> Fault:
        """DuckDB counts bytes from the start of the statement."""
        raw = self.sql.encode()
        start = node["query_location"] - len(_PREFIX)
        if not 0 <= start <= len(raw):
            return Fault(message, 0, len(self.sql), hint)
        length = node["query_location_length"]
        if node["class"] == "FUNCTION" and raw[start:].lower().startswith(node["function_name"].lower().encode()):
            length = len(node["function_name"])  # an operator has a place, and no length
        inside = raw[start : start + length]
        return Fault(message, len(raw[:start].decode(errors="ignore")), len(inside.decode(errors="ignore")), hint)


def _parse(sql: str, prefix: str) -> dict[str, Any] | Fault:
    statement = f"{prefix}{sql}{')' if prefix == _WRAPPED else ''}"
    rows = connection().execute("select json_serialize_sql(?)", [statement]).fetchall()
    tree: dict[str, Any] = json.loads(rows[0][0])
    if not tree.get("error"):
        return tree
    at = min(max(0, int(tree.get("position") or 0) - len(prefix)), len(sql))
    word = re.match(r"\w+|.?", sql[at:])
    message = str(tree.get("error_message", "this is not SQL")).splitlines()[0]
    if "Only SELECT" in message:
        return Fault("this is more than one expression", 0, len(sql), "write one expression, without ';'")
    at = at if word and word[0].strip() else max(0, len(sql.rstrip()) - 1)
    return Fault(message, at, max(1, len(word[0])) if word else 1)


def _is_one_expression(tree: Mapping[str, Any]) -> bool:
    if len(tree["statements"]) != 1:
        return False
    node = tree["statements"][0]["node"]
    clauses = ("where_clause", "having", "sample", "qualify", "modifiers", "group_expressions")
    return (
        node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and not node["select_list"][0]["alias"]
        and node["from_table"]["type"] == "EMPTY"
        and not any(node[clause] for clause in clauses)
    )


def _walk(node: Any, scope: _Scope) -> Iterator[Fault]:
    """The faults of a syntax tree's node and of all below it."""
    if isinstance(node, list):
        for part in node:
            yield from _walk(part, scope)
    if not isinstance(node, dict):
        return
    match node.get("class"):
        case "COLUMN_REF":
            yield from _column_faults(node, scope)
        case "LAMBDA":
            names = {name for ref in _column_refs(node["lhs"]) for name in ref["column_names"]}
            yield from _walk(node["expr"], _Scope(scope.sql, scope.names | names))
        case kind if kind in _REFUSED_CLASSES:
            yield scope.fault(node, f"{_REFUSED_CLASSES[kind]} has no place in an expression")
        case kind:
            if kind == "FUNCTION":
                yield from _function_faults(node, scope)
            yield from _walk(list(node.values()), scope)


def _truth_faults(node: Any, scope: _Scope, columns: Mapping[str, str]) -> Iterator[Fault]:
    """What DuckDB takes without a word, and nobody means: a number as a truth, and a comparison with null."""
    if isinstance(node, list):
        for part in node:
            yield from _truth_faults(part, scope, columns)
    if not isinstance(node, dict) or node.get("class") == "LAMBDA":  # its parameters have no types here
        return
    for truth in _truths(node):
        kind = _type_or_none(truth, columns)
        if kind not in (None, "BOOLEAN", '"NULL"'):
            hint = "compare it with something: `a = 1 or 2` is `a in (1, 2)`"
            yield scope.fault(truth, f"and, or, not and when take what is true or false, this is {kind}", hint)
    if node.get("type") in _NEVER_TRUE_OF_NULL and any(map(_is_null, (node["left"], node["right"]))):
        yield scope.fault(node, "nothing compares with null: this is never true", "write IS NULL or IS NOT NULL")
    yield from _truth_faults(list(node.values()), scope, columns)


_NEVER_TRUE_OF_NULL: Final = frozenset(
    f"COMPARE_{kind}"
    for kind in ("EQUAL", "NOTEQUAL", "LESSTHAN", "GREATERTHAN", "LESSTHANOREQUALTO", "GREATERTHANOREQUALTO")
)


def _truths(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a node that must be true or false, and may be something else."""
    parts: list[dict[str, Any]] = []
    if node.get("class") == "CONJUNCTION" or node.get("type") == "OPERATOR_NOT":
        parts = node["children"]
    elif node.get("class") == "CASE":
        parts = [check["when_expr"] for check in node["case_checks"]]
    return [part for part in parts if part["class"] not in ("COMPARISON", "CONJUNCTION", "BETWEEN")]


def _is_null(node: Mapping[str, Any]) -> bool:
    return node.get("class") == "CONSTANT" and dict(node.get("literal", {})).get("kind") == "NULL_LITERAL"


def _type_or_none(node: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    """The type of a part of an expression; None where it has none: the check of the whole says why."""
    tree = _parse("null", _PREFIX)
    assert not isinstance(tree, Fault)
    tree["statements"][0]["node"]["select_list"] = [node]
    (statement,) = connection().execute("select json_deserialize_sql(?::json)", [json.dumps(tree)]).fetchall()[0]
    try:
        return type_of(str(statement).removeprefix("SELECT "), columns)
    except Refused:
        return None


def _column_refs(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict) and node.get("class") == "COLUMN_REF":
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from _column_refs(part)


def _column_faults(node: Mapping[str, Any], scope: _Scope) -> Iterator[Fault]:
    name = ".".join(node["column_names"])
    if name.lower() not in scope.names:
        yield scope.fault(node, f"there is no column '{name}'", did_you_mean(name, scope.names, "columns are"))


def _function_faults(node: Mapping[str, Any], scope: _Scope) -> Iterator[Fault]:
    name = str(node["function_name"]).lower()
    kinds = functions().get(name)
    if kinds is None:
        hint = did_you_mean(name, [known for known, of in functions().items() if "pure" in of])
        yield scope.fault(node, f"there is no function '{name}'", hint if "mean" in hint else "")
    elif "pure" not in kinds:
        name = "count" if name == "count_star" else name
        yield scope.fault(node, f"function '{name}' is not allowed: {_WHY[min(kinds)]}", _INSTEAD.get(min(kinds), ""))
    elif not _is_constant(node["arguments"], CONSTANT_ARGUMENTS.get(name)):
        place = ("first", "second")[CONSTANT_ARGUMENTS[name]]
        yield scope.fault(node, f"the {place} argument of '{name}' must be a constant", _WHY["uncatchable"])


def _is_constant(arguments: list[Any], index: int | None) -> bool:
    return index is None or index >= len(arguments) or arguments[index]["expression"]["class"] == "CONSTANT"


_WHY: Final = {
    "boundless": "the size of its result is boundless",
    "uncatchable": "some events would stop the stream",
    "aggregate": "an expression is about one row, use a measure to aggregate",
    "impure": "it reads or changes something other than its arguments",
    "table": "it reads or changes something other than its arguments",
}
_INSTEAD: Final = {"uncatchable": "use contains, starts_with, ends_with or regexp_matches"}
