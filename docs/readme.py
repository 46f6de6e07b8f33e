"""Run what the README shows, in order, and put what is printed into it: ``make readme``.

A console block holds commands after ``$``, each followed by what it prints; a Python block is followed by a
text block with what it prints. Commands begin beside ``demo/``, which ``make demo`` wrote.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_FENCE = re.compile(r"^```(console|python|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A command, or code of Python, with what it is shown to print, and where that stands in the text."""

    words: list[str]
    output: str
    span: tuple[int, int]

    @property
    def name(self) -> str:
        """What is run, in short."""
        return self.words[-1].splitlines()[0]


def read_shown(text: str) -> Iterator[Shown]:
    """Yield all that a README's text shows."""
    fences = list(_FENCE.finditer(text))
    for fence, after in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] == "console":
            yield from _commands(fence)
        elif fence[1] == "python":
            has_output = after is not None and after[1] == "text"
            output, span = (after[2], after.span(2)) if has_output else ("", (fence.end(), fence.end()))
            yield Shown([sys.executable, "-c", fence[2]], output, span)


def _commands(fence: re.Match[str]) -> Iterator[Shown]:
    starts = [found.start() for found in re.finditer(r"^\$ ", fence[2], re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(fence[2])], strict=True):
        command, _, output = fence[2][start:end].removeprefix("$ ").partition("\n")
        while command.endswith("\\"):
            line, _, output = output.partition("\n")
            command = command[:-1] + line
        stop = fence.start(2) + end
        yield Shown(["bash", "-c", command], output, (stop - len(output), stop))


def run(shown: Shown, folder: Path) -> str:
    """Run it in a folder and return what it prints; end with what it says where it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    alike = {"OMP_NUM_THREADS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}  # no bfloat16, which not all machines have
    environment = {**os.environ, "PATH": path, "COLUMNS": "110", **alike}
    done = subprocess.run(
        shown.words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode or "Traceback" in done.stderr:
        raise RuntimeError(f"{shown.name}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def main() -> None:
    """Run all of it in a folder that holds ``demo/``, the current one, and write what is printed."""
    text = README.read_text(encoding="utf-8")
    outputs = [(shown.span, run(shown, Path.cwd())) for shown in read_shown(text)]
    for (start, end), output in reversed(outputs):
        text = text[:start] + output + text[end:]
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
