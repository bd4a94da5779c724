"""The battery: every story of what goes wrong between a code's submit and its mailbox."""

from tests.scenarios.battery import (
    broken_tls,
    deaf,
    dns_trouble,
    endless,
    greylist,
    ipv6_black_hole,
    lost_after_dot,
    mailbox_busy,
    primary,
    resets,
    slow_dot,
    slow_down,
)
from tests.scenarios.battery.story import Story

STORIES: list[Story] = [
    *greylist.STORIES,
    *primary.STORIES,
    *ipv6_black_hole.STORIES,
    *slow_down.STORIES,
    *mailbox_busy.STORIES,
    *broken_tls.STORIES,
    *resets.STORIES,
    *lost_after_dot.STORIES,
    *dns_trouble.STORIES,
    *endless.STORIES,
    *deaf.STORIES,
    *slow_dot.STORIES,
]
