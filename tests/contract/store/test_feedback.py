"""What a report changes: whose message it is about, how far it is believed, and that nothing happens twice."""

from typing import Any

import pytest

from mailsvc.domain.address import parse
from mailsvc.domain.address_state import AddressState, Strength
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.domain.message import Message, MessageState
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.domain.report import Action, Kind, Report, ReportState
from mailsvc.store import Store, feedback, lifecycle, messages, reports
from mailsvc.store.addresses import by_identity, record_of
from mailsvc.store.reports import StoredReport
from tests.support.domain import NOW, attempt
from tests.support.reports import SENDER_DOMAIN, bounce, keep, return_path, said
from tests.support.store import GUIDE, accepted, conclude, count, current, log_of, types_of

DAY = 86400.0
TARO, HANAKO = "taro@docomo.ne.jp", "hanako@docomo.ne.jp"
HERE = Mailboxes(sender=parse(f"no-reply@{SENDER_DOMAIN}"), bounce_domain=SENDER_DOMAIN)
DELIVERED = attempt(
    Permanence.DELIVERED, category=Category.DELIVERED, stage=Stage.DOT, scope=Scope.MESSAGE, reply="250 ok"
)
UNKNOWN = said(category=Category.USER_UNKNOWN, status="5.1.1", diagnostic="550 5.1.1 User unknown")


async def sent(store: Store, to: str = TARO, at: float = NOW, **fields: Any) -> Message:
    message = await accepted(store, to=to, accepted_at=at, challenge=f"c-{at}-{to}", **fields)
    return await conclude(store, message, DELIVERED, now=at + 1)


async def come(
    store: Store, report: Report, recipient: str | None, *, at: float = NOW + 60, read_at: float | None = None
) -> StoredReport:
    """Have a report come to a recipient and be read; return it as it is stored then."""
    number = await count(store, "reports")
    report_id = await keep(store, b"report %d" % number, recipient, at=at)
    await store.write(lambda tx: feedback.conclude(tx, report_id, report, HERE, read_at or at + 1))
    found = await store.read(lambda connection: reports.get(connection, report_id))
    assert found is not None
    assert found.state is ReportState.DONE
    return found


def about(message: Message, *recipients: Any, **fields: Any) -> Report:
    """Return a bounce that names a message."""
    return bounce(*recipients, message_id=f"{message.id}@{SENDER_DOMAIN}", **fields)


async def state_of(store: Store, identity: str = TARO) -> tuple[AddressState, list[Strength]]:
    row = await store.read(lambda connection: by_identity(connection, identity))
    record = await store.read(lambda connection: record_of(connection, row))
    return record.standing.state, [known.strength for known in record.evidence]


async def test_verified_report_is_told_with_its_message(store: Store) -> None:
    """A bounce to the tag that names the message is told by it and by an event, and flags the address."""
    message = await sent(store)
    report = await come(store, about(message, UNKNOWN), return_path(message.tag).upper())
    assert (report.kind, report.message, report.problem) == (Kind.BOUNCE, message.id, None)
    (told,) = (await current(store, message)).feedback
    assert (told.action, told.category, told.status, told.verified) == (
        Action.FAILED,
        Category.USER_UNKNOWN,
        "5.1.1",
        True,
    )
    assert (await current(store, message)).state is MessageState.SENT
    assert await state_of(store) == (AddressState.SUSPECT, [Strength.STRONG])
    last = (await log_of(store))[-1]
    assert (last.type, last.message, last.address) == ("feedback.bounced", message.id, TARO)
    assert last.customer == message.customer
    (shown,) = last.data["feedback"]
    assert shown == {
        "at": "2026-11-23T01:16:42.500Z",
        "action": "failed",
        "category": "user_unknown",
        "cause": None,
        "status": "5.1.1",
        "hard": True,
        "reply": "550 5.1.1 User unknown",
        "host": None,
        "source": "smtp",
        "verified": True,
    }
    assert last.data["address"]["state"] == "suspect"
    view = await store.read(lambda tx: messages.view(tx, messages.get(tx, message.id), GUIDE, NOW))  # type: ignore[arg-type]
    assert view["feedback"] == [shown]


@pytest.mark.parametrize(
    ("action", "category", "type_"),
    [
        (Action.FAILED, Category.REMOTE_ERROR, "feedback.bounced"),
        (Action.DELAYED, Category.DELAYED, "feedback.delayed"),
        (Action.DELIVERED, Category.DELIVERED, "feedback.delivered"),
        (Action.COMPLAINED, Category.COMPLAINT, "feedback.complained"),
    ],
)
async def test_each_action_has_its_event(store: Store, action: Action, category: Category, type_: str) -> None:
    """Bounced, delayed, delivered and complained are told apart."""
    message = await sent(store)
    kind = Kind.COMPLAINT if action is Action.COMPLAINED else Kind.BOUNCE
    report = Report(
        kind=kind, recipients=(said(TARO, action=action, category=category),), message_id=f"{message.id}@x.jp"
    )
    await come(store, report, return_path(message.tag))
    types = await types_of(store, message)
    assert types[-1] == type_
    state, _ = await state_of(store)
    assert state is (AddressState.COMPLAINED if action is Action.COMPLAINED else AddressState.DELIVERABLE)


#: What knows how much: the recipient of the report (tag of taro's address: ``{tag}``), and what it names.
KNOWN = {
    "tag and Message-ID": ("{path}", {"message_id": "{id}@x.jp"}, True),
    "tag and ENVID": ("{path}", {"envid": "{id}"}, True),
    "tag and ENVID, Message-ID rewritten": ("{path}", {"message_id": "x@relay.jp", "envid": "{id}"}, True),
    "tag in the headers": (None, {"message_id": "{id}@x.jp", "return_paths": ("x@y.jp", "{path}")}, True),
    "tag in the headers, to postmaster": ("postmaster", {"envid": "{id}", "return_paths": ("{path}",)}, True),
    "tag alone": ("{path}", {}, False),
    "tag alone in the headers": (f"abuse@{SENDER_DOMAIN}", {"return_paths": ("{path}",)}, False),
    "tag and a foreign ENVID": ("{path}", {"envid": "abc"}, False),
    "Message-ID alone": ("postmaster", {"message_id": "{id}@x.jp"}, False),
    "Message-ID, to the sender": (f"no-reply@{SENDER_DOMAIN}", {"message_id": "{id}@x.jp"}, False),
    "tag and Message-ID, to the sender": (
        f"No-Reply@{SENDER_DOMAIN}",
        {"message_id": "{id}@x.jp", "return_paths": ("{path}",)},
        False,
    ),
}


@pytest.mark.parametrize("name", KNOWN)
async def test_report_is_believed_as_far_as_it_knows(store: Store, name: str) -> None:
    """Tag and message make a report verified; one of the two, or an address that everybody knows, make it weak."""
    recipient, fields, verified = KNOWN[name]
    await sent(store, HANAKO)
    message = await sent(store, at=NOW + 10)
    known = {"id": message.id, "path": return_path(message.tag)}

    def filled(value: Any) -> Any:
        return tuple(map(filled, value)) if isinstance(value, tuple) else value.format(**known)

    report = bounce(UNKNOWN, **{field: filled(value) for field, value in fields.items()})
    done = await come(store, report, recipient and filled(recipient))
    assert (done.message, done.problem) == (message.id, None)
    assert [told.verified for told in (await current(store, message)).feedback] == [verified]
    assert await state_of(store) == (AddressState.SUSPECT, [Strength.STRONG if verified else Strength.WEAK])
    assert await state_of(store, HANAKO) == (AddressState.DELIVERABLE, [])


FORGED = {
    "neither": ("postmaster", {}),
    "nothing at all": (None, {}),
    "random tag": (return_path("a" * 24), {"message_id": "{id}@x.jp"}),
    "cut tag": ("{cut}", {"message_id": "{id}@x.jp", "return_paths": ("{cut}",)}),
    "no tag": (f"b+@{SENDER_DOMAIN}", {"message_id": "{id}@x.jp"}),
    "tag of another address": ("{other}", {"message_id": "{id}@x.jp"}),
    "unknown Message-ID": ("{path}", {"message_id": "msg_" + "a" * 28 + "@x.jp"}),
    "unknown ENVID": ("{path}", {"envid": "msg_" + "a" * 28}),
    "mail of somebody else": ("{path}", {"message_id": "20261123.1@elsewhere.example"}),
    "tag under another domain": ("b+{tag}@evil.test", {}),
}


@pytest.mark.parametrize("name", FORGED)
async def test_forged_report_changes_nothing(store: Store, name: str) -> None:
    """What knows no tag of ours, or contradicts itself, is read, noted with its reason, and forgotten."""
    recipient, fields = FORGED[name]
    other = await sent(store, HANAKO)
    message = await sent(store, at=NOW + 10)
    path = return_path(message.tag)
    known = {"id": message.id, "path": path, "tag": message.tag, "other": return_path(other.tag)}
    known["cut"] = path.replace(message.tag, message.tag[:-1])
    before = await log_of(store)

    def filled(value: Any) -> Any:
        return tuple(map(filled, value)) if isinstance(value, tuple) else value.format(**known)

    report = bounce(said(TARO), **{field: filled(value) for field, value in fields.items()})
    done = await come(store, report, recipient and filled(recipient))
    assert done.message is None
    assert done.problem
    assert await log_of(store) == before
    assert await state_of(store) == (AddressState.DELIVERABLE, [])
    assert await state_of(store, HANAKO) == (AddressState.DELIVERABLE, [])


@pytest.mark.parametrize("kind", [Kind.AUTO_REPLY, Kind.OTHER])
async def test_other_mail_is_noted_and_nothing_else(store: Store, kind: Kind) -> None:
    """An out-of-office note or a letter to the tag changes nothing, whatever it quotes."""
    message = await sent(store)
    report = Report(kind=kind, recipients=(said(TARO, action=Action.REPLIED),), message_id=f"{message.id}@x.jp")
    done = await come(store, report, return_path(message.tag))
    assert (done.kind, done.message, done.problem) == (kind, None, None)
    assert (await current(store, message)).feedback == ()
    assert await types_of(store, message) == ["accepted", "sent"]


async def test_verified_report_counts_once(store: Store) -> None:
    """The same action for the same message changes nothing a second time: not a replay, not another text."""
    message = await sent(store)
    await come(store, about(message), return_path(message.tag))
    before = await log_of(store)
    for number, report in enumerate([about(message), about(message, UNKNOWN), bounce(UNKNOWN)]):
        done = await come(store, report, return_path(message.tag), at=NOW + 3600 * (number + 1))
        assert (done.message, done.problem) == (message.id, "says nothing new")
    assert await log_of(store) == before
    assert await state_of(store) == (AddressState.MAILBOX_FULL, [Strength.STRONG])


@pytest.mark.parametrize(("age", "counts"), [(7 * DAY - 1, True), (7 * DAY + 1, False)])
@pytest.mark.parametrize("knows_message", [True, False])
async def test_report_about_an_old_mail_changes_nothing(
    store: Store,
    age: float,
    counts: bool,  # noqa: FBT001
    knows_message: bool,  # noqa: FBT001
) -> None:
    """Seven days after a mail a report about it, or about any mail to the address, comes too late."""
    message = await sent(store)
    report = about(message) if knows_message else bounce()
    # It counts when it came, however late it is read.
    done = await come(store, report, return_path(message.tag), at=NOW + age, read_at=NOW + age + DAY)
    assert bool(done.message) is counts
    assert bool(done.problem) is not counts


async def test_tag_alone_belongs_to_the_newest_mail_that_left(store: Store) -> None:
    """A report without a Message-ID is about the last message before it that had an attempt."""
    await sent(store)
    newest = await sent(store, at=NOW + 20)
    later = await sent(store, at=NOW + 300)
    waits = await accepted(store, to=TARO, accepted_at=NOW + 40, challenge="waits")
    done = await come(store, bounce(), return_path(newest.tag), at=NOW + 60)
    assert done.message == newest.id
    assert (await current(store, waits)).feedback == (await current(store, later)).feedback == ()


async def test_two_verified_reports_make_undeliverable_and_weak_ones_never(store: Store) -> None:
    """It takes reports of two messages a minute apart that know them; any number by the tag alone makes suspect."""
    first = await sent(store)
    second = await sent(store, at=NOW + 100)
    for message, at in ((first, NOW + 10), (second, NOW + 110)):
        await come(store, bounce(UNKNOWN), return_path(message.tag), at=at)
        assert (await state_of(store))[0] is AddressState.SUSPECT
    for message, at, state in (
        (first, NOW + 120, AddressState.SUSPECT),
        (second, NOW + 180, AddressState.UNDELIVERABLE),
    ):
        await come(store, about(message, UNKNOWN), return_path(message.tag), at=at)
        assert (await state_of(store))[0] is state


async def test_recipient_that_somebody_else_has_is_never_touched(store: Store) -> None:
    """A valid tag and message with another customer in Final-Recipient: that customer's address stays as it is."""
    await sent(store, HANAKO)
    message = await sent(store)
    others = [said(HANAKO, category=Category.USER_UNKNOWN), said("nobody@example.jp", category=Category.MAILBOX_FULL)]
    await come(store, about(message, *others), return_path(message.tag))
    assert await state_of(store, HANAKO) == (AddressState.DELIVERABLE, [])
    assert not any(told.verified for told in (await current(store, message)).feedback)
    assert set((await state_of(store))[1]) == {Strength.WEAK}


async def test_message_that_is_still_queued_keeps_its_state(store: Store) -> None:
    """A bounce of an earlier copy is told and ends nothing."""
    message = await accepted(store)
    message = await conclude(store, message, attempt())
    await come(store, about(message), return_path(message.tag), at=NOW + 2)
    now = await current(store, message)
    assert (now.state, len(now.feedback)) == (MessageState.QUEUED, 1)
    claimed = await store.write(lambda tx: lifecycle.claim(tx, message.id, NOW + 30))
    assert claimed is not None
    assert claimed.feedback == now.feedback


async def test_report_that_is_done_is_not_done_again(store: Store) -> None:
    """A report that was read twice, around a crash, changes things once."""
    message = await sent(store)
    report_id = await keep(store, b"raw", return_path(message.tag))
    for number, report in enumerate([about(message), about(message, said(action=Action.DELIVERED))]):
        at = NOW + number
        await store.write(lambda tx, report=report, at=at: feedback.conclude(tx, report_id, report, HERE, at))
    assert len((await current(store, message)).feedback) == 1


async def test_our_own_fault_flags_nothing(store: Store) -> None:
    """A bounce that speaks of our side is told, and the address stays as it is."""
    message = await sent(store)
    report = about(message, said(category=Category.AUTH_FAILED, diagnostic="550 5.7.26 DMARC"))
    await come(store, report, return_path(message.tag))
    assert await state_of(store) == (AddressState.DELIVERABLE, [])
    assert (await types_of(store, message))[-1] == "feedback.bounced"
