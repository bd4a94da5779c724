"""A code into a real Mailpit, as a developer reads it there."""

from pathlib import Path

from mailsvc.mailpit import Mailpit
from tests.support.mailpit import RunningMailpit
from tests.support.service import Service


async def test_code_is_read_in_mailpit(tmp_path: Path, running_mailpit: RunningMailpit) -> None:
    """The mail arrives with its envelope sender, subject and code, and its raw bytes are ours."""
    route = f"smtp://{running_mailpit.smtp_host}:{running_mailpit.smtp_port}?tls=none"
    async with Service(folder=tmp_path, settings={"ROUTE": route}) as service:
        accepted = (await service.submit("hanako@example.jp")).json()
        message = await service.outcome(accepted["id"])
    assert message["state"] == "sent"
    async with Mailpit(running_mailpit.url) as mailpit:
        (found,) = [mail for mail in await mailpit.search("to:hanako@example.jp") if accepted["id"] in mail.message_id]
        mail = await mailpit.message(found.id)
        raw = await mailpit.raw(found.id)
        await mailpit.delete([found.id])
    assert mail.subject == "【見本証券株式会社】追加認証コードのお知らせ"
    assert mail.return_path.startswith("b+")
    assert "認証コード：042917" in mail.text.splitlines()
    assert f"受付番号：{accepted['reference']}" in mail.text
    assert b"DKIM-Signature:" in raw
