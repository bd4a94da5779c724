"""How many files and sockets the process may have open: as many as its hard limit allows.

The usual soft limit of 1024 is less than the sessions of route ``mx`` with the connections that they leave idle.
"""

import resource

#: No process of ours needs more: sessions, idle connections, HTTP clients, files.
ENOUGH = 65_536


def raise_file_limit() -> None:
    """Raise the soft limit to the hard one, up to `ENOUGH`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def file_limit() -> int:
    """Return how many the process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft
