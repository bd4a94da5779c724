"""The registration that docs/guide/registration.md shows works as the page says."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.support.dns_zone import DnsServer, No
from tests.support.service import API_KEY, Service

PAGE = Path(__file__).parents[2] / "docs/guide/registration.md"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run the service with a DNS that knows a company, a provider and a slow one."""
    hosts = {"MX": ["10 mx.good.jp."]}
    zone = {"good.jp": hosts, "gmail.com": hosts, "mx.good.jp": {"A": ["8.8.8.8"]}, "slow.jp": No.SERVFAIL}
    zone |= {"typo-of-gmail.jp": hosts, "gmaik.com": hosts}
    folder = tmp_path_factory.mktemp("service")
    async with DnsServer(zone=zone) as server, Service(folder=folder, settings={"DNS": server.address}) as service:
        yield service


class Customer:
    """Fills in the form of the page, in a thread: the page's code is that of a plain web application."""

    def __init__(self, http: httpx2.Client) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        names: dict[str, Any] = {}
        exec(compile(code, str(PAGE), "exec"), names)
        self.shown = SimpleNamespace(**names)
        self.registration = names["Registration"](http, "c-000123")

    async def form(self, typed: str) -> tuple[str, dict[str, Any]]:
        """Send the form."""
        page: tuple[str, dict[str, Any]] = await asyncio.to_thread(self.registration.send_form, typed)
        return page

    async def code(self, entered: str) -> tuple[str, dict[str, Any]]:
        """Send the code."""
        page: tuple[str, dict[str, Any]] = await asyncio.to_thread(self.registration.send_entered_code, entered)
        return page


@pytest.fixture
def customer(service: Service) -> Iterator[Customer]:
    """Return a customer in front of the form."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx2.Client(base_url=service.url, headers=headers, trust_env=False) as http:
        yield Customer(http)


async def test_good_address_is_confirmed_by_its_code(service: Service, customer: Customer) -> None:
    """Typed in full width, repaired, mailed, confirmed: the address is known to be deliverable."""
    page, shown = await customer.form("　ｔａｒｏ＠good．jp ")
    assert page == "code"
    assert re.fullmatch("[A-Z0-9]{4}", shown["reference"])
    assert "mail.example.jp" in shown["advice"]
    await service.outcome(customer.registration.message)
    wrong = "000000" if customer.registration.code != "000000" else "111111"
    assert (await customer.code(wrong))[0] == "code"
    assert await customer.code(customer.registration.code) == ("done", {"address": "taro@good.jp"})
    known = (await service.client.post("/v1/addresses/state", json={"address": "taro@good.jp"})).json()
    assert known["state"] == "deliverable"
    used = [event for event in await service.events() if event["type"] == "message.used"]
    assert [(event["customer"], event["data"]["template"]) for event in used] == [("c-000123", "address_confirmation")]


async def test_warning_is_asked_once(customer: Customer) -> None:
    """A typo is asked about with the address that was meant; sent again it is accepted, another typo is asked about."""
    page, shown = await customer.form("taro@gmaik.com")
    assert (page, shown["buttons"]) == ("form", ["taro@gmail.com"])
    assert "taro@gmail.com" in "".join(shown["messages"])
    assert shown["confirm"] == "taro@gmaik.com で登録する"
    assert (await customer.form("taro@gmaik.com"))[0] == "code"
    assert (await customer.form("jiro@gmaik.com"))[0] == "form"
    assert (await customer.form("jiro@gmail.com"))[0] == "code"


async def test_rejected_address_gets_no_mail(customer: Customer) -> None:
    """What cannot receive stays on the form, however often it is sent."""
    for _ in range(2):
        page, shown = await customer.form("taro@absent.jp")
        assert page == "form"
        assert shown["messages"]
        assert "confirm" not in shown
    page, shown = await customer.form("ta ro@good.jp")
    assert (page, shown["field"], shown["buttons"]) == ("form", "ta ro@good.jp", ["taro@good.jp"])


async def test_dns_trouble_lets_the_customer_go_on(customer: Customer) -> None:
    """`unknown` is accepted as `ok` is."""
    assert (await customer.form("taro@slow.jp"))[0] == "code"


async def test_codes_that_are_too_many_or_too_old_are_void(customer: Customer) -> None:
    """After the tries, or the life of the code, a new one is needed, and gets through."""
    await customer.form("saburo@good.jp")
    right = customer.registration.code
    for _ in range(5):
        await customer.code("x" * 6)
    assert "再発行" in (await customer.code(right))[1]["messages"][0]
    await asyncio.to_thread(customer.registration.send_code, "saburo@good.jp", "")
    customer.registration.until = 0.0
    assert "再発行" in (await customer.code(customer.registration.code))[1]["messages"][0]


async def test_later_news_of_an_address_is_doubtful(customer: Customer) -> None:
    """The page's last function picks the events that count."""
    doubtful = customer.shown.doubtful
    assert doubtful({"type": "address.changed", "data": {"state": "suspect", "because": "dns"}})
    assert not doubtful({"type": "address.changed", "data": {"state": "deliverable"}})
    assert not doubtful({"type": "message.sent", "data": {"state": "sent"}})
