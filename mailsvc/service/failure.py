"""Why a start cannot succeed."""


class StartError(Exception):
    """The service cannot start; the message is one line for the operator, saying what to change."""
