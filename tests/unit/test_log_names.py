"""The names of log lines: in the code and in docs/reference/logs.md they are the same."""

import ast
import re
from collections.abc import Iterator

from mailsvc.checks.sender import Severity
from mailsvc.domain.event import EventType
from tests.support.service import CHECKOUT

PAGE = CHECKOUT / "docs/reference/logs.md"
#: Where the name of a line is put together; everywhere else it stands in the call.
COMPOSED = {
    "telemetry/logs.py": {type_.value for type_ in EventType},
    "service/doctor_room.py": {f"doctor.{severity}" for severity in Severity if severity not in ("ok", "info")},
}
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def test_page_names_every_line_and_no_other() -> None:
    """Whoever finds a line in the log finds it in the reference, and the other way round."""
    cells = re.findall(r"^\| (`[a-z_.`, ]+`) \|", PAGE.read_text(), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+\.\w+)`", cell)}
    assert named == set(_names())


def test_name_of_a_line_stands_in_its_call() -> None:
    """A name that is put together elsewhere would be missed by the page."""
    composed = {
        path
        for path, call in _calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in _LEVELS and _name(call) is None
    }
    assert composed == {"telemetry/logs.py"}


def _names() -> Iterator[str]:
    for names in COMPOSED.values():
        yield from names
    for _, call in _calls():
        if name := _name(call):
            yield name


def _calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls that write to the log, or hand it on, with their file."""
    for path in sorted((CHECKOUT / "mailsvc").rglob("*.py")):
        text = path.read_text()
        if "structlog.get_logger" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and any(_is_log(part) for part in (node.func, *node.args)):
                yield str(path.relative_to(CHECKOUT / "mailsvc")), node


def _is_log(part: ast.expr) -> bool:
    return any(isinstance(name, ast.Name) and name.id == "log" for name in ast.walk(part))


def _name(call: ast.Call) -> str | None:
    texts = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return next((text for text in texts if re.fullmatch(r"[a-z_]+\.[a-z_]+", text)), None)
