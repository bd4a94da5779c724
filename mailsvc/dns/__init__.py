"""Where a domain takes mail: MX and addresses from DNS, with the kinds of "no" told apart."""

from mailsvc.dns.answer import DnsTrouble, NoSuchDomain
from mailsvc.dns.mail_hosts import MailHosts, NullMx
from mailsvc.dns.public import is_public
from mailsvc.dns.resolver import Resolver

__all__ = ["DnsTrouble", "MailHosts", "NoSuchDomain", "NullMx", "Resolver", "is_public"]
