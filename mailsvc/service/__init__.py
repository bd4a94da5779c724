"""The composition root: which rooms this process needs, built and wired, started and stopped in order."""

from mailsvc.service.failure import StartError
from mailsvc.service.mail_room import make_composer
from mailsvc.service.run import Running, run

__all__ = ["Running", "StartError", "make_composer", "run"]
