"""Texts that strangers may send, in the hope that some page runs them."""

import itertools
from collections.abc import Iterator, Sequence

_CALL = "fetch('/console/hostile')"
_BODIES = (
    f"<script>{_CALL}</script>",
    f"<img src=x onerror={_CALL}>",
    f"<svg onload={_CALL}>",
    f"<a href=javascript:{_CALL}>x</a>",
    f"<iframe srcdoc='<script>{_CALL}</script>'>",
    f"<body onload={_CALL}>",
    "<style>@import '/console/hostile';</style>",
    "<link rel=stylesheet href=/console/hostile>",
    "<meta http-equiv=refresh content='0;url=/console/hostile'>",
    "<base href=//hostile.invalid/>",
    "<form action=/console/hostile><input autofocus onfocus=this.form.submit()>",
    "{{7*7}}{% include 'base.html.j2' %}${7*7}#{7*7}",
    f"<details open ontoggle={_CALL}>",
    f"<math><mtext></form><mglyph><svg><mtext><style><path id='</style><img onerror={_CALL} src>'>",
)
_BEFORE = ("", '"', "'", "'>", '">', "-->", "]]>", "</textarea>", "</title>", "</script>", "`", "\\", "&lt;", "%3C")
_AFTER = ("", "<!--", "//", "\\")


def texts(count: int) -> Sequence[str]:
    """Return so many of them, each another."""
    return list(itertools.islice(_texts(), count))


def joined(length: int, count: int) -> Sequence[str]:
    """Return ``count`` of them, joined to texts of at most ``length`` characters."""
    found = [""]
    for one in texts(count):
        if len(found[-1]) + len(one) > length:
            found.append("")
        found[-1] += one
    return found


def _texts() -> Iterator[str]:
    for before, body, after in itertools.product(_BEFORE, _BODIES, _AFTER):
        yield before + body + after
