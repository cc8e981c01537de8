"""YAML as data that still knows where each key and value stands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tideline.spec.problems import Problem

Path = tuple[str | int, ...]

_COLON: Final = "a key is followed by a colon and a space"
_COMMA: Final = "a comma ends a value here: put quotes around one that holds a comma"
_DEEPER: Final = ("this line begins further right than those that it belongs to", "line them up")
_NOT_OPENED: Final = ("this closes what was not opened", "take it away, or open it")

_SECOND_COLON: Final = "mapping values are not allowed"
_NO_COLON: Final = "could not find expected ':'"
_OPEN_QUOTE: Final = "found unexpected end of stream"
_GLUED: Final = re.compile(r"\s*[\w-]+:[^\s/]")

# Part of what PyYAML says, what we say instead, and the hint.
_PLAINER: Final = (
    ("'\\t'", "a tab cannot stand here", "use spaces"),
    ("cannot start any token", "", "put quotes around a value that begins so"),
    (_OPEN_QUOTE, "a quote is opened here and not closed", "close it"),
    ("but found '<block mapping start>'", *_DEEPER),
    ("but found '<block sequence start>'", *_DEEPER),
    ("<block end>, but found '}'", *_NOT_OPENED),
    ("<block end>, but found ']'", *_NOT_OPENED),
    ("expected <block end>", "this is no part of what stands before it", "put quotes around the whole value"),
    (_NO_COLON, "", _COLON),
    (_SECOND_COLON, "a second colon in one line", "put quotes around a value that holds ': '"),
    ("expected ',' or", "", "put quotes around a value that holds a comma or a bracket, and close what is opened"),
    ("YAML reads", "", "put quotes around it, or write the number that is meant"),
    ("found another document", "a second document begins here", "a file holds one stream"),
)

# The tag of a key that is no text, what it is, and the hint.
_NO_TEXT: Final = {
    "tag:yaml.org,2002:bool": ("true or false to YAML", "put quotes around it, or choose another name"),
    "tag:yaml.org,2002:int": ("a number", "begin a name with a letter"),
    "tag:yaml.org,2002:float": ("a number", "begin a name with a letter"),
    "tag:yaml.org,2002:null": ("nothing to YAML", "choose another name"),
    "tag:yaml.org,2002:timestamp": ("a date", "begin a name with a letter"),
}

_LONGEST_NUMBER: Final = 1_000
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)", re.IGNORECASE)
_PLAIN: Final = {"tag:yaml.org,2002:int": _INTEGER, "tag:yaml.org,2002:float": _FLOAT}
"""The numbers that everybody reads as YAML does: not 010 (8), 12:30 (750) or 1_000."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases: an alias can be endless, and no spec is long enough to need one."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_scalar(self, node: Any) -> Any:
        """Refuses what YAML can write and nothing after it can read."""
        value = super().construct_scalar(node)
        if len(value) > _LONGEST_NUMBER and node.tag != "tag:yaml.org,2002:str":
            raise yaml.constructor.ConstructorError(None, None, "this number has too many digits", node.start_mark)
        if node.tag in _PLAIN and not _PLAIN[node.tag].fullmatch(value):
            raise yaml.constructor.ConstructorError(None, None, _reading(node), node.start_mark)
        if _SURROGATE.search(value):
            raise yaml.constructor.ConstructorError(None, None, "half of a character is no text", node.start_mark)
        return value


def _number(node: yaml.ScalarNode) -> object:
    """What YAML makes of it."""
    return yaml.SafeLoader(node.value).get_single_data()


def _reading(number: yaml.ScalarNode) -> str:
    return f"YAML reads {number.value} as {_number(number)}"


@dataclass(frozen=True)
class Text:
    """A YAML text that could be read: its data, and the nodes they came from."""

    text: str
    root: yaml.Node
    data: Any

    def at_key(self, path: Path, message: str, hint: str = "") -> Problem:
        """A problem with the key that `path` ends in, or with the nearest one above it."""
        key, value = self._find(path)
        return self._problem(key or value, message, hint)

    def at_value(self, path: Path, message: str, hint: str = "") -> Problem:
        return self._problem(self._find(path)[1], message, hint)

    def at_word(self, path: Path, offset: int, length: int, message: str, hint: str = "") -> Problem:
        """A problem with a stretch of a text value, `offset` characters into the value as it was read.

        Quotes, escapes and folded lines shift a value against its text, so the same occurrence of the same word is
        looked for there.
        """
        node = self._find(path)[1]
        value = node.value if isinstance(node, yaml.ScalarNode) else ""
        word = value[offset : offset + length].split("\n")[0].rstrip()
        if not word:
            return self._problem(node, message, hint)
        occurrence = len(_starts(word, value[: offset + len(word)])) - 1
        begin = node.start_mark.index
        starts = _starts(word, self.text[begin : node.end_mark.index])
        if occurrence >= len(starts):
            return self._problem(node, message, hint)
        index = begin + starts[occurrence]
        line = self.text.count("\n", 0, index) + 1
        return Problem(line, index - (self.text.rfind("\n", 0, index) + 1) + 1, message, len(word), hint)

    def pieces(self) -> Iterator[Problem]:
        """Keys without a value, which nobody means: pieces of a value that holds a comma or a colon."""
        for key, value in _pairs(self.root):
            if value.start_mark.index == value.end_mark.index and ":" not in self._between(key, value):
                hint = _COLON if ":" in key.value else _COMMA
                yield self._problem(key, f"'{key.value}' is a key without a value", hint)

    def keys_of_no_text(self, path: Path) -> Iterator[Problem]:
        """Keys of the mapping at `path` that YAML reads as something other than a text."""
        node = self._find(path)[1]
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else []:
            if key.tag in _NO_TEXT:
                what, hint = _NO_TEXT[key.tag]
                yield self._problem(key, f"the key {key.value} is {what}, not a text", hint)

    def _between(self, key: yaml.Node, value: yaml.Node) -> str:
        return self.text[key.end_mark.index : value.start_mark.index]

    def changed_numbers(self, path: Path) -> Iterator[Problem]:
        """Numbers of the mapping at `path` that are not told on as they are written: 1.10 becomes 1.1."""
        node = self._find(path)[1]
        for _, value in node.value if isinstance(node, yaml.MappingNode) and node is not self.root else []:
            if value.tag in _PLAIN and str(_number(value)) != value.value:
                yield self._problem(value, _reading(value), "put quotes around it")

    def doubled_keys(self) -> Iterator[Problem]:
        yield from self._doubled_keys(self.root)

    def _doubled_keys(self, node: yaml.Node) -> Iterator[Problem]:
        if isinstance(node, yaml.MappingNode):
            first: dict[str, yaml.Node] = {}
            for key, value in node.value:
                if key.value in first:
                    line = first[key.value].start_mark.line + 1
                    yield self._problem(key, f"key '{key.value}' stands twice", f"the first is in line {line}")
                first.setdefault(key.value, key)
                yield from self._doubled_keys(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield from self._doubled_keys(item)

    def _find(self, path: Path) -> tuple[yaml.Node | None, yaml.Node]:
        """The key node, if there is one, and the value node at `path`, or as near to it as the text goes."""
        key, node = None, self.root
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            key, node = found
        return key, node

    def _problem(self, node: yaml.Node, message: str, hint: str) -> Problem:
        start, end = node.start_mark, node.end_mark
        one_line = isinstance(node, yaml.ScalarNode) and end.line == start.line
        return Problem(
            start.line + 1, start.column + 1, message, max(1, end.column - start.column) if one_line else 1, hint
        )


def read_yaml(text: str) -> Text | Problem:
    """The text's data with its places, or the one problem that keeps it from being YAML."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Problem(1, 1, "the file is empty", hint="a spec begins with its name, as in `name: log-metrics`")
        return Text(text, root, loader.construct_document(root))
    except yaml.MarkedYAMLError as error:
        return _syntax_problem(error, text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Problem(line, 1, f"character {error.character} has no place in YAML", hint="remove it")
    except RecursionError:
        return Problem(1, 1, "this is nested too deep to be a spec")


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None


def _pairs(node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """The keys and values of a node and of all below it, in their order."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key, value
            yield from _pairs(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _pairs(item)


def _starts(word: str, text: str) -> Sequence[int]:
    """Where `word` begins in `text`, not as a part of a longer word."""
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.search(r"\w$", word) else ""
    return [found.start() for found in re.finditer(before + re.escape(word) + after, text)]


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    what = error.problem or "this is not YAML"
    mark = error.problem_mark or error.context_mark
    glued = _glued_key(text, mark.line) if mark and what.startswith((_SECOND_COLON, _NO_COLON)) else None
    if glued is not None:
        return Problem(glued, 1, "there is no space after the colon", hint=_COLON)
    if error.context_mark and (mark is None or mark.index >= len(text) or what.startswith(_OPEN_QUOTE)):
        mark = error.context_mark
    if what.startswith(_SECOND_COLON) and mark and ":" not in text.split("\n")[mark.line][: mark.column]:
        return Problem(mark.line + 1, 1, _DEEPER[0], hint=_DEEPER[1])
    better, hint = next(((better, hint) for part, better, hint in _PLAINER if part in what), ("", ""))
    return Problem(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, better or what, hint=hint)


def _glued_key(text: str, line: int) -> int | None:
    """The line, counted from one, of a key that no space follows: YAML takes it and the next line for one text.

    It is the last line with anything in it before `line`, which counts from zero and is where YAML sees the fault.
    """
    before = [(number, each) for number, each in enumerate(text.split("\n")[:line], 1) if each.strip()]
    return before[-1][0] if before and _GLUED.match(before[-1][1]) else None


def mapping(data: Any, key: str) -> dict[str, Any]:
    """The mapping under a key, without keys that are no text; empty where there is none."""
    value = data.get(key) if isinstance(data, dict) else None
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}


def texts(data: Any, key: str) -> dict[str, str]:
    """Those values of the mapping under a key that are texts."""
    return {name: value for name, value in mapping(data, key).items() if isinstance(value, str)}
