"""What an HTML part may hold.

Allows a short list of elements and attributes and refuses the rest, so that no link, image, form, script or remote
style can be written. Demands the language, the character set and ``color-scheme: light dark`` (dark mode without
fixed colours). Answers with the problem in words, None where there is none.
"""

from html.parser import HTMLParser

_ELEMENTS = frozenset(
    {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "header", "footer"),
        *("h1", "h2", "h3", "p", "div", "span", "strong", "em", "small", "br", "hr", "ul", "ol", "li"),
        *("table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd"),
    }
)
_ATTRIBUTES = frozenset({"lang", "dir", "charset", "name", "content", "style", "class", "id", "role", "scope"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []
        self.lang: str | None = None
        self.charset: str | None = None
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _ELEMENTS:
            self.strange.append(f"<{tag}>")
        self.strange += [f"attribute {name}" for name, _ in attrs if name not in _ATTRIBUTES]
        given = dict(attrs)
        self.lang = given.get("lang") if tag == "html" else self.lang
        self.charset = given.get("charset", self.charset) if tag == "meta" else self.charset

    def handle_data(self, data: str) -> None:
        if self.cdata_elem != "style":
            self.words.append(data)


def visible_words(page: str) -> str:
    """Return what a reader of a rendered page sees, one line for each text node."""
    return "\n".join(_read(page).words)


def markup_problem(page: str, locale: str) -> str | None:
    """Say what keeps a rendered page out of a mail."""
    reader = _read(page)
    if reader.strange:
        return f"has {reader.strange[0]}, which is not allowed in a mail"
    if reader.lang != locale or (reader.charset or "").lower() != "utf-8":
        return f'must have <html lang="{locale}"> and <meta charset="utf-8">'
    if "color-scheme: light dark" not in page:
        return "must state color-scheme: light dark"
    if "url(" in page.lower() or "\\" in page:
        return "has a style with url() or a backslash"
    return None


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader
