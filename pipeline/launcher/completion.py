"""Completion of `newsbeam` in a shell: a small script, made of what the commands' help says."""

import contextlib
import importlib
import io
import re
from collections.abc import Callable, Mapping

BASH = """_newsbeam() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands} completion --help --version"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        completion) words="bash zsh" ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [ "${{#COMPREPLY[@]}}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}}
complete -o filenames -F _newsbeam newsbeam
"""
# zsh takes bash's completions when it is told to.
ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def script(shell: str, modules: Mapping[str, str]) -> str:
    """The script that a shell evaluates.

    Args:
        shell: `bash` or `zsh`.
        modules: each command's.
    """
    flags = {name: options_of(name, module) for name, module in modules.items()}
    cases = "\n".join(f'        {name}) words="{" ".join(flags[name])}" ;;' for name in flags)
    return ZSH * (shell == "zsh") + BASH.format(commands=" ".join(flags), cases=cases)


def options_of(name: str, module: str) -> list[str]:
    """The options that a command's help lists."""
    imported = importlib.import_module(module)
    command: Callable = imported.main if module.startswith("model.") else getattr(imported, name)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        command(["--help"])
    return re.findall(r"^  (?:-\w, )?(--\w+)", printed.getvalue(), re.MULTILINE)
