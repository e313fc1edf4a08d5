"""What the audit at the end of a run need not search again: files that it found clean before.

A file is passed over when an earlier run searched it for the same texts by the same rule, found
nothing, and its stamp is the same now. One more text to look for, or a changed rule, and every
file is searched. ``corelab audit`` remembers nothing and searches everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from corelab import blinding
from corelab.blinding.audit import Needle, Searched
from corelab.blinding.vault import Vault
from pipelines.searching import SpreadSearcher
from pipelines.stamps import stamp_of

_NAME = "audit"
_READERS = ("numpy", "pillow", "pyarrow", "pydicom", "nibabel")


class _Kept(NamedTuple):
    """What was asked of files, and the stamps of those that were clean."""

    question: str
    clean: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberingSearcher:
    """A searcher that passes over what the vault remembers as clean, and adds to it."""

    searcher: SpreadSearcher
    vault: Vault

    def __call__(
        self, out: Path, paths: Sequence[Path], needles: Sequence[Needle]
    ) -> Iterator[Searched]:
        """Search what is not known to be clean; folders always, which costs next to nothing."""
        question = _question(out, needles)
        stamps = {path: stamp_of(out / path) for path in paths if not (out / path).is_dir()}
        clean = self._clean_files(question)
        known = {path: stamp for path, stamp in stamps.items() if clean.get(str(path)) == stamp}
        yield Searched(leaks=(), gaps=(), n_files=len(known), n_bytes=0)
        found: set[Path] = set()
        for part in self.searcher(out, [path for path in paths if path not in known], needles):
            found.update(leak.path for leak in part.leaks)
            found.update(gap.path for gap in part.gaps)
            yield part
        searched = {
            path: stamp
            for path, stamp in stamps.items()
            if path not in known and path not in found and stamp_of(out / path) == stamp
        }
        self._keep(question, known | searched)

    def _clean_files(self, question: str) -> Mapping[str, str]:
        """Stamps of the files that were clean when the same was asked of them."""
        kept = _kept(self.vault)
        return kept.clean if kept.question == question else {}

    def _keep(self, question: str, clean: Mapping[Path, str]) -> None:
        stamps = {str(path): stamp for path, stamp in clean.items()}
        self.vault.remember(_NAME, json.dumps(_Kept(question, stamps)))


def clean_files(vault: Vault) -> Mapping[str, str]:
    """Stamps of all files that the last audit found clean, by their paths below OUT."""
    return _kept(vault).clean


def forget_clean_files(vault: Vault) -> None:
    """Have the next audit search everything."""
    vault.remember(_NAME, "")


def _kept(vault: Vault) -> _Kept:
    text = vault.recall(_NAME)
    return _Kept(*json.loads(text)) if text else _Kept("", {})


def _question(out: Path, needles: Iterable[Needle]) -> str:
    """Digest of where is searched, for what, and by which rule."""
    digest = hashlib.sha256(f"{out.resolve()!a} {_rule()}\n".encode())
    for needle in needles:
        digest.update(f"{needle.text!a} {needle.kind} {needle.reach}\n".encode())
    return digest.hexdigest()


@cache
def _rule() -> str:
    """Digest of the code that searches, and of the libraries that open files for it."""
    digest = hashlib.sha256(" ".join(map(version, _READERS)).encode())
    for path in sorted(Path(str(blinding.__file__)).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
