"""The parts of ``docs/accuracy.md`` that a run writes, each between its own markers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "accuracy.md"
IMAGES = REPOSITORY / "docs" / "images"
COMMAND = "python -m benchmarks.accuracy"


def write_blocks(page: Path, blocks: Mapping[str, str]) -> None:
    """Put each text between its markers; other parts of the page stay.

    Raises
    ------
    ValueError
        When the page has no such markers, before anything is written.
    """
    text = page.read_text("utf-8")
    for name, content in blocks.items():
        text, count = _block(name).subn(_marked(name, content).replace("\\", r"\\"), text)
        if count != 1:
            raise ValueError(f"{page.name} needs one block named {name}, found {count}")
    page.write_text(text, "utf-8")


def read_blocks(page: Path) -> dict[str, str]:
    """Text of every marked block by its name."""
    return {
        name: content.strip()
        for name, content in re.findall(
            r"<!-- (\S+) -->\n(.*?)<!-- end \1 -->", page.read_text("utf-8"), re.DOTALL
        )
    }


def _block(name: str) -> re.Pattern[str]:
    word = re.escape(name)
    return re.compile(rf"<!-- {word} -->\n.*?<!-- end {word} -->", re.DOTALL)


def _marked(name: str, content: str) -> str:
    return f"<!-- {name} -->\n\n{content}\n\n<!-- end {name} -->"
