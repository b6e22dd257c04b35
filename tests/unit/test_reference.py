"""The reference tells everything: each public name has its place, its words and an example, and
each error ends with what to do."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tunekit import errors
from tunekit.backends import abilities, base

pytest.importorskip("starlette", reason="needs the extra testing")

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "tunekit"

#: Where public names are besides ``tunekit`` itself.
HOMES = (
    "tunekit.errors",
    "tunekit.evaluation",
    "tunekit.evaluation.classification_report",
    "tunekit.evaluation.extraction_report",
    "tunekit.evaluation.preference_report",
    "tunekit.evaluation.transformation_report",
    "tunekit.testing.anthropic",
    "tunekit.testing.conformance",
    "tunekit.testing.fake",
    "tunekit.testing.harness",
    "tunekit.testing.hub",
    "tunekit.testing.openai",
    "tunekit.testing.server",
)
#: What a backend is: called by tunekit, never by users, and shown by the page on writing one.
PROTOCOLS = tuple(
    kind
    for module in (base, abilities)
    for kind in vars(module).values()
    if getattr(kind, "_is_protocol", False)
)
#: Values that others make and hand over: a sentence says what is in them.
HANDED_OVER = re.compile(
    r"(Compared|Confusion|QuotedSpan|QuotedError|SpanErrors|(Wrong|Failed)[A-Z]\w+"
    r"|Case|Check|Pair|Provider|JobRun|SpaceRun|Report|check|expect_that)"
)


class Public(NamedTuple):
    """A public name: where it is said, what it is, and the class that it belongs to."""

    name: str
    thing: Any
    owner: type | None = None

    @property
    def doc(self) -> str:
        """What it says of itself, or what the class says whose promise it keeps."""
        if self.owner is None:
            return inspect.getdoc(self.thing) or ""
        last = self.name.rpartition(".")[2]
        for kind in (*self.owner.__mro__, *PROTOCOLS):
            found = vars(kind).get(last)
            if found is not None and found.__doc__:
                return inspect.cleandoc(found.__doc__)
        return ""

    @property
    def parameters(self) -> list[str]:
        """What it takes, but for ``self``."""
        try:
            taken = list(inspect.signature(self.thing).parameters)
        except (TypeError, ValueError):
            return []
        bound = self.owner is not None and not isinstance(self.thing, staticmethod)
        return [name for name in taken[bool(bound) :] if not name.startswith("_")]


def _ours(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith("tunekit")


def _names() -> Iterator[Public]:
    """The functions and classes that are public."""
    seen: set[int] = set()
    for home in ("tunekit", *HOMES):
        module = importlib.import_module(home)
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and id(thing) not in seen:
                seen.add(id(thing))
                yield Public(f"{home}.{name}", thing)


def _members(public: Public) -> Iterator[Public]:
    """Its public methods and properties, those of our own base classes included."""
    if not inspect.isclass(public.thing):
        return
    for name in dir(public.thing):
        kinds = [kind for kind in public.thing.__mro__ if name in vars(kind)]
        if name.startswith("_") or not kinds or not _ours(kinds[0]):
            continue
        raw = vars(kinds[0])[name]
        found = getattr(raw, "__func__", raw)
        if inspect.isfunction(found) or type(raw).__name__ in ("property", "cached_property"):
            yield Public(f"{public.name}.{name}", found, public.thing)


NAMES = list(_names())
MEMBERS = [member for public in NAMES for member in _members(public)]
METHODS = [member for member in MEMBERS if inspect.isfunction(member.thing)]


def _promised(member: Public) -> bool:
    """Whether it is what a protocol of backends asks for."""
    last = member.name.rpartition(".")[2]
    return "Backend" in member.name and any(last in vars(kind) for kind in PROTOCOLS)


# --- each name on a page ------------------------------------------------------------------------


def _shown() -> Iterator[tuple[ModuleType, str | None]]:
    """What the pages of the reference name: a module, or a module and a name in it."""
    for page in sorted((ROOT / "docs" / "reference").glob("**/*.md")):
        for path in re.findall(r"(?m)^::: (\S+)$", page.read_text(encoding="utf-8")):
            try:
                yield importlib.import_module(path), None
            except ModuleNotFoundError:
                home, _, name = path.rpartition(".")
                yield importlib.import_module(home), name


def test_every_public_name_is_on_a_page_of_the_reference() -> None:
    shown: set[int] = set()
    for module, name in _shown():
        for one in [name] if name else module.__all__:
            shown.add(id(getattr(module, one)))
    missing = [public.name for public in NAMES if id(public.thing) not in shown]
    assert not missing


# --- docstrings ---------------------------------------------------------------------------------


def test_every_public_name_says_what_it_is() -> None:
    silent = [public.name for public in (*NAMES, *MEMBERS) if not public.doc.strip()]
    assert not silent


def test_all_that_the_pages_show_says_what_it_is() -> None:
    """What isn't meant for users has no example there, but no page has a name without words."""
    shown = [
        Public(f"{module.__name__}.{one}", getattr(module, one))
        for module, name in _shown()
        for one in ([name] if name else module.__all__)
        if inspect.isclass(getattr(module, one)) or inspect.isfunction(getattr(module, one))
    ]
    members = [member for public in shown for member in _members(public)]
    silent = [one.name for one in (*shown, *members) if not one.doc.strip()]
    assert not silent, "\n".join(silent)


def test_every_function_and_class_has_an_example() -> None:
    without = [
        public.name
        for public in NAMES
        if ">>> " not in (public.thing.__doc__ or "")
        and not HANDED_OVER.fullmatch(public.thing.__name__)
    ]
    assert not without


def test_every_method_that_takes_arguments_is_shown_in_an_example() -> None:
    """Of its own, or in that of its class. Properties are read like attributes."""
    without = []
    for method in METHODS:
        assert method.owner is not None
        if not method.parameters or _promised(method):
            continue
        of_class = "\n".join(
            line
            for kind in method.owner.__mro__
            if _ours(kind)
            for line in (kind.__doc__ or "").splitlines()
            if line.lstrip().startswith((">>> ", "... "))
        )
        called = rf"\b{method.name.rpartition('.')[2]}\("
        skipped = HANDED_OVER.fullmatch(method.owner.__name__)
        if ">>> " not in method.doc and not re.search(called, of_class) and not skipped:
            without.append(method.name)
    assert not without


def _with_what_it_refers_to(doc: str) -> str:
    """A docstring with those that it refers to: "takes what :func:`tune` does"."""
    told = [doc]
    for path in re.findall(r":(?:func|meth):`[~.]?([\w.]+)`", doc):
        for public in (*NAMES, *METHODS):
            if public.name.endswith(f".{path}"):
                told.append(public.doc)
    return "\n".join(told)


def _is_named(parameter: str, doc: str) -> bool:
    in_prose = rf"``[^`]*\b{parameter}\b[^`]*``"
    in_section = rf"^ +\**{parameter}: "
    return bool(re.search(f"(?m){in_prose}|{in_section}", doc))


def test_every_parameter_is_described() -> None:
    untold = []
    for public in (*NAMES, *METHODS):
        if inspect.isclass(public.thing):
            if HANDED_OVER.fullmatch(public.thing.__name__) or "Made by" in public.doc:
                continue  # nobody calls it
            doc = "\n".join(k.__doc__ or "" for k in public.thing.__mro__ if _ours(k))
        else:
            called = public.owner or public.thing
            if _promised(public) or HANDED_OVER.fullmatch(called.__name__):
                continue
            doc = _with_what_it_refers_to(public.doc)
        if inspect.isclass(public.thing) and not _makes_itself(public.thing):
            continue
        for parameter in public.parameters:
            if parameter != "message" and not _is_named(parameter, doc):
                untold.append(f"{public.name}({parameter})")
    assert not untold


def _makes_itself(kind: type) -> bool:
    """Whether a class has a constructor of ours: errors have that of Exception, mostly."""
    own = [one for one in kind.__mro__ if "__init__" in vars(one) or "__new__" in vars(one)]
    return _ours(own[0])


def _raised(public: Public) -> set[str]:
    """The errors of ours that its own lines raise."""
    try:
        source = inspect.getsource(public.thing)
    except (OSError, TypeError):
        return set()
    tree = ast.parse(textwrap.dedent(source))
    return {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and hasattr(errors, node.exc.func.id)
    }


def test_what_is_raised_is_said() -> None:
    untold = []
    for public in (*(one for one in NAMES if inspect.isfunction(one.thing)), *METHODS):
        doc = _with_what_it_refers_to(public.doc)
        for error in () if _promised(public) else _raised(public):
            kinds = [kind.__name__ for kind in getattr(errors, error).__mro__ if _ours(kind)]
            if "Raises:" not in doc or not any(re.search(rf"\b{kind}\b", doc) for kind in kinds):
                untold.append(f"{public.name}: {error}")
    assert not untold


# --- every error names a way out ----------------------------------------------------------------

VERBS = (
    "Add|Ask|Bring|Check|Choose|Close|Compare|Copy|Count|Create|Don't use|Double|Download|End"
    "|Export|Get|Give|Install|Keep|Leave|Load|Look|Lower|Make|Mend|Name|Pass|Put|Raise|Read|Remove"
    "|Rename|Require|Save|Say|See|Set|Shorten|Split|Start|Submit|Take|Train|Try|Tune|Uninstall|Use"
    "|Wait|Work|Write"
)
#: How a clause begins that says what to do, …
ADVICE = re.compile(rf"(?i)(or |and |then |and then )?({VERBS})\b")
#: … or that names what there is, …
CHOICE = re.compile(
    r"(?i)(There (is|are)|It (has|takes)|Accepted:|Known:|Options:|Types:|Ways out:)"
)
#: … or which names what to call or to set.
CALL = re.compile(r"\b\w+(\.\w+)*\((…|[\w.]*)\)|\b\w+=('|True\b|False\b|\[)")
#: What is put in from a table or function of advice.
HELD = re.compile(r"\{[^}]*(did_you_mean|ADVICE|WAYS?_?OUT|way_out|hint|way)\b[^}]*\}", re.I)

#: Classes whose constructor adds the way out.
ADDS_IT = {"MissingExtra": "Install it with: pip install"}
#: Messages that need none, by how they begin, and why.
EXEMPT = {
    "{type(self).__name__}: {said}": "pydantic's words say what the field should be",
}


class Message(NamedTuple):
    """A message as it stands in the source, values as ``{expression}``."""

    place: str
    error: str
    text: str


def _part(node: ast.expr) -> str:
    """A piece of an f-string, as it is written."""
    match node:
        case ast.Constant(value):
            return str(value)
        case ast.FormattedValue(value):
            return f"{{{ast.unparse(value)}}}"
    return ""


def _as_text(node: ast.expr) -> str | None:
    """A text or f-string, or several added up; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [_as_text(node.left) or "", _as_text(node.right) or ""]
        return "".join(sides) or None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _as_text(node.func.value) if node.func.attr.endswith("strip") else None
    return None


def _messages() -> list[Message]:
    kinds = set(errors.__all__)
    found = []
    for path in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func).rpartition(".")[2]
                text = _as_text(node.args[0]) if name in kinds else None
                if text is not None:
                    place = f"{path.relative_to(SRC).as_posix()}:{node.lineno}"
                    found.append(Message(place, name, text))
    return found


def _names_a_way_out(message: Message) -> bool:
    if message.error in ADDS_IT or HELD.search(message.text):
        return True
    clauses = re.split(r"(?<=[.;:?!,}])\s+|\n| \(", message.text)
    return any(
        ADVICE.match(clause) or CHOICE.match(clause) or CALL.search(clause)
        for clause in clauses[1:]
    )


MESSAGES = _messages()


def test_messages_are_found() -> None:
    assert len(MESSAGES) > 350
    assert {"ConfigError", "DataError", "InputError"} <= {one.error for one in MESSAGES}


def test_every_message_of_an_error_names_a_way_out() -> None:
    silent = [
        f"{one.place} {one.error}: {one.text}"
        for one in MESSAGES
        if not _names_a_way_out(one) and not any(one.text.startswith(text) for text in EXEMPT)
    ]
    assert not silent, "\n".join(silent)


def test_what_is_exempt_is_still_there() -> None:
    for text in EXEMPT:
        assert any(one.text.startswith(text) for one in MESSAGES), text


def test_a_message_without_a_way_out_is_caught() -> None:
    for text in (
        "{name} is no model",
        "the answer has no name",
        "{a!r}: there was no such thing, and nothing else",
    ):
        assert not _names_a_way_out(Message("x.py:1", "InputError", text)), text


@pytest.mark.parametrize("error", sorted(ADDS_IT))
def test_what_a_class_adds_is_the_way_out(error: str) -> None:
    said = str(getattr(errors, error)("It needs pyarrow.", extra="parquet"))
    assert ADDS_IT[error] in said


def test_every_error_is_raised_with_a_message_of_ours_somewhere_or_by_a_table() -> None:
    """Errors that stand for what a provider answers are chosen by tables, which have advice."""
    from tunekit.backends.http_errors import ADVICE as ADVICE_OF
    from tunekit.backends.http_errors import EXCEPTION_ERRORS, STATUS_ERRORS

    raised = {one.error for one in MESSAGES}
    by_table = {kind.__name__ for kind in (*STATUS_ERRORS.values(), *EXCEPTION_ERRORS.values())}
    roots = {"TunekitError", "BackendError", "JobError", "RequirementNotMet"}
    assert set(errors.__all__) <= raised | by_table | roots
    told_by_provider = {"InvalidRequest", "Conflict"}
    told_by_key = {"AuthenticationFailed"}
    assert by_table <= {kind.__name__ for kind in ADVICE_OF} | told_by_provider | told_by_key
