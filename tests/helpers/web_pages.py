"""Twenty pages: two invented stories in ten kinds of markup, as news sites have them."""

STORIES = [
    (
        "Ferry line to the islands will run all winter",
        "By Mara Lindqvist",
        [
            "The ferry line between Norrhamn and the outer islands will run through the winter for "
            "the first time, the harbour board said on Tuesday.",
            "Two boats with reinforced hulls were bought from a yard in the south, at a cost of "
            "eleven million crowns.",
            "Islanders had asked for the service for more than a decade, since the road over the "
            "ice is open for fewer weeks each year.",
            "The first boat leaves on the second of December at six in the morning.",
        ],
    ),
    (
        "Clinic opens at night for shift workers",
        "By Tomas Reyes",
        [
            "A clinic in the old market hall of Varela now opens from nine at night to five in the "
            "morning, twice a week.",
            "Nurses and bakers, bus drivers and cleaners make up most of those who came in the "
            "first month.",
            "The city pays half of the costs, and a foundation the other half, until the end of "
            "next year.",
            "Whether it goes on after that depends on how many come, the head of the clinic said.",
        ],
    ),
]
NAV = (
    '<nav><ul><li><a href="/">Home</a></li><li><a href="/world">World</a></li>'
    '<li><a href="/sport">Sport</a></li><li><a href="/culture">Culture</a></li></ul></nav>'
)
FOOT = (
    "<footer><p>Copyright 2026 The Paper. All rights reserved.</p>"
    '<a href="/imprint">Imprint</a> <a href="/privacy">Privacy policy</a></footer>'
)
COOKIES = (
    '<div id="cookie-banner" class="consent"><p>We use cookies to give you the best experience.'
    "</p><button>Accept all</button></div>"
)
RELATED = (
    '<aside class="related"><h3>More on this</h3><ul><li><a href="/a">Snow closes the pass</a>'
    '</li><li><a href="/b">Bridge toll doubles</a></li></ul></aside>'
)
SIGN_UP = (
    '<div class="newsletter-signup"><p>Sign up for our newsletter and never miss a story.</p>'
    '<form><input type="email"><button>Subscribe</button></form></div>'
)
COMMENTS = (
    '<section id="comments" class="comments"><h2>2 comments</h2><div class="comment"><p>About time '
    'somebody did this!</p></div><div class="comment"><p>Who pays for it?</p></div></section>'
)
SHARE = '<div class="share-buttons"><a>Share on Chirper</a><a>Send by mail</a></div>'
ADVERT = '<div class="ad-slot">Advertisement</div>'
MOST_READ = (
    '<div id="sidebar"><h3>Most read</h3><ol><li>Snow closes the pass</li>'
    "<li>Bridge toll doubles</li></ol></div>"
)


def paragraphs(texts: list[str], between: str = "") -> str:
    """Paragraphs, with something after the second that is none of the article."""
    marked = [f"<p>{text}</p>" for text in texts]
    return "".join([*marked[:2], between, *marked[2:]])


def bodies(title: str, byline: str, texts: list[str]) -> list[str]:
    """A story in each kind of markup: plain, blog, grid, tables, microdata, and so on."""
    text = paragraphs(texts)
    headline = f"<h1>{title}</h1>"
    article = f'<div itemprop="articleBody">{paragraphs(texts, SIGN_UP)}</div>{SHARE}{RELATED}'
    figure = '<figure><img src=x alt="Dawn"><figcaption>Dawn. Photo: Agency</figcaption></figure>'
    teaser = '<div class="teaser"><h3>Bridge toll doubles</h3><p>From January.</p></div>'
    lead = f"<p><strong>{texts[0]}</strong></p>{paragraphs(texts[1:])}"
    points = f"<ul><li>{texts[0]}</li><li>{texts[1]}</li></ul>{paragraphs(texts[2:])}"
    divs = "".join(f"<div class=par>{one}</div>" for one in texts)
    return [
        f"<header>{NAV}</header><main><article>{headline}<p class=byline>{byline}</p>{text}"
        f"</article></main>{FOOT}",
        f"{COOKIES}<div id=header>{NAV}</div><div id=content><div class=post>{headline}"
        f"<div class=entry-content>{paragraphs(texts, RELATED)}</div>{SHARE}</div>{MOST_READ}"
        f"</div>{COMMENTS}{FOOT}",
        f"<div class=top-nav>{NAV}</div><div class=row><div class=col-8><div class=article-body>"
        f"<h2>{title}</h2>{divs}</div></div><div class=col-4>{RELATED}{SIGN_UP}</div></div>{FOOT}",
        f"<table><tr><td colspan=2>{NAV}</td></tr><tr><td><a href=/>Home</a></td><td><font size=5>"
        f"<b>{title}</b></font><br><br>{'<br><br>'.join(texts)}</td></tr></table>{FOOT}",
        f"<main><article><header>{headline}<div class=meta>{byline} <time>25 November</time></div>"
        f"</header>{figure}{article}</article></main>{COMMENTS}{FOOT}",
        f"<div id=__next><div class=sc-b2>{NAV}</div><div class=sc-c3>{headline}"
        f"<section class=sc-e5>{text}</section></div><div class=sc-f6>{SIGN_UP}</div></div>{FOOT}",
        f"{COOKIES}{NAV}<div class=live>{headline}{points}</div>{ADVERT}{RELATED}{FOOT}",
        f"<section class=section--body><header>{NAV}</header>{headline}{lead}</section>{COMMENTS}",
        f"{NAV}<amp-sidebar>{NAV}</amp-sidebar><article class=amp-article>{headline}"
        f"{paragraphs(texts, '<amp-ad>Advertisement</amp-ad>')}</article>{FOOT}",
        f"<div class=page>{NAV}<div class=teaser-list>{teaser}</div><div class=article>{headline}"
        f"<div class=text>{text}</div></div><div class=teaser-list>{teaser}</div></div>{FOOT}",
    ]


def pages() -> list[tuple[str, str, str]]:
    """Title, text and HTML of each page."""
    found = []
    for title, byline, texts in STORIES:
        head = f'<title>{title} | The Paper</title><meta property="og:title" content="{title}">'
        for body in bodies(title, byline, texts):
            page = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{body}</body></html>'
            found.append((title, "\n".join(texts), page))
    return found
