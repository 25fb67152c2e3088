"""One parser for all commands: what it says of itself, and of wrong arguments."""

import pytest

from model.console.arguments import Parser


def parser(**options) -> Parser:
    one = Parser(prog="newsbeam try", **options)
    one.add_argument("--name", help="what to call it")
    one.add_argument("--rows", type=int, default=0, help="how many")
    one.add_argument("--engine", default="auto", help="what runs it (default: the fastest)")
    one.add_argument("--quick", action="store_true", help="leave the rest out")
    return one


def test_help_gives_defaults_that_are_there_and_each_once():
    lines = parser().format_help().splitlines()
    texts = [line.split("  ")[-1].strip() for line in lines[-4:]]
    assert texts == [
        "what to call it",
        "how many (default: 0)",
        "what runs it (default: the fastest)",
        "leave the rest out",
    ]


def test_wrong_arguments_are_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--rows", "many"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "newsbeam try: error: argument --rows: invalid int value: 'many'"
    ]
    with pytest.raises(SystemExit):
        parser().parse_args(["--row", "1"])
    assert "unknown argument --row: did you mean --rows?" in capsys.readouterr().err


def test_wrong_arguments_are_an_exception_where_one_is_wanted(capsys):
    with pytest.raises(KeyError, match="invalid int value: 'many'; see --help"):
        parser(wrong=KeyError).parse_known_args(["--rows", "many"])
    assert capsys.readouterr().err == ""
