"""The allow-list as a table for people: ``python -m corelab.blinding.allowlist_table FILE``.

It puts the table between the two marks of FILE (``docs/blinding.md``); a test holds that what
stands there is what the list says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from corelab.blinding.allowlist import (
    Allowed,
    AllowedFlag,
    AllowedNumber,
    AllowedSoftware,
    AllowedWord,
    AllowList,
    allow_list,
)

FIRST_MARK = "<!-- made by python -m corelab.blinding.allowlist_table docs/blinding.md -->\n"
LAST_MARK = "<!-- end of what was made -->\n"
_COLUMNS = ("What", "From", "May be", "Lands in OUT as", "Why", "Clause")
_LONGEST_WORD = 30
_DECIMALS = {None: "", 0: ", whole", 1: ", 1 decimal"}


def table_of(listed: AllowList) -> str:
    """Markdown table with one row an entry, in the order of the list."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    rows += [_row(name, entry) for name, entry in listed.entries.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(text: str, table: str) -> str:
    """Text with the table between its marks.

    Raises
    ------
    ValueError
        When a mark is absent.
    """
    before, rest = text.split(FIRST_MARK)
    _, after = rest.split(LAST_MARK)
    return before + FIRST_MARK + table + LAST_MARK + after


def _row(name: str, entry: Allowed) -> tuple[str, ...]:
    places = [f"sidecar `{entry.sidecar}`"] if entry.sidecar else []
    places += ["NIfTI " + ", ".join(f"`{field}`" for field in entry.nifti)] if entry.nifti else []
    return f"`{name}`", _source(entry), _range(entry), "; ".join(places), entry.why, entry.clause


def _source(entry: Allowed) -> str:
    if entry.attributes:
        return _attributes(entry.attributes)
    judged = f", judged from {_attributes(entry.judged_from)}" if entry.judged_from else ""
    return f"own{judged}"


def _attributes(tags: dict[str, str]) -> str:
    return ", ".join(f"{keyword} ({tag})" for keyword, tag in tags.items())


def _range(entry: Allowed) -> str:
    if isinstance(entry, AllowedNumber):
        decimals = _DECIMALS.get(entry.decimals, f", {entry.decimals} decimals")
        return f"{entry.minimum:g} to {entry.maximum:g} {entry.unit}{decimals}"
    if isinstance(entry, AllowedWord):
        return ", ".join(f"`{_short(word)}`" for word in entry.words)
    if isinstance(entry, AllowedSoftware):
        words = ", ".join(f"`{word}`" for word in entry.software + entry.readings)
        return f"{words}, and versions"
    return "yes or no" if isinstance(entry, AllowedFlag) else "a version number"


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST_WORD else word[:_LONGEST_WORD] + " ..."


def main() -> None:
    """Put the table into the file named on the command line."""
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text("utf-8"), table_of(allow_list())), "utf-8")


if __name__ == "__main__":
    main()
