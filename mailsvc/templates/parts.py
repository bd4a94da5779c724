"""One template file: read, held to the rules of the house, compiled.

Sandboxed and strict: a name that is not given is an error, values are printed and never compiled, nothing random or
global is at hand, so the same values give the same text. Any fault raises ``TemplateError``, one line naming file
and rule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from mailsvc.templates.layout import COLUMNS, width
from mailsvc.templates.rules import jis_problem

_SUBJECT = "Subject: "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


class TemplateError(ValueError):
    """A template that breaks a rule; the message names the file and the rule."""


@dataclass(frozen=True, slots=True)
class Part:
    """One compiled text."""

    file: Path  #: where it was read
    compiled: jinja2.Template

    def render(self, values: Mapping[str, object]) -> str:
        """Fill in values; raise `TemplateError` where that fails. The message may quote values: for samples only."""
        try:
            return self.compiled.render(values)
        except Exception as error:  # a template is a program and may raise anything
            raise TemplateError(f"{self.file}: {error}") from error


@dataclass(frozen=True, slots=True)
class Wording:
    """A template in one language."""

    subject: Part  #: first line of the text file; may use the brand only
    text: Part
    html: Part | None  #: where a file beside the text opts in


def read_wording(file: Path) -> Wording:
    """Read ``NAME.txt`` (Subject line, blank line, text) and ``NAME.html`` where it lies beside it."""
    subject, blank, text = _read(file).partition("\n\n")
    if not blank or "\n" in subject or not subject.startswith(_SUBJECT):
        raise TemplateError(f"{file}: must begin with one line 'Subject: …' and a blank line")
    html = file.with_suffix(".html")
    return Wording(
        subject=_compile(_TEXT, file, subject.removeprefix(_SUBJECT)),
        text=_compile(_TEXT, file, _narrow(file, text), above=2),
        html=_compile(_HTML, html, _read(html)) if html.exists() else None,
    )


def read_text(file: Path) -> Part:
    """Read a file that is text throughout."""
    return _compile(_TEXT, file, _narrow(file, _read(file)))


def _read(file: Path) -> str:
    try:
        source = file.read_text("utf-8-sig")  # Windows editors begin a file with a byte order mark
    except UnicodeDecodeError:
        raise TemplateError(f"{file}: is not UTF-8; save it as UTF-8") from None
    if problem := "has a control character or tab" if _CONTROL.search(source) else jis_problem(source):
        raise TemplateError(f"{file}: {problem}")
    return source


def _narrow(file: Path, text: str) -> str:
    for line in _TAG.sub("", text).splitlines():
        if width(line) > COLUMNS:
            raise TemplateError(f"{file}: is wider than {COLUMNS // 2} full-width characters at: {line}")
    return text


def _compile(environment: jinja2.Environment, file: Path, source: str, above: int = 0) -> Part:
    try:
        return Part(file, environment.from_string(source))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{file}, line {error.lineno + above}: {error.message}") from error


def _present(value: object) -> object:
    if value is None:
        raise jinja2.UndefinedError("prints a value that may be absent; put it between {% if … %} and {% endif %}")
    return value


def _environment(*, autoescape: bool) -> jinja2.Environment:
    environment = SandboxedEnvironment(
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        finalize=_present,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    del environment.filters["random"]
    return environment


_TEXT = _environment(autoescape=False)
_HTML = _environment(autoescape=True)
