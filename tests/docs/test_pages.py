"""The pages say what is there: links lead somewhere, and options, formats and codes are told."""

import ast
import re

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pages_of_docs import EXAMPLES, TABLES, pages, recipes
from pipeline.corpus import documents
from pipeline.corpus.formats.compression import ENDINGS as COMPRESSED
from pipeline.corpus.formats.registry import FORMATS
from pipeline.launcher import beam_options
from pipeline.launcher.options import ScoreOptions
from pipeline.launcher.prepare_options import PrepareOptions
from pipeline.launcher.shared_options import NewsbeamOptions
from pipeline.reporting.humanize import REASONS
from places import ROOT

FLAG = re.compile(r"(?<![\w-])--\w+")
COMMAND = re.compile(r"python -m ((?:pipeline|model)\.\w+)([^`\n]*)")
ROOMS = ("pipeline", "model")
DOCS = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))


def flags_of(own: type[NewsbeamOptions]) -> set[str]:
    return {flag for flag in beam_options.flags_of([own]) if flag.startswith("--")}


def flags_in_source(module: str) -> set[str]:
    """Those of its package, since a command's options may stand beside it."""
    package = ROOT / module.split(".")[0]
    sources = "\n".join(path.read_text() for path in package.rglob("*.py"))
    return set(re.findall(r'"(--\w+)"', sources)) | {"--help"}


def anchors(text: str) -> set[str]:
    """Those that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.read_text()), target


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_are_there(page):
    """By their path from the root, from the page, or in `pipeline` or `model`."""
    for path in re.findall(r"`((?:\w[\w.-]*/)+[\w.-]+\.(?:py|sh|lock))`", page.read_text()):
        places = (ROOT, page.parent, ROOT / "pipeline", ROOT / "model")
        assert any((place / path).exists() for place in places), path


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_is_python(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        ast.parse(block)


def test_names_in_how_to_add_are_those_of_the_code():
    _, how_to = (ROOT / "docs/architecture.md").read_text().split("## How to add a format")
    names = re.findall(r"`([A-Z]\w+|[a-z]\w*_\w+)`", how_to)
    code = "\n".join(
        path.read_text() for room in (*ROOMS, "tests") for path in (ROOT / room).rglob("*.py")
    )
    assert {"Format", "Scorer", "DEFAULTS", "shard_stats"} <= set(names)
    for name in names:
        assert re.search(rf"\b{name}\b", code), name


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_the_page_gives_them(page):
    beams = set(beam_options.flags_of(PipelineOptions.__subclasses__()))
    ours = {"pipeline.score": flags_of(ScoreOptions), "pipeline.prepare": flags_of(PrepareOptions)}
    text = page.read_text().replace("\\\n", " ")
    for module, rest in COMMAND.findall(text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
        known = ours[module] | beams if module in ours else flags_in_source(module)
        assert set(FLAG.findall(rest)) <= known, (module, rest)


def test_every_option_of_scoring_and_preparing_is_documented():
    for flag in (flags_of(ScoreOptions) | flags_of(PrepareOptions)) - {"--help"}:
        assert re.search(rf"(?<![\w-]){flag}(?!\w)", DOCS), flag


def test_every_format_and_its_endings_are_documented():
    page = (ROOT / "docs" / "inputs.md").read_text()
    for name, format in FORMATS.items():
        assert f"| `{name}` |" in page, name
        for ending in format.endings:
            assert f"`{ending}`" in page, ending
    for ending in COMPRESSED:
        assert f"`{ending}`" in page, ending


def test_every_error_code_is_documented_and_explained_in_the_report():
    names = [name for name in vars(documents) if name.isupper()]
    values = [value for name in names if isinstance(value := getattr(documents, name), str)]
    codes = {value for value in values if value.isidentifier()}
    assert {"blank", "model"} <= codes == set(REASONS)
    _, page = (ROOT / "docs" / "output.md").read_text().split("## Errors")
    for code in codes:
        assert re.search(rf"^\|.*`{code}`.*\| .* \|$", page, re.M), code


def test_the_readme_is_no_longer_than_a_screen_and_a_half():
    assert len((ROOT / "README.md").read_text().split()) <= 1200


def test_the_recipes_are_these():
    inputs = {"articles", *(f"{name}_input" for name in EXAMPLES), *TABLES}
    others = {"duckdb", "pandas", "polars", "latest", "teacher", "format"}
    readers = {f"delta_{one}" for one in ("polars", "pandas", "duckdb", "last_week")}
    assert set(recipes()) == inputs | others | readers | {"iceberg_arrow"}


def test_every_format_has_an_example_but_those_with_tests_of_their_own():
    assert set(EXAMPLES) == set(FORMATS) - {"tfds", "warc"}
