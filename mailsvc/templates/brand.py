"""The company's own lines in every mail.

Decides whether configured values may be printed. Refuses with ``BrandError`` naming the field and what is wrong;
never repairs. A ``Brand`` that exists is good for every template.
"""

from dataclasses import dataclass, fields

from mailsvc.templates import rules

#: A name stands in From and Subject, where a phone shows about this much (characters).
NAME_MAX = 28
#: The other values are wrapped over lines (characters).
LINE_MAX = 120


class BrandError(ValueError):
    """A brand value that may not be printed; the message begins with the name of its field."""


@dataclass(frozen=True, slots=True)
class Brand:
    """Who writes; printed at the end of every mail, exactly as given."""

    name: str  #: company name, also in the Subject; at most 28 characters
    registration: str  #: the whole line, such as 金融商品取引業者 関東財務局長（金商）第○号
    associations: str  #: names of the associations it belongs to, without a label
    contact: str  #: telephone number and hours, without a label

    def __post_init__(self) -> None:
        for field in fields(self):
            check_value(field.name, getattr(self, field.name), NAME_MAX if field.name == "name" else LINE_MAX)


def check_value(field: str, value: str, longest: int) -> None:
    """Raise `BrandError` where a configured value may not be printed in a mail."""
    if problem := rules.value_problem(value, longest) or rules.jis_problem(value):
        raise BrandError(f"{field} {problem}")
