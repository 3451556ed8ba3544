"""The tutorial's files and commands: written to a folder, run there, their output put under each command.

In: Markdown with fenced blocks. A block whose fence names a file (```yaml my-study/protocol.yaml) is that file; a
block of kind `console` holds lines `$ command`. Out: the same text with what each command printed. So the tutorial
cannot show anything that the program does not say.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

_FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def write_files(text: str, folder: Path) -> list[Path]:
    """Write every named block of `text` below `folder`; return the files."""
    out = []
    for name, content in _FILE.findall(text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        out.append(path)
    return out


def with_output(text: str, folder: Path) -> str:
    """Return `text` with the output of its commands, run in `folder`. Raises `RuntimeError` where one fails."""
    write_files(text, folder)
    return _CONSOLE.sub(lambda block: "```console\n" + _run_block(block[1], folder) + "```", text)


def _run_block(block: str, folder: Path) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "\n".join(f"{line}\n{run(line[2:], folder)}" for line in commands)


def run(command: str, folder: Path) -> str:
    """Run `chartline ...` or `cat FILE` in `folder`; return what it prints."""
    from typer.testing import CliRunner

    from chartline.cli import app

    program, *arguments = shlex.split(command)
    if program == "cat":
        return (folder / arguments[0]).read_text(encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(app, arguments, prog_name=program)
    finally:
        os.chdir(before)
    if done.exit_code != 0:
        raise RuntimeError(f"`{command}` failed: {done.output} {done.exception}")
    return done.output
