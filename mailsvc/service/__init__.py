"""The composition root: which rooms this process needs, built and wired, started and stopped in order."""

from mailsvc.service.failure import StartError, store_fault
from mailsvc.service.mail_room import make_composer
from mailsvc.service.published import look_up
from mailsvc.service.run import Running, run

__all__ = ["Running", "StartError", "look_up", "make_composer", "run", "store_fault"]
