"""Work over the store that is done again and again for as long as the process lives.

Nothing that happens to one round keeps the next one from coming: a store that cannot be used is asked again later (its
writer has logged it), and any other failure is a fault of ours, told by its kind only, for its words may hold values.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from mailsvc.store.transaction import StoreUnavailable


async def rounds(step: Callable[[], Awaitable[Any]], interval: float, failed: Callable[..., Any]) -> NoReturn:
    """Do a step until cancelled, with a pause (seconds) after each.

    ``failed`` logs what else went wrong, given as ``error``.
    """
    while True:
        try:
            await step()
        except StoreUnavailable:
            pass
        except Exception as error:  # noqa: BLE001  the next round must come
            failed(error=type(error).__name__)
        await asyncio.sleep(interval)
