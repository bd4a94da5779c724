"""The mail of a message, as a pure function of its row and the configuration.

Decides nothing about delivery. Templates, brand and sender are checked when a ``Composer`` is made and by
``self_check`` (``BrandError``, ``TemplateError``). A single mail whose words break a rule, or whose code is already
wiped, raises ``MailRefused``, which never shows what was rendered.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from mailsvc.domain import address
from mailsvc.domain.message import Message
from mailsvc.domain.secret import Secret
from mailsvc.templates.brand import NAME_MAX, Brand, BrandError, check_value
from mailsvc.templates.catalogue import CONTEXT_MAX, Catalogue, Template
from mailsvc.templates.finished import MailRefused, check_bytes
from mailsvc.templates.layout import clock, wrap
from mailsvc.templates.markup import markup_problem, visible_words
from mailsvc.templates.mime import Mail, Skeleton
from mailsvc.templates.parts import Part, TemplateError
from mailsvc.templates.rules import part_problem, value_problem, wording_problem

#: Longest Subject (characters); what is longer no list of mails shows.
SUBJECT_MAX = 100
#: What a person, and a phone that fills in codes, looks for; with the code it is a line of its own (CONTRACT 4).
_CODE_LABEL = {"ja": "認証コード：", "en": "Verification code: "}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A template in one language, with everything filled in that no message changes."""

    template: Template
    locale: str
    text: Part
    html: Part | None
    skeleton: Skeleton
    constants: Mapping[str, object]  #: the brand, and the signature as text

    def values(self, message: Message) -> dict[str, object]:
        """Return all that the template may use; a declared variable the message does not give is None."""
        values: dict[str, object] = {name: message.context.get(name) for name in self.template.variables}
        values |= self.constants
        values["reference"] = message.reference
        values["accepted"] = clock(message.accepted_at, self.locale)
        values["expires"] = clock(message.expires_at, self.locale)
        if self.template.is_code:
            values["code"] = _code(message)
        return values

    def check(self, message: Message) -> None:
        """Raise `TemplateError` where the mail of a sample message would break a rule."""
        values = self.values(message)
        text = self.text.render(values)
        self._hold(self.text, self._label_problem(text) or self._words_problem(text, values))
        if self.html:
            page = self.html.render(values)
            problem = markup_problem(page, self.locale) or part_problem(page.encode(), self.template.sample_code)
            self._hold(self.html, problem or self._words_problem(visible_words(page), values))

    def _label_problem(self, text: str) -> str | None:
        label = _CODE_LABEL[self.locale]
        missing = self.template.is_code and f"{label}{self.template.sample_code}" not in text.splitlines()
        return f"must have the line {label}{{{{ code }}}}" if missing else None

    def _words_problem(self, words: str, values: Mapping[str, object]) -> str | None:
        printed = ["accepted", "reference", "signature", *(["expires"] if self.template.is_code else [])]
        missing = [name for name in printed if str(values[name]) not in words]
        return f"must print {{{{ {missing[0]} }}}}" if missing else wording_problem(words, self.template.sample_code)

    @staticmethod
    def _hold(part: Part, problem: str | None) -> None:
        if problem:
            raise TemplateError(f"{part.file}: {problem}")


class Composer:
    """Makes mails of messages, for one brand and sender."""

    def __init__(self, catalogue: Catalogue, brand: Brand, sender: str, sender_name: str) -> None:
        """Prepare every template in every language.

        ``sender`` is the From address, ``sender_name`` its display name. Raises `BrandError` for these two and
        `TemplateError` for a Subject or signature.
        """
        try:
            address.parse(sender)
        except address.AddressError as error:
            raise BrandError(f"sender {error}") from None
        check_value("sender_name", sender_name, NAME_MAX)
        self._sender = sender
        self._sender_name = sender_name
        self.catalogue = catalogue
        self._prepared = {
            (template.name, locale): self._prepare(template, locale, brand)
            for template in catalogue.values()
            for locale in template.locales
        }

    def compose(self, message: Message) -> Mail:
        """Return the unsigned mail of ``message``: the same row, the same bytes. Raises `MailRefused`."""
        prepared = self._prepared.get((message.template, message.locale))
        if prepared is None:
            raise MailRefused(f"there is no template {message.template} in {message.locale}")
        values = prepared.values(message)
        code = _code(message) if prepared.template.is_code else None
        text = _octets(wrap(_render(prepared.text, values)), code)
        html = _octets(_render(prepared.html, values).replace("\n", "\r\n"), code) if prepared.html else None
        return prepared.skeleton.fill(message, text, html)

    def sample(self, name: str, locale: str, now: float) -> Mail:
        """Return a mail with sample values, taken in at ``now``; KeyError where there is no such template."""
        template = self.catalogue[name]
        return self.compose(_sample(template, locale, template.sample, now))

    def preview(self, name: str, locale: str, now: float) -> bytes:
        """Return the octets of `sample`."""
        return self.sample(name, locale, now).raw

    def self_check(self, now: float) -> None:
        """Make every mail with sample values, with none and with the longest; raise `TemplateError` on a fault."""
        for (_, locale), prepared in self._prepared.items():
            template = prepared.template
            for context in (template.sample, {}, dict.fromkeys(template.variables, "長" * CONTEXT_MAX)):
                message = _sample(template, locale, context, now)
                prepared.check(message)
                check_bytes(self.compose(message).raw, message, self._sender)

    def _prepare(self, template: Template, locale: str, brand: Brand) -> _Prepared:
        wording = template.wordings[locale]
        subject = wording.subject.render({"brand": brand})
        if problem := value_problem(subject, SUBJECT_MAX):
            raise TemplateError(f"{wording.subject.file}: the Subject {problem}")
        closing = self.catalogue.signatures[locale]
        signature = closing.render({"brand": brand})
        missing = [name for name, value in asdict(brand).items() if value not in signature]
        if missing:
            raise TemplateError(f"{closing.file}: must print {{{{ brand.{missing[0]} }}}}")
        return _Prepared(
            template=template,
            locale=locale,
            text=wording.text,
            html=wording.html,
            skeleton=Skeleton(
                sender=self._sender,
                sender_name=self._sender_name,
                subject=subject,
                locale=locale,
                alternative=wording.html is not None,
            ),
            constants={"brand": brand, "signature": signature},
        )


def _code(message: Message) -> str:
    if message.code is None:
        raise MailRefused("the message carries no code, or it is wiped already")
    return message.code.reveal()


def _render(part: Part, values: Mapping[str, object]) -> str:
    try:
        return part.compiled.render(values)
    except Exception as error:  # noqa: BLE001  a template may raise anything, and its words may quote the code
        raise MailRefused(f"{part.file} cannot be filled in: {type(error).__name__}") from None


def _octets(part: str, code: str | None) -> bytes:
    octets = part.encode()
    if problem := part_problem(octets, code):
        raise MailRefused(f"a part of the mail {problem}")
    return octets


def _sample(template: Template, locale: str, context: Mapping[str, str], now: float) -> Message:
    return Message(
        id="msg_preview",
        api_key="preview",
        to="customer@example.jp",
        template=template.name,
        is_code=template.is_code,
        locale=locale,
        code=Secret(template.sample_code) if template.sample_code else None,
        reference=template.sample_reference,
        tag="preview",
        challenge=None,
        customer=None,
        accepted_at=now,
        expires_at=now + template.life,
        context=context,
    )
