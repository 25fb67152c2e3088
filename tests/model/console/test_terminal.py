"""What data hold reaches no terminal as it is, and a reader who has gone is no error."""

import ast
import io
import os
import subprocess
import sys

import pytest

from model.console.terminal import say, silent_descriptor, visible
from places import ROOT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fußball, 日本 🎉, a\\b", "Fußball, 日本 🎉, a\\b"),
        ("a\x1b]52;c;cm0gLXJm\x07b", r"a\x1b]52;c;cm0gLXJm\x07b"),
        ("x\nnewsbeam: all is well", r"x\nnewsbeam: all is well"),
        ("\r\t\x00\x7f\x9b31m", r"\r\t\x00\x7f\x9b31m"),
        ("\u2028\u202egnp.exe\u2066", r"\u2028\u202egnp.exe\u2066"),
        ("caf\udce9.csv", r"caf\udce9.csv"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("non\u00a0breaking", "non\u00a0breaking"),
    ],
)
def test_what_a_terminal_obeys_is_made_visible(text, shown):
    assert visible(text) == shown


def test_one_line_is_said(capsys):
    say("a\nb")
    say("c\x1b[2J", sys.stderr)
    assert tuple(capsys.readouterr()) == ("a\\nb\n", "c\\x1b[2J\n")


def test_nothing_else_prints():
    """Else what data hold would reach a terminal by another way."""
    prints = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for package in ("model", "pipeline")
        for file in (ROOT / package).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("print", "sys.stdout.write")
    ]
    assert len(prints) == 1 and prints[0].startswith("model/console/terminal.py:"), prints


def test_a_full_disk_is_an_error_once():
    with open("/dev/full", "w") as full:
        with pytest.raises(OSError, match="No space left"):
            say("a line", full)
        full.flush()


def test_a_stream_without_a_file_will_do():
    stream = io.StringIO()
    say("a\tb", stream)
    assert stream.getvalue() == "a\\tb\n"


SPEAKER = """
import sys
from model.console.terminal import ready_streams, say
ready_streams()
opened = open({file!r}, "w")
for number in range({lines}):
    say("line 日")
    say("problem 日", sys.stderr)
print(opened.fileno() > 2, file=opened)
"""


def speak(redirection, tmp_path, lines=1, **environment):
    script = tmp_path / "speaker.py"
    script.write_text(SPEAKER.format(file=str(tmp_path / "opened"), lines=lines))
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} {script} {redirection}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def test_closed_streams(tmp_path):
    assert speak(">&- 2>&- <&-", tmp_path) == (0, "", "")
    assert (tmp_path / "opened").read_text() == "True\n"


def test_a_reader_who_goes(tmp_path):
    assert speak("2>&1 | head -1", tmp_path, lines=20_000) == (0, "line 日\n", "")
    assert (tmp_path / "opened").exists()


def test_an_ascii_terminal(tmp_path):
    said = speak("", tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert said == (0, "line \\u65e5\n", "problem \\u65e5\n")


def test_the_descriptor_is_silent_and_then_as_before(capfd, monkeypatch):
    with os.fdopen(os.dup(2), "w", buffering=1) as other:
        monkeypatch.setattr(sys, "stderr", other)
        with silent_descriptor():
            os.write(2, b"chatter of a library\n")
            print("a line for a person", file=sys.stderr)
        os.write(2, b"after\n")
    assert capfd.readouterr().err == "a line for a person\nafter\n"


def test_python_code_that_prints_to_the_descriptor_is_heard(capfd, monkeypatch):
    stream = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    monkeypatch.setattr(sys, "stderr", stream)
    with silent_descriptor():
        os.write(2, b"chatter of a library\n")
        print("a line for a person", file=sys.stderr, flush=True)
    assert sys.stderr is stream
    assert capfd.readouterr().err == "a line for a person\n"


def test_an_exception_gives_the_descriptor_back(capfd):
    with pytest.raises(ImportError), silent_descriptor():
        raise ImportError("no such library")
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"
