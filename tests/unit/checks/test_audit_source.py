"""Lists as they come: encodings, delimiters, columns, faults; and what OUT makes of their rows."""

import codecs
import csv
from pathlib import Path

import pytest

from mailsvc.checks.audit.encodings import UTF8_MARKED, ListError
from mailsvc.checks.audit.sheet import Sheet
from mailsvc.checks.audit.source import ADDED, Form, Source, survey
from mailsvc.checks.audit.tally import Answer
from mailsvc.domain.check import ReasonCode, Verdict

HEADER = "番号,address,氏名\r\n"
NAMES = ["髙橋 ①郎", "山﨑 Ⅲ", "ﾔﾏﾀﾞ ﾀﾛｳ", "凜 ～"]
ROWS = HEADER + "".join(f"{number},taro{number}@mail.example,{name}\r\n" for number, name in enumerate(NAMES))
OK = Answer(
    verdict=Verdict.OK, reasons=(), suggestions=(), wire="taro@mail.example", domain="mail.example", empty=False
)


def made(folder: Path, octets: bytes, **form: str) -> Source:
    """Survey a list of these octets."""
    file = folder / "list.csv"
    file.write_bytes(octets)
    return survey(file, Form(**form))


def refusal(folder: Path, octets: bytes, **form: str) -> str:
    """Return why a list of these octets is refused."""
    with pytest.raises(ListError) as refused:
        made(folder, octets, **form)
    return str(refused.value)


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (ROWS.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + ROWS.encode(), "UTF-8 with BOM"),
        (ROWS.encode("cp932"), "Shift_JIS (cp932)"),
        (codecs.BOM_UTF16_LE + ROWS.encode("utf-16-le"), "UTF-16-LE with BOM"),
        (codecs.BOM_UTF16_BE + ROWS.encode("utf-16-be"), "UTF-16-BE with BOM"),
    ],
)
def test_encoding_found_names_intact(tmp_path: Path, octets: bytes, told: str) -> None:
    """Every encoding that Japanese lists have is found out, and the names are read as they were written."""
    source = made(tmp_path, octets)
    assert (str(source.encoding), source.rows, source.newline) == (told, len(NAMES), "\r\n")
    assert [row[2] for row in source.read()] == NAMES
    assert [row[2] for row in source.read(skip=3)] == NAMES[3:]


def test_encoding_that_may_be_two_is_asked_for(tmp_path: Path) -> None:
    """EUC-JP is found out where it can be nothing else; where it can be Shift_JIS too, nobody guesses."""
    assert str(made(tmp_path, "address,番号,\n".encode("euc_jp")).encoding) == "EUC-JP"
    octets = "address,ひらがな\n".encode("euc_jp")
    assert "--encoding" in refusal(tmp_path, octets)
    assert made(tmp_path, octets, encoding="euc-jp").header[1] == "ひらがな"


def test_wrong_octets_named_by_line(tmp_path: Path) -> None:
    """A list with a line in no encoding, or in another one than most, is refused, and that line is named."""
    octets = ROWS.encode() + "9,b@mail.example,山田\r\n".encode("cp932")
    assert refusal(tmp_path, octets) == "line 6 is not UTF-8"
    assert refusal(tmp_path, ROWS.encode("cp932") + b"9,\xff\n") == "line 6 is not Shift_JIS (cp932)"
    assert refusal(tmp_path, ROWS.encode(), encoding="shift_jis").endswith("is not Shift_JIS (cp932)")


@pytest.mark.parametrize("codec", ["cp932", "euc_jp"])
def test_whole_repertoire_written_as_it_was_read(tmp_path: Path, codec: str) -> None:
    """Every character of the Japanese encodings is the same in OUT."""
    pairs = (bytes((lead, trail)) for lead in range(0x81, 0xFD) for trail in range(0x40, 0xFD))
    decoded = {pair.decode(codec, "ignore") for pair in pairs}
    names = "".join(sorted(text for text in decoded if len(text) == 1 and text > "\xff" and text != "\uf8f0"))
    source = made(tmp_path, f"address,name\na@mail.example,{names}\n".encode(codec), encoding=codec.replace("_", "-"))
    [row] = source.read()
    assert row[1] == names
    written = Sheet(source, source.encoding, raw=False).rows([(row, OK)])
    assert written.decode(codec).split(",")[1] == names


@pytest.mark.parametrize(
    ("text", "column", "delimiter"),
    [
        ("address\na@mail.example\n", 0, ","),
        ("id;address\n1;a@mail.example\n", 1, ";"),
        ("id\taddress\n1\ta@mail.example\n", 1, "\t"),
        ("id,メールアドレス\n", 1, ","),
        ("id,E-Mail\n", 1, ","),
        ("id, ＡＤＤＲＥＳＳ \n", 1, ","),
        ("email,address\n", 1, ","),
        ('"注記、\n改行","address"\n', 1, ","),
    ],
)
def test_column_and_delimiter_found(tmp_path: Path, text: str, column: int, delimiter: str) -> None:
    """The column is found by its name in any case and width, `address` before others, whatever separates the cells."""
    source = made(tmp_path, text.encode())
    assert (source.column, source.delimiter) == (column, delimiter)


@pytest.mark.parametrize(("name", "place"), [("連絡先", 2), ("3", 2), ("1", 0), ("ADDRESS", 1)])
def test_column_given_is_taken(tmp_path: Path, name: str, place: int) -> None:
    """A column can be given by its name or its number."""
    assert made(tmp_path, "id,address,連絡先\n".encode(), column=name).column == place


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("taro@mail.example,1\n", "no column address"),
        ("email,mail\n", "several columns"),
        ("address,address\n", "several columns"),
        ("address,verdict\n", "a column verdict already"),
        ("address,Wire\n", "a column wire already"),
        ('address,name\na@mail.example,"open\nb@mail.example,x\n', "line 3 is no CSV"),
        ('address,name\na@mail.example,"x"y\n', "line 2 is no CSV"),
        ("address,name\n" + "x" * 200_000 + ",y\n", "line 2 is no CSV"),
    ],
)
def test_fault_of_the_form_refused_without_repeating_it(tmp_path: Path, text: str, said: str) -> None:
    """What cannot be read without guessing is refused at the start, and no cell is repeated."""
    refused = refusal(tmp_path, text.encode())
    assert said in refused
    assert "mail.example" not in refused


@pytest.mark.parametrize("name", ["0", "4", "-1", "電話"])
def test_column_that_is_not_there_refused(tmp_path: Path, name: str) -> None:
    """A wrong name or number of a column is refused."""
    assert "--column" in refusal(tmp_path, b"id,address,name\n", column=name)


def test_cells_keep_their_columns(tmp_path: Path) -> None:
    """Short rows are filled up, what is beyond the header stands last, blank lines and quoted line feeds stay."""
    source = made(tmp_path, b'id,address,name\n1,a@mail.example,"x\r\ny, ""z"""\n2\n\n3,c@mail.example,x,y,z\n')
    rows = list(source.read())
    sheet = Sheet(source, source.encoding, raw=False)
    written = sheet.head() + sheet.rows((row, OK if row else None) for row in rows)
    verdict = ["ok", "", "", "taro@mail.example"]
    assert list(csv.reader(written.decode().splitlines(keepends=True))) == [
        ["id", "address", "name", *ADDED],
        ["1", "a@mail.example", 'x\r\ny, "z"', *verdict],
        ["2", "", "", *verdict],
        [],
        ["3", "c@mail.example", "x", *verdict, "y", "z"],
    ]


def test_added_cells_are_codes_and_addresses(tmp_path: Path) -> None:
    """Reasons and suggestions are separated by blanks; what OUT's encoding lacks does not end the audit."""
    answer = Answer(
        verdict=Verdict.WARN,
        reasons=(ReasonCode.TYPO_DOMAIN, ReasonCode.NORMALIZED),
        suggestions=("a@i.softbank.jp", "a@bücher.example"),
        wire=None,
        domain=None,
        empty=False,
    )
    source = made(tmp_path, "address,氏名\n".encode("cp932"))
    written = Sheet(source, source.encoding, raw=False).rows([(["x", "山田"], answer)])
    assert written == "x,山田,warn,typo_domain normalized,a@i.softbank.jp a@b?cher.example,\n".encode("cp932")


def test_marks_are_left_out_on_demand(tmp_path: Path) -> None:
    """What a spreadsheet would run is marked in every column, ours included, unless the cells are wanted raw."""
    source = made(tmp_path, b"=id,address\n")
    row, answer = (
        ["=1", "+a@mail.example"],
        Answer(verdict=Verdict.OK, reasons=(), suggestions=(), wire="+a@mail.example", domain=None, empty=False),
    )
    assert (
        Sheet(source, source.encoding, raw=False).rows([(row, answer)])
        == b"'=1,'+a@mail.example,ok,,,'+a@mail.example\n"
    )
    assert (
        Sheet(source, source.encoding, raw=True).rows([(row, answer)]) == b"=1,+a@mail.example,ok,,,+a@mail.example\n"
    )
    assert Sheet(source, UTF8_MARKED, raw=False).head().startswith(codecs.BOM_UTF8 + b"'=id,address,verdict")


def test_list_that_was_changed_is_noticed(tmp_path: Path) -> None:
    """A list is another one when one octet is."""
    source = made(tmp_path, b"address\na@mail.example\n")
    assert not source.changed
    source.file.write_bytes(b"address\nb@mail.example\n")
    assert source.changed
