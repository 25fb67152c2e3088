"""The article that a web page shows: title and text, without menus, comments and footers."""

import codecs

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from resiliparse.parse.html import HTMLTree


def article(page: bytes, charset: str | None = None) -> tuple[str | None, str | None]:
    """Finds the article of a page.

    Args:
        page: HTML.
        charset: its encoding, if the server said so; else it is guessed from the bytes.

    Returns:
        Title and text, paragraphs on lines of their own; None for what there isn't.
    """
    tree = HTMLTree.parse(bytes_to_str(page, _known(charset) or detect_encoding(page) or "utf-8"))
    text = extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=True,
        list_bullets=False,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )
    title = _title(tree)
    lines = [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]
    if lines and title and lines[0] in title:  # the headline, which the title says already
        lines = lines[1:]
    return title, "\n".join(lines) or None


def _known(charset: str | None) -> str | None:
    """An encoding that there is; servers name others."""
    try:
        return charset and codecs.lookup(charset).name
    except LookupError:
        return None


def _title(tree: HTMLTree) -> str | None:
    """What the page calls the article to others, else what it is called in a window's frame."""
    for meta in tree.head.query_selector_all('meta[property="og:title"]') if tree.head else []:
        if content := " ".join((meta.getattr("content") or "").split()):
            return content
    return " ".join((tree.title or "").split()) or None
