"""The templates: which there are, in which languages, and what each may be given.

A template is ``NAME.toml`` beside this module (what the code needs to know) and ``LOCALE/NAME.txt`` (the words).
A company's own folder holds ``LOCALE/NAME.txt``, any subset of ours; ``LOCALE/NAME.html`` beside it opts in to an
HTML alternative. ``LOCALE/signature.txt`` closes every mail. Read once; nothing is looked at again while running.
Any fault raises ``TemplateError``, one line naming file and rule.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailsvc.templates.parts import Part, TemplateError, Wording, read_text, read_wording
from mailsvc.templates.rules import value_problem

LOCALES = ("ja", "en")
#: A context value is at most this long (characters, CONTRACT 3.1).
CONTEXT_MAX = 40

_OWN = Path(__file__).parent
_SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of mail."""

    name: str
    is_code: bool  #: carries a login code
    life: float  #: life of a message whose caller states no expiry (seconds)
    variables: frozenset[str]  #: names a caller may give in ``context``; each may be left out
    sample: Mapping[str, str]  #: context of a preview
    sample_code: str | None  #: code of a preview; None for a notice
    sample_reference: str  #: 受付番号 of a preview
    wordings: Mapping[str, Wording]  #: by locale

    @property
    def locales(self) -> tuple[str, ...]:
        """The languages it is written in."""
        return tuple(self.wordings)


def check_context(template: Template, context: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return ``(name, problem)`` for every entry a caller may not give; empty when all is well (CONTRACT 3.1)."""
    problems = ((name, _entry_problem(name in template.variables, value)) for name, value in context.items())
    return [(name, problem) for name, problem in problems if problem]


def _entry_problem(declared: bool, value: object) -> str | None:  # noqa: FBT001  one call, just above
    if not declared:
        return "is not a variable of this template"
    return value_problem(value, CONTEXT_MAX) if isinstance(value, str) else "is not a string"


class Catalogue(Mapping[str, Template]):
    """All templates by name."""

    def __init__(self, templates: Mapping[str, Template], signatures: Mapping[str, Part]) -> None:
        self._templates = templates
        self.signatures = signatures  #: the closing lines by locale

    def __getitem__(self, name: str) -> Template:
        return self._templates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    @classmethod
    def load(cls, folders: Sequence[Path] = ()) -> "Catalogue":
        """Read the templates; words in ``folders`` (the first wins) stand in front of the package's own."""
        metadata = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(_OWN.glob("*.toml"))}
        for folder in folders:
            _check_folder(folder, metadata.keys())
        search = (*folders, _OWN)
        return cls(
            {name: _template(name, fields, search) for name, fields in metadata.items()},
            {locale: read_text(_find(search, locale, _SIGNATURE)) for locale in LOCALES},
        )


def _check_folder(folder: Path, names: Iterable[str]) -> None:
    if not folder.is_dir():
        raise TemplateError(f"{folder}: is not a folder")
    stems = [f"{locale}/{name}" for locale in LOCALES for name in names]
    texts = {f"{stem}.txt" for stem in stems} | {f"{locale}/{_SIGNATURE}.txt" for locale in LOCALES}
    pages = {f"{stem}.html" for stem in stems}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_dir() or inside.startswith("."):
            continue
        if inside not in texts | pages:
            raise TemplateError(f"{path}: is no template; expected one of {', '.join(sorted(texts | pages))}")
        if inside in pages and not path.with_suffix(".txt").is_file():
            raise TemplateError(f"{path}: needs {path.stem}.txt beside it, because every mail has a text part")


def _template(name: str, fields: Mapping[str, Any], search: Sequence[Path]) -> Template:
    sample = fields["sample"]
    return Template(
        name=name,
        is_code=fields["is_code"],
        life=float(fields["life"]),
        variables=frozenset(fields["variables"]),
        sample=sample.get("context", {}),
        sample_code=sample.get("code"),
        sample_reference=sample["reference"],
        wordings={locale: read_wording(_find(search, locale, name)) for locale in LOCALES},
    )


def _find(search: Sequence[Path], locale: str, name: str) -> Path:
    return next(path for folder in search if (path := folder / locale / f"{name}.txt").is_file())
