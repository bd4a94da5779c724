"""mailsvc: the mail service whose unit of work is a code with a deadline."""

__version__ = "0.1.0"
