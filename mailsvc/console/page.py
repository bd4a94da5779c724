"""Pages and what is around them: the visit, the templates, the answers that lead on.

A page is one template of ``pages`` filled with values; a string is text, never markup.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailsvc.console import text
from mailsvc.console.services import Services
from mailsvc.domain.access import ApiKey, Scope

ROOT = "/console"
LANGUAGE_COOKIE = "mailsvc_language"
#: The pages of the menu, by the name of their words.
MENU = (
    ("overview", ROOT),
    ("destinations", f"{ROOT}/destinations"),
    ("messages", f"{ROOT}/messages"),
    ("addresses", f"{ROOT}/addresses"),
    ("reports", f"{ROOT}/reports"),
    ("webhooks", f"{ROOT}/webhooks"),
    ("sender", f"{ROOT}/sender"),
    ("settings", f"{ROOT}/settings"),
    ("actions", f"{ROOT}/actions"),
)
_ASSETS = Path(__file__).with_name("assets")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("mailsvc.console", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=text.visible,
)


@jinja2.pass_context
def _seconds(context: jinja2.runtime.Context, value: float | None) -> str:
    return text.seconds(value, context["visit"].language)


_PAGES.filters.update(peer=text.peer, instant=text.instant, seconds=_seconds, share=text.share, number=text.number)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to; its address changes with its content."""

    path: str
    media_type: str
    content: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files that pages refer to, by their names."""
    return {file.name: _asset(file) for file in sorted(_ASSETS.iterdir()) if file.suffix in _TYPES}


def _asset(file: Path) -> Asset:
    content = file.read_bytes()
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{ROOT}/assets/{file.stem}.{version}{file.suffix}", _TYPES[file.suffix], content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request, and who makes it."""

    request: Request
    services: Services
    now: float
    operator: ApiKey | None = None  #: None: nobody is signed in
    token: str = ""  #: goes with every form
    form: Mapping[str, str] = field(default_factory=dict)  #: what was sent

    @classmethod
    def of(cls, request: Request, **values: Any) -> Self:
        """Return the visit of a request."""
        services: Services = request.app.state.services
        return cls(request=request, services=services, now=services.clock.now(), **values)

    @property
    def may_act(self) -> bool:
        """Whether the visitor may change anything."""
        return self.operator is not None and Scope.OPERATE in self.operator.scopes

    @property
    def language(self) -> str:
        """The language of the pages."""
        chosen = self.request.cookies.get(LANGUAGE_COOKIE, "")
        return chosen if chosen in text.LANGUAGES else text.LANGUAGES[0]

    def query(self, name: str, allowed: Sequence[str] | None = None) -> str | None:
        """Return a parameter of the address, None where it is absent, empty or not among those allowed."""
        value = self.request.query_params.get(name) or None
        return value if allowed is None or value in allowed else None

    def say(self, name: str, **values: Any) -> str:
        """Return words in the visitor's language."""
        return text.words(self.language)[name].format_map(values)

    def render(self, page: str, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        vocabulary = text.words(self.language)
        shown = _PAGES.get_template(f"{page}.html.j2").render(
            visit=self,
            page=page,
            t=self.say,
            vocabulary=vocabulary,
            menu=MENU,
            root=ROOT,
            assets=assets(),
            notice=vocabulary.get(f"notice.{self.query('notice')}"),
            **values,
        )
        return HTMLResponse(shown, status)


def to(path: str, **query: str) -> Response:
    """Lead on to a page of the console."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
