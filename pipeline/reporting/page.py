"""`_report.html`: what came out of a run, for the person who asks in the morning.

The page is made of the manifest and nothing else, so it costs the same for 100 rows and for
100 million, and can be written again: `python -m pipeline.report --output DIR`.
"""

from typing import Any

from pipeline import durable, layout, storage
from pipeline.output.published import table_of
from pipeline.reporting import humanize, language_sections, quality_sections, sections
from pipeline.reporting.findings import findings, of_the_cascade, of_the_promise

MOST_ROWS = 50  # of a table in the page


def write_report(output: str, manifest: dict[str, Any]) -> None:
    """Writes the page beside the manifest."""
    durable.write_bytes(storage.join(output, layout.REPORT), page(manifest).encode())


def page(manifest: dict[str, Any]) -> str:
    """The page of a run.

    Args:
        manifest: of a published run.

    Returns:
        HTML that needs nothing from outside, with everything from the corpus escaped.
    """
    return render("report.html.j2", facts(manifest))


def render(template: str, values: dict[str, Any]) -> str:
    """Fills a template; whatever it is given is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not every process reports

    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "percent", "duration", "plural", "moment", "size"):
        environment.filters[name] = getattr(humanize, name)
    return environment.get_template(template).render(values)


def facts(manifest: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page says, by the names that the template uses."""
    stats, bundle = manifest["stats"], manifest["bundle"]
    return {
        "manifest": manifest,
        "bundle": bundle,
        "table": table_of(manifest),
        "findings": findings(manifest),
        "labels": sections.labels(stats, bundle["labels"]),
        "cascade": of_the_cascade(manifest),
        "promise": of_the_promise(manifest),
        "label_sets": sections.label_sets(manifest),
        "confidence": quality_sections.confidence(stats),
        "lengths": quality_sections.lengths(stats, bundle),
        "languages": language_sections.languages(manifest),
        "evaluation": quality_sections.evaluation(manifest, bundle["labels"]),
        "errors": sections.errors(stats),
        "sources": sections.sources(stats),
        "speed": sections.speed(manifest),
        "examples": sections.examples(stats, bundle["labels"]),
        "card": sections.card(bundle),
        "most": MOST_ROWS,
    }
