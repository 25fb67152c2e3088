"""The `newsbeam` command."""

import subprocess
import sys

import pytest

from pipeline.launcher import cli
from places import ROOT

NEWSBEAM = "import sys; from pipeline.launcher.cli import main; code = main(); "
HEAVY = "print([m for m in ('numpy', 'pyarrow', 'apache_beam', 'tensorflow') if m in sys.modules])"


def newsbeam(*arguments: str, then: str = "sys.exit(code)") -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", NEWSBEAM + then, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_help_and_version_import_nothing_heavy():
    help_lines = newsbeam("--help", then=HEAVY).stdout.splitlines()
    assert help_lines.pop() == "[]"
    for name in cli.MODULES:
        assert [line for line in help_lines if line.startswith(f"  {name} ")], name
    said, heavy = newsbeam("--version", then=HEAVY).stdout.splitlines()
    assert said.startswith("newsbeam ") and heavy == "[]"


def test_a_wrong_command_is_one_line(capsys, monkeypatch):
    for arguments, said in (
        (["scor"], "there is no command scor: did you mean score?"),
        (["--input", "news"], "there is no command --input news: see newsbeam --help"),
        (["completion", "fish"], "there is no command completion fish: completion bash, or zsh"),
    ):
        monkeypatch.setattr(sys, "argv", ["newsbeam", *arguments])
        assert cli.main() == 2
        assert capsys.readouterr().err == f"newsbeam: error: {said}\n"


@pytest.mark.slow
def test_a_command_calls_itself_by_the_name_it_was_called_by(tmp_path):
    for name in ("score", "train"):
        done = newsbeam(name, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"usage: newsbeam {name} "), done
    done = newsbeam("runs", "--output", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"newsbeam: there are no runs in {tmp_path}\n"
    done = newsbeam("evaluate", "--modle", "x")
    assert done.returncode == 2 and done.stderr.startswith("newsbeam evaluate: error: ")


def test_the_five_options_that_most_need_come_first():
    for name, flags in (
        ("score", ["--input", "--output", "--text_columns", "--model", "--id_column"]),
        ("prepare", ["--input", "--output", "--text_columns", "--label_column", "--tokenizer"]),
    ):
        printed = newsbeam(name, "--help").stdout
        first = printed.split("what most people need:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in first.splitlines() if line[2] == "-"] == flags


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sc"], ["score"]),
        (["train", "--word"], ["--word_dropout"]),
        (["score", "--gold"], ["--gold_column"]),
        (["completion", "z"], ["zsh"]),
        (["score", "--input", "setup"], ["setup.py"]),
    ],
)
def test_bash_completes_commands_options_and_files(words, expected, script):
    asks = f"COMP_WORDS=(newsbeam {' '.join(words)}); COMP_CWORD={len(words)}; _newsbeam; "
    ask = script + asks + 'echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", ask], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (expected, "")


@pytest.fixture(scope="module")
def script():
    done = newsbeam("completion", "bash")
    assert done.returncode == 0, done.stderr
    return done.stdout
