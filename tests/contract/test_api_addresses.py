"""Which recipients a submit takes, as they are, and what reaches the wire (CONTRACT 3.1; RELIABILITY A5, A6)."""

import pytest

from tests.support.api import pointers
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG_LOCAL = "a" * 64
LONG_DOMAIN = ".".join(["b" * 63, "c" * 63, "d" * 58, "jp"])


@pytest.mark.parametrize(
    ("to", "wire", "masked"),
    [
        ("taro@docomo.ne.jp", None, "t***@docomo.ne.jp"),
        ("Taro.Yamada@Example.JP", None, "T***@Example.JP"),
        ("t@example.jp", None, "t***@example.jp"),
        ("a+b=c/d!e#f$g%h&i'j*k?l^m_n`o{p|q}r~s@example.jp", None, "a***@example.jp"),
        ("taro..x@docomo.ne.jp", '"taro..x"@docomo.ne.jp', "t***@docomo.ne.jp"),
        ('"taro..x"@docomo.ne.jp', None, "t***@docomo.ne.jp"),
        ('"taro."@ezweb.ne.jp', None, "t***@ezweb.ne.jp"),
        ("taro@日本語.jp", "taro@xn--wgv71a119e.jp", "t***@xn--wgv71a119e.jp"),
        ("taro@faß.De", "taro@xn--fa-hia.de", "t***@xn--fa-hia.de"),
        ("taro@xn--wgv71a119e.jp", None, "t***@xn--wgv71a119e.jp"),
        (f"{LONG_LOCAL}@{LONG_DOMAIN}", None, f"a***@{LONG_DOMAIN}"),
    ],
    ids=repr,
)
async def test_address_is_sent_as_written(
    service: Service, peer: SmtpPeer, to: str, wire: str | None, masked: str
) -> None:
    """An address that is one goes into RCPT TO octet for octet; only dots against the rules get their quotes."""
    accepted = (await service.submit(to)).json()
    assert accepted["to"] == masked
    assert (await service.outcome(accepted["id"]))["state"] == "sent"
    assert peer.mails[-1].rcpt_line.partition(b">")[0] == f"RCPT TO:<{wire or to}".encode()


@pytest.mark.parametrize(
    "to",
    [
        *("", "@", "taro", "taro@", "@example.jp", "taro@example", "taro@example.", "taro@.example.jp"),
        *("taro@example.jp.", "taro@example..jp", "taro@-example.jp", "taro@example-.jp", "taro@exam_ple.jp"),
        *("ta ro@example.jp", " taro@example.jp", "taro@example.jp ", "taro@exam ple.jp", "taro@example.jp\n"),
        *("taro..x@example.jp", ".taro@example.jp", "taro.@example.jp", ".taro@docomo.ne.jp", '".taro"@docomo.ne.jp'),
        *(
            '"taro"@example.jp',
            '"taro"@docomo.ne.jp',
            '"ta ro"@docomo.ne.jp',
            r'"ta\"ro"@docomo.ne.jp',
            '""@ezweb.ne.jp',
        ),
        *("taro@[127.0.0.1]", "taro@127.0.0.1", "taro@[IPv6:::1]", "taro@2130706433", "taro@example.123"),
        *("taro(comment)@example.jp", "taro@example.jp(comment)", "Taro <taro@example.jp>", "<taro@example.jp>"),
        *("group: taro@example.jp;", "taro@example.jp, jiro@example.jp", "taro@example.jp;jiro@example.jp"),
        *("x@y.test <v@b.test>", "taro@evil.test@example.jp", "@relay.test:taro@example.jp", "mailto:taro@example.jp"),
        *("taro@example.jp> NOTIFY=NEVER", "taro@example.jp>\r\nDATA", "taro@example.jp\r\nRCPT TO:<x@y.jp>"),
        *("taro\u0000@example.jp", "taro@example.jp\u0000", "taro\t@example.jp", "taro\u0085@example.jp"),
        *("taro\u2028@example.jp", "taro\u200b@example.jp", "taro@exam\u00adple.jp", "taro@exa\u200dmple.jp"),
        *("ｔａｒｏ@example.jp", "taro＠example.jp", "taro@ｅｘａｍｐｌｅ.jp", "taro@example。jp", "taro@example．jp"),
        *("太郎@example.jp", "tarō@example.jp", "taro@日本語", "taro@日本語。jp", "taro@BÜCHER.example"),
        *("taro@＿.jp", "taro@日本 語.jp", "taro@-日本.jp", "taro@☃\ufe0f.jp", "=?utf-8?q?taro?=@example.jp\r\n"),
        *(f"a{LONG_LOCAL}@example.jp", f"taro@{'b' * 64}.jp", f"{LONG_LOCAL}@b{LONG_DOMAIN}"),
    ],
    ids=repr,
)
async def test_text_that_would_need_repair_is_refused(service: Service, peer: SmtpPeer, to: str) -> None:
    """What is no address exactly as written is 422 at `/to`; nothing is trimmed, folded, unwrapped or split."""
    before = len(peer.mails)
    assert pointers(await service.submit(to)) == {"/to"}
    assert len(peer.mails) == before
