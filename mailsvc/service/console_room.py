"""The console, and what keeps its figures up to date."""

import asyncio
from contextlib import AsyncExitStack

from starlette.applications import Starlette

from mailsvc.api.services import Services
from mailsvc.console import services as console
from mailsvc.console.app import create_console
from mailsvc.console.figures import Bookkeeper
from mailsvc.delivery.routes import Route
from mailsvc.service.doctor_room import Doctor
from mailsvc.settings import Settings, describe


def start_console(
    stack: AsyncExitStack, settings: Settings, services: Services, *, doctor: Doctor, route: Route
) -> Starlette:
    """Begin to keep figures; return the application at ``/console``."""
    bookkeeper = Bookkeeper(services.store, services.clock)
    stack.callback(asyncio.create_task(bookkeeper.run()).cancel)

    async def changed(seconds: float) -> bool:
        with services.watch.on(None) as bell:
            return await bell.wait(asyncio.get_running_loop().time() + seconds)

    return create_console(
        console.Services(
            store=services.store,
            clock=services.clock,
            webhooks=services.webhooks,
            settings=describe(settings),
            secure=settings.http_tls is not None or settings.http_behind_proxy,
            examination=lambda: doctor.last,
            failing=services.failing,
            late=services.late,
            in_force=route.in_force,
            read_reports=services.inbox.bell.set,
            changed=changed,
            stopping=lambda: services.watch.closed,
        )
    )
