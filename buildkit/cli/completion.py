"""Print a script that completes mbuild's commands, options and labels in bash, zsh or fish."""

from __future__ import annotations

import argparse
import sys

from buildkit.cli.arguments import Arguments
from buildkit.errors import ExitCode

BASH = """\
# mbuild completion for bash: put into ~/.bashrc: eval "$(mbuild completion bash)"
_mbuild() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <("$1" complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o nospace -o bashdefault -o default -F _mbuild mbuild
"""
ZSH = """\
#compdef mbuild
# mbuild completion for zsh: put into ~/.zshrc, after compinit: eval "$(mbuild completion zsh)"
_mbuild() {
    local -a found open closed
    found=("${(@f)$(${words[1]} complete zsh "${LBUFFER}" 2>/dev/null)}")
    open=(${(M)found:#*[/:=(]})
    closed=(${found:#*[/:=(]})
    (( ${#open} )) && compadd -S '' -- $open
    (( ${#closed} )) && compadd -- $closed
    (( ${#open} + ${#closed} )) || _files
}
compdef _mbuild mbuild
"""
FISH = """\
# mbuild completion for fish: mbuild completion fish > ~/.config/fish/completions/mbuild.fish
function __mbuild_complete
    set -l words (commandline -opc)
    $words[1] complete fish (commandline -cp | string collect) 2>/dev/null
end
complete -c mbuild -f -n 'test -n "$(__mbuild_complete)"' -a '(__mbuild_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`SHELL`."""
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help="bash, zsh or fish")


def run(arguments: Arguments) -> ExitCode:
    """The script, on stdout."""
    sys.stdout.write(SCRIPTS[arguments.own["shell"]])
    return ExitCode.SUCCESS
