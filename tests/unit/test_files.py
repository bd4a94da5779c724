"""The limit on open files: raised at the start, and obeyed where it cannot be."""

import resource
from collections.abc import Iterator

import pytest

from mailsvc.service.files import ENOUGH, file_limit, raise_file_limit


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    """Put the limit back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_soft_limit_is_raised_towards_the_hard_one() -> None:
    """A process started with a low soft limit takes what the hard one allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    raise_file_limit()
    assert file_limit() == (ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard


def test_limit_that_is_high_enough_stays_as_it_is() -> None:
    """It is never lowered."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit()
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == raised
    assert raised[0] >= before[0] or before[0] == resource.RLIM_INFINITY
