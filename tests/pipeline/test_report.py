"""The command that writes a report again."""

from fakes import write_jsonl
from pipeline.launcher.command import run_command
from pipeline.report import report
from pipeline.score import score


def test_the_same_page_again(tmp_path, fake, play, capsys):
    write_jsonl(tmp_path / "news" / "a.jsonl", 30)
    output = tmp_path / "labels"
    arguments = ["--input", str(tmp_path / "news"), "--model", fake, "--output", str(output)]
    assert run_command(score, arguments) == 0
    page = output / "_report.html"
    before = page.read_bytes()
    page.unlink()
    capsys.readouterr()
    assert run_command(report, ["--output", str(output)]) == 0
    assert capsys.readouterr().out == f"the report lies in {page}\n"
    assert page.read_bytes() == before


def test_no_run_is_one_line(tmp_path, capsys):
    assert run_command(report, ["--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"newsbeam: there is no finished run in {tmp_path}\n"
