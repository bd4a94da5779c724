"""``mailsvc preview``: a rendered mail with sample values."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from mailsvc.cli.failure import WRONG_USE, Failure, configured, failures
from mailsvc.cli.received import decoded, readable
from mailsvc.service import make_composer


def preview(
    template: Annotated[str, typer.Argument(help="Template.")] = "login_code",
    *,
    locale: Annotated[str, typer.Option(help="ja or en.")] = "ja",
    out: Annotated[Path | None, typer.Option(help="Write the mail itself (.eml) instead of showing it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print headers and text as JSON.")] = False,
) -> None:
    """Show a mail with sample values, or write it to a file."""
    settings = configured()
    with failures():
        now = time.time()
        composer = make_composer(settings, now)
        known = composer.catalogue.get(template)
        if known is None or locale not in known.locales:
            raise Failure(
                f"no template {template} in {locale}; there are {', '.join(composer.catalogue)} in ja, en", WRONG_USE
            )
        mail = composer.preview(template, locale, now)
        if out is not None:
            out.write_bytes(mail)
    if as_json:
        headers, text = decoded(mail)
        shown = {"template": template, "locale": locale, "headers": headers, "text": text}
        print(json.dumps(shown, ensure_ascii=False))
    elif out is None:
        sys.stdout.write(readable(mail))
