"""What the console keeps and asks: figures, sessions, what operators did, looking messages and addresses up."""

from mailsvc.domain.access import Scope
from mailsvc.domain.figures import Figures
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.store import Store, actions, figures, keys, lookups, retention, sessions
from mailsvc.store.actions import Action
from tests.support.domain import NOW, attempt
from tests.support.store import accepted, conclude

MINUTE = NOW // 60 * 60


async def test_figures_add_up_by_minute_and_hour(store: Store) -> None:
    """Each site has its rows, and so have all together; a second batch is added to the first."""
    one = Figures(codes=2, on_time=1, times=(1,) + (0,) * 10, sides={"ours": 1}, categories={"auth_failed": 1})
    await store.write(lambda tx: figures.add(tx, (0, 5), {("a", MINUTE): one, ("b", MINUTE - 60): one}, NOW))
    await store.write(lambda tx: figures.add(tx, (5, 9), {("a", MINUTE): one}, NOW))
    for span in (figures.MINUTE, figures.HOUR):
        mine = await store.read(lambda connection, span=span: figures.of(connection, "a", span, NOW - 3600))
        assert sum((found for _, found in mine), Figures()) == one + one
        every = await store.read(lambda connection, span=span: figures.of(connection, figures.ALL, span, NOW - 3600))
        assert sum((found for _, found in every), Figures()).codes == 6
    worst = await store.read(lambda connection: figures.by_destination(connection, figures.HOUR, NOW - 86400, 9))
    assert [(site.destination, site.codes, site.on_time, site.sides["ours"]) for site in worst] == [
        ("a", 4, 2, 2),
        ("b", 2, 1, 1),
    ]


async def test_events_count_once(store: Store) -> None:
    """Whoever read from an older place of the log adds nothing."""
    found = {("a", MINUTE): Figures(codes=1)}
    await store.write(lambda tx: figures.add(tx, (0, 5), found, NOW))
    await store.write(lambda tx: figures.add(tx, (0, 5), found, NOW))
    ((_, counted),) = await store.read(lambda connection: figures.of(connection, "a", figures.MINUTE, NOW - 60))
    assert counted.codes == 1


async def test_log_is_read_on_from_where_it_was_left(store: Store) -> None:
    """Each message that ended is told once, after events that are gone too; others are passed over."""
    ended = []
    for number in range(3):
        message = await accepted(store, to=f"{number}@docomo.ne.jp", challenge=None)
        await conclude(store, message, attempt(Permanence.DELIVERED, category=Category.DELIVERED))
        part = await store.read(figures.unread)
        ended.append([one.data["id"] for one in part.ended] == [message.id])
        await store.write(lambda tx, part=part: figures.add(tx, (part.before, part.after), {}, NOW))
    assert all(ended)
    part = await store.read(figures.unread)
    assert (part.ended, part.after, part.more) == ([], part.before, False)
    message = await accepted(store, to="4@docomo.ne.jp", challenge=None)
    await conclude(store, message, attempt(Permanence.DELIVERED, category=Category.DELIVERED))
    gone = {"keep_messages": 9e9, "keep_reports": 9e9, "keep_events": 0.0}
    while await store.write(lambda tx: retention.prune(tx, NOW + 99, **gone)):
        pass
    part = await store.read(figures.unread)
    assert part.ended == []
    assert part.after > part.before


async def test_old_figures_are_neither_added_nor_kept(store: Store) -> None:
    """Minutes stay for hours, hours for two weeks."""
    old = {("a", MINUTE - 4 * 3600): Figures(codes=1)}
    await store.write(lambda tx: figures.add(tx, (0, 1), old | {("a", MINUTE): Figures(codes=1)}, NOW))
    assert len(await store.read(lambda connection: figures.of(connection, "a", figures.MINUTE, 0))) == 1
    assert len(await store.read(lambda connection: figures.of(connection, "a", figures.HOUR, 0))) == 2
    assert not await store.write(lambda tx: figures.prune(tx, NOW + 16 * 86400))
    for span in figures.KEPT:
        assert not await store.read(lambda connection, span=span: figures.of(connection, "a", span, 0))


async def test_session_ends_by_time_by_sign_out_and_with_its_key(store: Store) -> None:
    """Whoever has the cookie is the holder of the key, no longer than the key lives."""
    key, _ = await store.write(lambda tx: keys.new(tx.connection, "ops", frozenset({Scope.OPERATE}), NOW))
    first, second = [await store.write(lambda tx: sessions.begin(tx, key, NOW)) for _ in range(2)]
    assert first != second

    async def holder(secret: str, now: float = NOW + 60) -> str | None:
        found = await store.read(lambda connection: sessions.holder(connection, secret, now))
        return found.id if found else None

    assert await holder(first) == await holder(second) == key.id
    assert await holder("nonsense") is None
    assert await holder(first, NOW + sessions.LIFE) is None
    await store.write(lambda tx: sessions.end(tx, first))
    assert await holder(first) is None
    await store.write(lambda tx: keys.revoke(tx.connection, "ops", NOW))
    assert await holder(second) is None


async def test_actions_are_listed_newest_first_page_by_page(store: Store) -> None:
    """Each entry tells who did what, to what and why."""
    key, _ = await store.write(lambda tx: keys.new(tx.connection, "ops", frozenset({Scope.OPERATE}), NOW))
    for number in range(3):
        await store.write(
            lambda tx, number=number: actions.record(tx, key, Action.CLEAR, NOW + number, subject="t***@x", detail="y")
        )
    found, more = await store.read(lambda connection: actions.page(connection, before=None, limit=2))
    assert [(entry.name, entry.at, entry.detail) for entry in found] == [("ops", NOW + 2, "y"), ("ops", NOW + 1, "y")]
    rest, end = await store.read(lambda connection: actions.page(connection, before=more, limit=2))
    assert ([entry.at for entry in rest], end) == ([NOW], None)
    await store.write(lambda tx: actions.prune(tx, NOW + actions.KEPT + 2))
    left, _ = await store.read(lambda connection: actions.page(connection, before=None, limit=9))
    assert [entry.at for entry in left] == [NOW + 2]


async def test_message_is_found_by_whatever_is_known_of_it(store: Store) -> None:
    """Id, challenge, customer, reference, and its address."""
    message = await accepted(store)
    for value in (message.id, message.challenge, message.customer, message.reference):
        found = await store.read(
            lambda connection, value=value: lookups.named(connection, lookups.NAMES, value, limit=9)
        )
        assert [one.id for one in found] == [message.id]
        assert found[0].code is None
    there = await store.read(lambda connection: lookups.to_address(connection, "taro@docomo.ne.jp", limit=9))
    assert [one.id for one in there] == [message.id]
    assert await store.read(lambda connection: lookups.late(connection, NOW + 61)) == 1
    assert await store.read(lambda connection: lookups.late(connection, NOW)) == 0


async def test_address_is_named_by_its_last_change_or_a_message(store: Store) -> None:
    """Neither tells the address to whoever reads a URL."""
    message = await accepted(store)
    await conclude(store, message, attempt(Permanence.PERMANENT, category=Category.MAILBOX_FULL))
    (known,), _ = await store.read(
        lambda connection: lookups.flagged(connection, NOW, state=None, before=None, limit=9)
    )
    assert known.identity == "taro@docomo.ne.jp"
    assert known.change is not None
    for handle in ({"change": known.change}, {"tag": message.tag}, {"identity": known.identity}):
        found = await store.read(lambda connection, handle=handle: lookups.address(connection, NOW, **handle))
        assert found == known
    assert await store.read(lambda connection: lookups.address(connection, NOW, change="adr_x")) is None
