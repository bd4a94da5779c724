"""A company's own templates: in front of ours, held to the same rules; HTML where one opts in."""

from pathlib import Path

import pytest

from mailsvc.templates import Catalogue, TemplateError
from tests.support.mails import ACCEPTED, PAGE, TEXT, composer, message, parsed, words, write_folder

NOTICE = TEXT.replace("認証コード：{{ code }}\n有効期限：{{ expires }}\n", "{{ changed_at or '' }}\n")
SIGNATURE = "{{ brand.name }}\n{{ brand.registration }}\n{{ brand.associations }}\n{{ brand.contact }}\n"


def fault(folder: Path) -> str:
    """Return the one line with which a process with these templates refuses to start."""
    with pytest.raises(TemplateError) as caught:
        composer(folder).self_check(ACCEPTED)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_text(folder: Path, source: str) -> Path:
    return write_folder(folder, ja__login_code__txt=source)


def with_page(folder: Path, source: str) -> Path:
    return write_folder(folder, ja__login_code__txt=TEXT, ja__login_code__html=source)


def test_our_own_templates_keep_every_rule() -> None:
    """The process starts with what is in the package."""
    composer().self_check(ACCEPTED)


def test_company_text_stands_in_front_of_ours_for_its_language_only(tmp_path: Path) -> None:
    """One file replaces one template in one language."""
    make = composer(with_text(tmp_path, TEXT))
    make.self_check(ACCEPTED)
    assert parsed(make.preview("login_code", "ja", ACCEPTED))["Subject"] == "【見本証券株式会社】お知らせ"
    for name, locale in [("login_code", "en"), ("login_code_reissued", "ja")]:
        assert make.preview(name, locale, ACCEPTED) == composer().preview(name, locale, ACCEPTED)


def test_first_folder_wins(tmp_path: Path) -> None:
    """Of several folders the first that has the file is taken."""
    first = with_text(tmp_path / "a", TEXT.replace("お知らせ", "一番目"))
    second = with_text(tmp_path / "b", TEXT.replace("お知らせ", "二番目"))
    assert "一番目" in parsed(composer(first, second).preview("login_code", "ja", ACCEPTED))["Subject"]


def test_company_signature_closes_every_mail(tmp_path: Path) -> None:
    """The closing lines are one file for all templates of a language."""
    make = composer(write_folder(tmp_path, ja__signature__txt=SIGNATURE + "敬具\n"))
    make.self_check(ACCEPTED)
    assert all(words(make.preview(name, "ja", ACCEPTED)).endswith("敬具\n") for name in Catalogue.load())


def test_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    """A byte order mark and CR LF change nothing."""
    plain, windows = with_text(tmp_path / "plain", TEXT), with_text(tmp_path / "windows", TEXT)
    (windows / "ja" / "login_code.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    mails = [composer(folder).preview("login_code", "ja", ACCEPTED) for folder in (plain, windows)]
    assert mails[0] == mails[1]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("Subject: ", "件名："), "must begin with one line 'Subject: …'"),
        (("お知らせ\n\n", "お知らせ\n"), "must begin with one line 'Subject: …'"),
        (("】お知らせ", "】{{ code }}"), "'code' is undefined"),
        (("】お知らせ", "】{{ environment }}"), "'environment' is undefined"),
        (("】お知らせ", "】=?utf-8?q?a=0D=0ABcc=3A_x=40y?="), "the Subject has =?"),
        (("】お知らせ", "】www.evil"), "the Subject looks like a URL"),
        (("】お知らせ", "】" + "長" * 100), "the Subject is longer than 100"),
        (("認証コード：{{ code }}\n", ""), "must have the line 認証コード：{{ code }}"),
        (("認証コード：{{ code }}", "コード：{{ code }}"), "must have the line 認証コード：{{ code }}"),
        (("認証コード：{{ code }}", "認証コード：{{ code }}です"), "must have the line 認証コード：{{ code }}"),
        (("{{ signature }}", "{{ code }}\n{{ signature }}"), "must have the code once and no other six digits"),
        (("{{ signature }}", "口座 123456\n{{ signature }}"), "must have the code once and no other six digits"),
        (("{{ signature }}", "電話 03123456789\n{{ signature }}"), "must have the code once and no other six digits"),
        (("{{ signature }}", "１２３４５６\n{{ signature }}"), "must have the code once and no other six digits"),
        (("{{ signature }}", ""), "must print {{ signature }}"),
        (("有効期限：{{ expires }}\n", ""), "must print {{ expires }}"),
        (("受付日時：{{ accepted }}\n", ""), "must print {{ accepted }}"),
        (("受付番号：{{ reference }}\n", ""), "must print {{ reference }}"),
        (("{{ signature }}", "{{ cod }}\n{{ signature }}"), "'cod' is undefined"),
        (("{{ signature }}", "{{ customer }}\n{{ signature }}"), "'customer' is undefined"),
        (("{{ signature }}", "{{ environment }}\n{{ signature }}"), "prints a value that may be absent"),
        (("{{ signature }}", "{% if code %}\n{{ signature }}"), "line 8: Unexpected end of template"),
        (("{{ signature }}", "{{ code | nofilter }}\n{{ signature }}"), "line 7: No filter named 'nofilter'"),
        (("{{ signature }}", "{{ [1, 2] | random }}\n{{ signature }}"), "No filter named 'random'"),
        (("{{ signature }}", "{{ lipsum() }}\n{{ signature }}"), "'lipsum' is undefined"),
        (("{{ signature }}", "{{ code.__class__ }}\n{{ signature }}"), "access to attribute '__class__'"),
        (("{{ signature }}", "{% include 'x' %}\n{{ signature }}"), "no loader"),
        (("{{ signature }}", "{{ 1 // 0 }}\n{{ signature }}"), "zero"),
        (("{{ signature }}", "長" * 29 + "\n{{ signature }}"), "is wider than 28 full-width characters"),
        (("{{ signature }}", "髙\n{{ signature }}"), "U+9AD9"),
        (("{{ signature }}", "①\n{{ signature }}"), "U+2460"),
        (("{{ signature }}", "\t{{ signature }}"), "control character or tab"),
    ],
)
def test_text_that_breaks_a_rule_stops_the_start(tmp_path: Path, change: tuple[str, str], rule: str) -> None:
    """One line names the file and the rule."""
    source = TEXT.replace(*change)
    assert source != TEXT
    error = fault(with_text(tmp_path, source))
    assert error.startswith(str(tmp_path / "ja" / "login_code.txt"))
    assert rule in error


LINKS = [
    "http://{}",
    "HTTPS://{}",
    "ftp://{}",
    "www.{}",
    "WWW.{}",
    "{}",
    "<a href={}>",
    "<img src={}>",
    "mailto:x@{}",
    "ｗｗｗ．{}",
]
HOSTS = [
    f"{name}.{tld}"
    for name in ("evil", "jtg-sec", "x9", "login.evil")
    for tld in ("jp", "com", "co.jp", "example", "io")
]


@pytest.mark.parametrize("link", LINKS)
def test_text_with_a_hidden_link_stops_the_start(tmp_path: Path, link: str) -> None:
    """Two hundred ways to put a link into a mail are refused (RELIABILITY A47)."""
    for number, host in enumerate(HOSTS):
        source = TEXT.replace("{{ signature }}", f"{link.format(host)}\n{{{{ signature }}}}")
        assert "URL" in fault(with_text(tmp_path / str(number), source))


@pytest.mark.parametrize("field", ["name", "registration", "associations", "contact"])
def test_signature_without_a_line_of_the_company_stops_the_start(tmp_path: Path, field: str) -> None:
    """Registration and contact cannot be left out by a company's own closing lines."""
    folder = write_folder(tmp_path, ja__signature__txt=SIGNATURE.replace(f"{{{{ brand.{field} }}}}", ""))
    assert f"signature.txt: must print {{{{ brand.{field} }}}}" in fault(folder)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("ja/login_cod.txt", "is no template"),
        ("ja/welcome.txt", "is no template"),
        ("fr/login_code.txt", "is no template"),
        ("login_code.txt", "is no template"),
        ("login_code.toml", "is no template"),
        ("ja/signature.html", "is no template"),
        ("ja/login_code.html", "needs login_code.txt beside it"),
    ],
)
def test_file_that_would_not_be_used_stops_the_start(tmp_path: Path, name: str, rule: str) -> None:
    """A misspelled or misplaced file is found at start, not by a customer."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(TEXT, "utf-8")
    assert f"{tmp_path / name}: {rule}" in fault(tmp_path)


def test_folder_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    """A wrong path is not an empty folder."""
    assert fault(tmp_path / "nowhere").endswith("is not a folder")


def test_file_in_another_encoding_stops_the_start(tmp_path: Path) -> None:
    """Shift_JIS is named as what it is not."""
    path = with_text(tmp_path, TEXT) / "ja" / "login_code.txt"
    path.write_bytes(TEXT.encode("cp932"))
    assert "is not UTF-8" in fault(tmp_path)


def test_hidden_file_is_none_of_ours(tmp_path: Path) -> None:
    """What a file manager leaves behind does no harm."""
    (with_text(tmp_path, TEXT) / ".DS_Store").write_bytes(b"\0")
    composer(tmp_path).self_check(ACCEPTED)


def test_notice_may_be_rewritten_too(tmp_path: Path) -> None:
    """A notice needs no code and may have none."""
    composer(write_folder(tmp_path, ja__address_changed__txt=NOTICE)).self_check(ACCEPTED)
    assert "'code' is undefined" in fault(
        write_folder(tmp_path / "b", ja__address_changed__txt=NOTICE + "{{ code }}\n")
    )


def test_template_with_html_is_sent_as_alternative(tmp_path: Path) -> None:
    """Text first, HTML last, both with the code, no attachment."""
    make = composer(with_page(tmp_path, PAGE))
    make.self_check(ACCEPTED)
    mail = parsed(make.compose(message({"environment": "A & B <C>"})).raw)
    assert mail.get_content_type() == "multipart/alternative"
    text, page = mail.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert "認証コード：731946" in text.get_content()
    assert '<strong class="code">731946</strong>' in page.get_content()
    assert "A &amp; B &lt;C&gt;" in page.get_content()
    assert 'lang="ja"' in page.get_content()
    assert "color-scheme: light dark" in page.get_content()
    assert not any(part["Content-Disposition"] for part in (text, page))


def test_template_without_html_stays_plain_beside_one_that_has_it(tmp_path: Path) -> None:
    """Opting in is per template and language."""
    make = composer(with_page(tmp_path, PAGE))
    assert parsed(make.preview("login_code", "en", ACCEPTED)).get_content_type() == "text/plain"
    assert parsed(make.preview("login_code_reissued", "ja", ACCEPTED)).get_content_type() == "text/plain"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (('<html lang="ja">', "<html>"), 'must have <html lang="ja">'),
        (('<html lang="ja">', '<html lang="en">'), 'must have <html lang="ja">'),
        (('<meta charset="utf-8">', ""), '<meta charset="utf-8">'),
        (("light dark", "light"), "must state color-scheme: light dark"),
        (("<p>有効", "<img alt=x><p>有効"), "has <img>"),
        (("<p>有効", "<a>x</a><p>有効"), "has <a>"),
        (("<p>有効", "<script>x</script><p>有効"), "has <script>"),
        (("<p>有効", "<form><p>有効"), "has <form>"),
        (("<p>有効", "<link rel=x><p>有効"), "has <link>"),
        (("<p>有効", "<svg><p>有効"), "has <svg>"),
        (("<p>有効", "<p onclick=x>有効"), "has attribute onclick"),
        (("<p>有効", "<p background=x>有効"), "has attribute background"),
        (("<p>有効", '<meta http-equiv="refresh"><p>有効'), "has attribute http-equiv"),
        (("font-size: 24px", "background: url(x)"), "has a style with url()"),
        (("font-size: 24px", "background: u\\72l(x)"), "has a style with url() or a backslash"),
        (("font-size: 24px", "color: #333333"), "no other six digits"),
        (("<style>", "<style>@import x;"), "has a URL or an @"),
        (("<p>有効", "<p>evil.example</p><p>有効"), "looks like a URL"),
        (("<p>有効", "<p>&#119;ww.x</p><p>有効"), "looks like a URL"),
        (("<p>有効", "<p>123456</p><p>有効"), "no other six digits"),
        (("{{ expires }}", ""), "must print {{ expires }}"),
        (("{{ reference }}", ""), "must print {{ reference }}"),
        (("{{ signature }}", ""), "must print {{ signature }}"),
    ],
)
def test_page_that_breaks_a_rule_stops_the_start(tmp_path: Path, change: tuple[str, str], rule: str) -> None:
    """No image, link, script, form, remote style or foreign language gets into an HTML part."""
    source = PAGE.replace(*change)
    assert source != PAGE
    error = fault(with_page(tmp_path, source))
    assert error.startswith(str(tmp_path / "ja" / "login_code.html"))
    assert rule in error
