"""Log lines: JSON on stderr, one per line, never a login code, never a whole address.

Addresses are masked and control characters escaped whatever a line carries; codes do not come here at all.
"""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from mailsvc.domain.event import Event
from mailsvc.telemetry.ended import FINAL, last_attempt, site, stage_seconds, total_seconds

_ADDRESS = re.compile(r"([A-Za-z0-9_\"])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\"-]*@([A-Za-z0-9.-]+)")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9]{6}(?![0-9A-Za-z])")

#: Their info is about themselves.
_TALKATIVE = ("alembic", "httpx2", "uvicorn")

log = structlog.get_logger("mailsvc.events")


def configure(level: str) -> None:
    """Send every log line of the process, the libraries' too, to stderr as JSON, from this level on."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_error,
        mask,
    ]
    render = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(render)
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def mask(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Mask addresses, and whatever looks like a login code, in the values of a line."""
    return {name: _masked(value) for name, value in line.items()}


def _name_error(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Put the type of an error in place of the error: its text and its traceback may hold a caller's values."""
    if error := line.pop("exc_info", None):
        line["error"] = error[0].__name__ if isinstance(error, tuple) and error[0] else "unknown"
    return line


def log_events(events: Sequence[Event]) -> None:
    """Write one line for each event; the one that ends a message tells where its time went."""
    for event in events:
        data = event.data
        last = last_attempt(data)
        # What an event of feedback tells came last; what it tells of its message is older.
        said = data["feedback"][-1] if event.type.startswith("feedback.") else data.get("outcome") or last or data
        log.info(
            event.type.value,
            message=event.message,
            to=data.get("to", data.get("address")),
            state=data.get("state"),
            template=data.get("template"),
            attempts=len(data.get("attempts", ())),
            category=said.get("category"),
            cause=said.get("cause"),
            destination=site(last) or data.get("destination"),
            **({"seconds": _seconds(data)} if event.type in FINAL else {}),
        )


def _seconds(message: Mapping[str, Any]) -> dict[str, float]:
    return stage_seconds(message) | {"total": round(total_seconds(message), 3)}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _CODE.sub("******", _ADDRESS.sub(r"\1***@\2", value))
    return value
