"""Writes docs/tables.md: what every column of every table means, from the code that writes them.

python -m benchmarks.tables_page
"""

from __future__ import annotations

from pathlib import Path

from corelab.store.exchange.adam import analysis_sheet
from corelab.store.exchange.markdown import to_markdown
from corelab.store.exchange.nv import findings_sheet
from corelab.store.exchange.sheets import empty_sheets

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"
HEAD = """# The tables, column by column

Made by `python -m benchmarks.tables_page` from the schema that writes the tables; a test holds it
to that. How to read them with your own tool, and what they answer: [statistics](statistics.md).
`qa`, `nv` and `adinf` stand in `OUT/tables` alone.

"""


def page() -> str:
    """Text of the page."""
    sheets = (*empty_sheets(), findings_sheet((), ()), analysis_sheet((), (), frozenset()))
    return HEAD + to_markdown(sheets)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
