"""Web archives: a row for every response, whatever is wrong with the records beside it."""

import gzip
import io

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from fakes import fake_bundle
from outputs import manifest, rows
from pipeline.corpus.formats.archives import warc
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.errors import BadFileError
from pipeline.launcher.command import run_command
from pipeline.score import score

NAMES = ("url", "date", "title", "text", "http_status", "content_type")


def page(number: int) -> bytes:
    text = f"<p>The council of town {number} has voted for a new bridge over the river.</p>"
    head = f"<head><title>Bridge {number} | The Courier</title></head>"
    return (
        f"<html>{head}<body><nav>Home Sports</nav><article>{text}</article></body></html>".encode()
    )


def response(
    number: int, status="200 OK", kind="text/html; charset=utf-8", body=None, wrong=0
) -> bytes:
    """A response record; `wrong` is added to its length."""
    body = page(number) if body is None else body
    http = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\r\n".encode() + body
    return record("response", http, f"https://courier.example/{number}", wrong)


def record(kind: str, content: bytes, uri: str, wrong: int = 0) -> bytes:
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\n"
        "WARC-Date: 2026-11-25T06:00:00Z\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(content) + wrong}\r\n\r\n"
    )
    return header.encode() + content + b"\r\n\r\n"


def archive(*records: bytes) -> bytes:
    """Each record a gzip member, as in Common Crawl."""
    return b"".join(gzip.compress(one) for one in records)


def read(path, rows=None, start=0) -> list[dict]:
    columns = Columns(text=("title", "text"), carry=tuple((name, name) for name in NAMES))
    found = []
    for stretch in warc.read(str(path), start, rows, columns, ReadSettings(100), None):
        errors = stretch.error.to_pylist()
        found += [
            {**row, "error": error}
            for row, error in zip(stretch.table.to_pylist(), errors, strict=True)
        ]
    return found


GOOD = [response(n) for n in range(5)]


def test_columns(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(archive(record("warcinfo", b"software: x", "-"), GOOD[3]))
    assert read(path) == [
        {
            "url": "https://courier.example/3",
            "date": "2026-11-25T06:00:00Z",
            "title": "Bridge 3 | The Courier",
            "text": "The council of town 3 has voted for a new bridge over the river.",
            "http_status": "200",
            "content_type": "text/html",
            "error": None,
        }
    ]


@pytest.mark.parametrize(
    ("one", "error"),
    [
        (response(1, "404 Not Found"), "http: status 404"),
        (response(1, "301 Moved"), "http: status 301"),
        (response(1, kind="application/pdf", body=b"%PDF"), "not_html: application/pdf"),
        (response(1, body=b"<html><body><script>x()</script></body></html>"), "no_text: the page"),
        (response(1, body=b""), "no_text: the page shows no article"),
        (record("response", b"", "https://x.example/"), "http: status None"),
    ],
)
def test_what_has_no_article_says_why(tmp_path, one, error):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(archive(one, GOOD[0]))
    bad, good = read(path)
    assert bad["error"].startswith(error)
    assert bad["text"] is None
    assert good["error"] is None


@pytest.mark.parametrize("packed", ["members", "whole", "plain"])
def test_however_it_is_packed(tmp_path, packed):
    content = {"members": archive(*GOOD), "whole": gzip.compress(b"".join(GOOD))}.get(packed)
    path = tmp_path / ("a.warc" if packed == "plain" else "a.warc.gz")
    path.write_bytes(content or b"".join(GOOD))
    plain = io.BytesIO(b"".join(GOOD))
    urls = [
        one.headers["WARC-Target-URI"]
        for one in ArchiveIterator(plain, record_types=WarcRecordType.response)
    ]
    assert [row["url"] for row in read(path)] == urls
    assert [row["url"] for row in read(path, rows=2)] == urls[:2]


def test_a_damaged_member_costs_one_row(tmp_path):
    members = [gzip.compress(one) for one in GOOD]
    members[2] = members[2][:40] + b"damage" + members[2][46:]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members))
    found = read(path)
    assert [row["url"] and row["url"][-1] for row in found] == ["0", "1", None, "3", "4"]
    assert found[2]["error"].startswith("record: ")


@pytest.mark.parametrize("packed", ["members", "plain"])
def test_rows_are_found_from_any_one_on(tmp_path, packed):
    records = [record("warcinfo", b"software: x", "-"), *GOOD[:2], response(9, status=404), GOOD[3]]
    path = tmp_path / ("a.warc.gz" if packed == "members" else "a.warc")
    path.write_bytes(archive(*records) if packed == "members" else b"".join(records))
    whole = read(path)
    assert len(whole) == 4
    for start in range(6):
        assert read(path, start=start) == whole[start:]
        assert read(path, 2, start) == whole[start : start + 2]
    counted = warc.read(str(path), 0, None, Columns(()), ReadSettings(3), path.stat().st_size)
    assert sum(stretch.num_rows for stretch in counted) == 4


@pytest.mark.parametrize("wrong", [-40, -1, 1, 7, 5000])
@pytest.mark.parametrize("packed", ["members", "plain"])
def test_a_wrong_length_costs_no_other_row(tmp_path, wrong, packed):
    records = [*GOOD[:2], response(2, wrong=wrong), *GOOD[3:]]
    path = tmp_path / ("a.warc.gz" if packed == "members" else "a.warc")
    path.write_bytes(archive(*records) if packed == "members" else b"".join(records))
    found = read(path)
    assert [row["url"] for row in found if row["url"] and row["url"][-1] != "2"] == [
        f"https://courier.example/{n}" for n in (0, 1, 3, 4)
    ]
    assert len(found) == 5


@pytest.mark.parametrize("packed", ["members", "whole", "plain"])
def test_a_truncated_end_is_told_after_the_rows_before_it(tmp_path, packed):
    content = {"members": archive(*GOOD), "whole": gzip.compress(b"".join(GOOD))}.get(packed)
    path = tmp_path / ("a.warc" if packed == "plain" else "a.warc.gz")
    path.write_bytes((content or b"".join(GOOD))[:-12])
    columns = Columns(text=("text",))
    urls = 0
    with pytest.raises(BadFileError, match="end"):
        for stretch in warc.read(str(path), 0, None, columns, ReadSettings(1), None):
            urls += stretch.table.num_rows
    assert urls == 4


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "a.warc"
    path.write_bytes(b"<html>")
    with pytest.raises(BadFileError, match="no web archive"):
        warc.inspect(str(path), ReadSettings(10))


def test_a_run_over_an_archive(play, tmp_path):
    records = [*GOOD, response(5, "500 Oops"), response(6, kind="image/png", body=b"x")]
    (tmp_path / "news.warc.gz").write_bytes(archive(*records))
    argv = ["--input", str(tmp_path / "news.warc.gz"), "--text_columns", "title,text"]
    argv += ["--id_column", "url", "--carry_columns", "date,http_status", "--max_error_rate", "0"]
    argv += ["--model", fake_bundle(tmp_path / "bundle"), "--output", str(tmp_path / "labels")]
    assert run_command(score, argv) == 0
    table = rows(tmp_path / "labels")
    assert table["id"].to_pylist() == [f"https://courier.example/{n}" for n in range(7)]
    assert table["error"].to_pylist() == [
        *[None] * 5, "http: status 500", "not_html: image/png"
    ]  # fmt: skip
    assert table["http_status"].to_pylist()[4:] == ["200", "500", "200"]
    assert manifest(tmp_path / "labels")["stats"]["errors"] == {"http": 1, "not_html": 1}
