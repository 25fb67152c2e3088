"""Articles out of pages in the markup of usual news sites, by the words that are right."""

from collections import Counter

from pipeline.corpus.formats.archives.web_page import article
from web_pages import pages


def shares(text: str | None, expected: str) -> tuple[float, float]:
    """Precision and recall of the words of a text."""
    found, wanted = Counter((text or "").split()), Counter(expected.split())
    right = sum((found & wanted).values())
    return right / max(1, sum(found.values())), right / sum(wanted.values())


def test_articles_of_twenty_pages():
    precisions, recalls = [], []
    for title, text, page in pages():
        found_title, found = article(page.encode())
        assert found_title == title
        precision, recall = shares(found, text)
        precisions.append(precision)
        recalls.append(recall)
        assert "cookies" not in (found or "") and "About time" not in (found or "")
    assert len(precisions) == 20
    assert sum(precisions) / 20 > 0.9
    assert sum(recalls) / 20 > 0.9


def test_encodings():
    page = "<html><head><title>Über</title></head><body><p>Fünf Bäume fielen im Sturm.</p></body>"
    for charset in ("utf-8", "latin-1", "utf-16"):
        assert article(page.encode(charset), charset) == ("Über", "Fünf Bäume fielen im Sturm.")
    assert article(page.encode("latin-1")) == ("Über", "Fünf Bäume fielen im Sturm.")
    assert article(page.encode(), "no such charset")[0] == "Über"


def test_nothing_to_find():
    for page in (b"", b"<html></html>", b"\x00\xff", b"<p></p>"):
        assert article(page)[1] in (None, "\x00\ufffd", "\ufffd", "ÿ")
