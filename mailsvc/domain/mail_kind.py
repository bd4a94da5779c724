"""Whose mailbox an address has, as far as its domain tells: what to look at when mail does not arrive depends on it.

Never the customer's carrier: carrier addresses have been portable since 2021. Domains that are not known here count as
companies' own.
"""

from enum import StrEnum


class MailKind(StrEnum):
    """Who runs the mailboxes of a domain."""

    DOCOMO = "docomo"
    AU = "au"
    SOFTBANK = "softbank"
    OTHER_CARRIER = "other_carrier"  #: Y!mobile, UQ, Rakuten and the like: filters under various names
    WEBMAIL = "webmail"
    ISP = "isp"
    COMPANY = "company"  #: its own domain, or one that is not known here


#: Domains; their sub-domains count as they do.
_DOMAINS = {
    MailKind.DOCOMO: "docomo.ne.jp",
    MailKind.AU: "ezweb.ne.jp au.com sky.tkk.ne.jp sky.tkc.ne.jp sky.dtg.ne.jp sky.tu-ka.ne.jp ido.ne.jp",
    MailKind.SOFTBANK: "softbank.ne.jp i.softbank.jp vodafone.ne.jp disney.ne.jp "
    + " ".join(f"jp-{area}.ne.jp" for area in "dhtckrnsq"),
    MailKind.OTHER_CARRIER: "ymobile.ne.jp y-mobile.ne.jp yahoo.ne.jp willcom.com pdx.ne.jp emnet.ne.jp uqmobile.jp "
    "rakumail.jp mopera.net mineo.jp",
    MailKind.WEBMAIL: "gmail.com googlemail.com yahoo.co.jp ymail.ne.jp icloud.com me.com mac.com outlook.jp "
    "outlook.com hotmail.co.jp hotmail.com live.jp live.com msn.com aol.com yahoo.com",
    MailKind.ISP: "ocn.ne.jp plala.or.jp nifty.com nifty.ne.jp biglobe.ne.jp so-net.ne.jp dion.ne.jp auone-net.jp "
    "jcom.home.ne.jp jcom.zaq.ne.jp em-net.ne.jp ybb.ne.jp eonet.ne.jp asahi-net.or.jp hi-ho.ne.jp tiki.ne.jp "
    "dti.ne.jp",
}
_KINDS = {domain: kind for kind, domains in _DOMAINS.items() for domain in domains.split()}


def mail_kind(domain: str) -> MailKind:
    """Return who runs the mailboxes of a domain, given in ASCII and any case."""
    labels = domain.lower().split(".")
    parents = (".".join(labels[number:]) for number in range(len(labels)))
    return next((_KINDS[parent] for parent in parents if parent in _KINDS), MailKind.COMPANY)
