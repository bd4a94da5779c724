"""From a message's row to the bytes of its mail: words, rules, MIME.

``Catalogue`` reads the templates, ``Composer`` makes a ``Mail`` of a message, ``check_bytes`` looks at the finished
mail once more before it leaves. The same row under the same configuration gives the same bytes.
Never sends, signs, stores or logs; never shows a code or rendered text in an error. Wrong configuration raises
``BrandError`` or ``TemplateError`` at start; a single mail that breaks a rule raises ``MailRefused``.
"""

from mailsvc.templates.brand import Brand, BrandError
from mailsvc.templates.catalogue import LOCALES, Catalogue, Template, check_context
from mailsvc.templates.compose import Composer
from mailsvc.templates.finished import MailRefused, check_bytes
from mailsvc.templates.mime import Mail
from mailsvc.templates.parts import TemplateError

__all__ = [
    "LOCALES",
    "Brand",
    "BrandError",
    "Catalogue",
    "Composer",
    "Mail",
    "MailRefused",
    "Template",
    "TemplateError",
    "check_bytes",
    "check_context",
]
