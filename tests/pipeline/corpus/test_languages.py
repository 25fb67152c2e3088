"""Languages: sentences of news in a dozen languages, told by their beginnings; what is left out."""

import json

import pyarrow as pa
import pytest

from fakes import fake_bundle
from outputs import manifest, rows
from pipeline.corpus.languages import (
    detect,
    known_languages,
    language_name,
    leave_out,
    sample,
)
from pipeline.launcher.command import run_command
from pipeline.score import score

SENTENCES = {
    "en": "The central bank raised interest rates for the third time this year on Thursday.",
    "de": "Die Regierung hat am Donnerstag ein neues Gesetz zum Schutz der Wälder beschlossen.",
    "fr": "Le gouvernement a présenté jeudi un nouveau projet de loi sur la protection des forêts.",
    "es": "El gobierno presentó el jueves un nuevo proyecto de ley para proteger los bosques.",
    "it": "Il governo ha presentato giovedì un nuovo disegno di legge per proteggere i boschi.",
    "pt": "O governo apresentou na quinta-feira um novo projeto de lei para proteger as florestas.",
    "nl": "De regering heeft donderdag een nieuwe wet gepresenteerd om de bossen te beschermen.",
    "pl": "Rząd przedstawił w czwartek nowy projekt ustawy o ochronie lasów w całym kraju.",
    "ru": "Правительство представило в четверг новый законопроект о защите лесов страны.",
    "tr": "Hükümet perşembe günü ormanların korunmasına ilişkin yeni bir yasa tasarısı sundu.",
    "ar": "قدمت الحكومة يوم الخميس مشروع قانون جديد لحماية الغابات في جميع أنحاء البلاد.",
    "he": "הממשלה הציגה ביום חמישי הצעת חוק חדשה להגנה על היערות ברחבי הארץ.",
    "ja": "政府は木曜日、全国の森林を保護するための新しい法案を提出しました。",
    "zh": "政府周四提出了一项新的法律草案,以保护全国的森林和野生动物。",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_detect(code):
    assert detect(SENTENCES[code]) == code


@pytest.mark.parametrize("text", ["", "1 2 3", "!?", "\x00\x01", "\ud7ff", "ok"])
def test_what_cannot_be_recognised_is_unknown(text):
    assert detect(text) == "unknown"


def test_control_characters_do_not_hide_a_language():
    assert detect("\x00" + SENTENCES["en"]) == "en"


def test_names():
    assert set(SENTENCES) <= known_languages()
    assert "unknown" not in known_languages()
    assert [language_name(code) for code in ("de", "he", "no", "unknown")] == [
        "German", "Hebrew", "Norwegian", "Unknown"
    ]  # fmt: skip


def test_leave_out():
    texts = [SENTENCES["en"], None, SENTENCES["fr"], "ok", SENTENCES["de"]]
    table = pa.table(
        {
            "text": pa.array(texts, pa.string()),
            "error": pa.array([None, "blank: no text", None, None, None], pa.string()),
        }
    )
    left, languages = leave_out(table, frozenset({"en", "de"}))
    assert left["error"].to_pylist() == [None, "blank: no text", "language: fr", None, None]
    assert left["text"].to_pylist() == [texts[0], None, None, "ok", texts[4]]
    assert languages == {"en": 1, "fr": 1, "unknown": 1, "de": 1}
    assert left.schema == table.schema
    nothing, languages = leave_out(table.slice(1, 1), frozenset({"en"}))
    assert nothing.equals(table.slice(1, 1))
    assert languages == {}


def test_sample_is_spread_over_the_rows():
    texts = [SENTENCES["en"]] * 500 + [SENTENCES["fr"]] * 500
    assert sample(pa.table({"text": texts})) == {"en": 32, "fr": 32}
    assert sample(pa.table({"text": pa.array([None], pa.string())})) == {}


def test_a_run_leaves_out_other_languages_and_does_not_count_them_as_wrong(play, tmp_path):
    lines = "".join(f'{{"title": "{text}", "description": ""}}\n' for text in SENTENCES.values())
    (tmp_path / "news.jsonl").write_text(lines)
    argv = ["--input", str(tmp_path / "news.jsonl"), "--model", fake_bundle(tmp_path / "bundle")]
    argv += ["--output", str(tmp_path / "labels"), "--max_error_rate", "0"]
    assert run_command(score, [*argv, "--languages", "en, fr"]) == 0
    codes = dict(zip(SENTENCES, rows(tmp_path / "labels")["error"].to_pylist(), strict=True))
    assert codes["en"] is None and codes["fr"] is None
    assert codes["de"] == "language: de" and codes["zh"] == "language: zh"
    about = manifest(tmp_path / "labels")
    assert about["plan"]["settings"]["languages"] == ["en", "fr"]
    assert about["stats"]["languages"] == dict.fromkeys(SENTENCES, 1)
    page = (tmp_path / "labels" / "_report.html").read_text()
    assert "Only texts in en, fr were to be scored" in page


def test_an_unknown_code_is_one_line(play, tmp_path, capsys):
    (tmp_path / "news.jsonl").write_text('{"title": "x", "description": ""}\n')
    argv = ["--input", str(tmp_path / "news.jsonl"), "--model", fake_bundle(tmp_path / "bundle")]
    argv += ["--output", str(tmp_path / "labels"), "--languages", "english"]
    assert run_command(score, argv) == 2
    assert capsys.readouterr().err == (
        "newsbeam: --languages english: there is no such language code; en is English\n"
    )
    assert not (tmp_path / "labels").exists()


def test_languages_that_the_bundle_was_not_trained_on_are_told(play, tmp_path, capsys):
    lines = "".join(f'{{"title": "{text}", "description": ""}}\n' for text in SENTENCES.values())
    (tmp_path / "news.jsonl").write_text(lines + '{"title": "ok", "description": ""}\n')
    said, wrong = ["de", "en"], "english"
    models = {}
    for name, languages in (("unsaid", None), ("said", said), ("wrong", wrong)):
        models[name] = fake_bundle(tmp_path / name)
        described = json.loads((tmp_path / name / "bundle.json").read_text())
        described["training"] = {"languages": languages} if languages else {}
        (tmp_path / name / "bundle.json").write_text(json.dumps(described))

    def run(name, *more):
        where = ["--input", str(tmp_path / "news.jsonl"), "--output", str(tmp_path / "labels")]
        return run_command(score, [*where, "--model", models[name], "--overwrite", *more])

    assert run("unsaid") == 0
    assert "languages:" not in capsys.readouterr().out
    assert run("said") == 0
    # Two of the fifteen are in the bundle's languages, one is in none that can be told.
    told = "80.0% of a sample of 15 texts are in languages that the model was not trained on"
    assert f"languages: {told} (Arabic, Spanish, French and others)" in capsys.readouterr().out
    page = (tmp_path / "labels" / "_report.html").read_text()
    assert told in page and "The model was trained on de, en; 80.0% of these texts" in page
    assert run("said", "--languages", "en,de") == 0
    assert told not in capsys.readouterr().out
    page = (tmp_path / "labels" / "_report.html").read_text()
    assert "something is wrong with the row" not in page  # they are left out on purpose
    assert run("wrong") == 2
    assert "training.languages" in capsys.readouterr().err
