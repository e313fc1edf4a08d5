"""The words that corelab itself writes into OUT, read from its own source.

What equals one of them proves nothing where it is found. So the vocabulary is kept small:
from modules that write OUT every text in the code and every name that becomes a key or a
column; from kernels the names of parameters; from the others only sentences, which is what
messages are. What makes synthetic
patients is left out: its names and places are invented, but not ours.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from corelab.blinding.allowlist import AllowedSoftware, allow_list
from corelab.blinding.audit.kept_words import kept
from corelab.blinding.audit.vocabulary import OwnWords, vocabulary

_PACKAGE = Path(__file__).parents[2]
_WRITERS = (
    "errors.py",
    "vocab.py",
    "trial.py",
    "volume.py",
    "store",
    "stages",
    "reading",
    "blinding/release.py",
)
_TEMPLATES = {".html", ".css", ".js", ".toml"}
_LIBRARY_TEXT = "parquet-cpp-arrow version ARROW:schema list element PAR1"
_DECODERS = "decoder"
_SENTENCE = re.compile(r"[a-z{].*\s\S+\s\S+", re.DOTALL)


@cache
def library_words() -> OwnWords:
    """Vocabulary of the library, and of what Parquet adds."""
    library = [path for path in _PACKAGE.rglob("*.*") if path.suffix in {".py", *_TEMPLATES}]
    return kept(_PACKAGE.name, library, _library_words)


def _library_words() -> OwnWords:
    writers = {
        path
        for name in _WRITERS
        for path in (_PACKAGE / name, *(_PACKAGE / name).rglob("*.*"))
        if path.is_file()
    }
    invented = set((_PACKAGE / "phantom").rglob("*.py"))
    others = set(_PACKAGE.rglob("*.py")) - writers - invented
    messages = (text for path in sorted(others) for text in _texts(path) if _SENTENCE.match(text))
    kernels = sorted((_PACKAGE / "kernels").glob("*.py"))
    parameters = (name for path in kernels for name in _names(_tree(path)))
    written = (text for path in sorted(writers) for text in _written(path))
    return vocabulary([_LIBRARY_TEXT, *_software(), *messages, *parameters]) | vocabulary(written)


def _software() -> tuple[str, ...]:
    """Name our own decoders, as sidecars of a plain conversion do."""
    entry = allow_list().entries[_DECODERS]
    return entry.software if isinstance(entry, AllowedSoftware) else ()


def vocabulary_of(folder: Path, names: Iterable[str]) -> OwnWords:
    """Vocabulary of modules and templates of a folder that write into OUT."""
    paths = sorted(folder / name for name in names)
    written = (text for path in paths for text in _written(path))
    return kept(folder.name, paths, lambda: vocabulary(written))


def _written(path: Path) -> Iterator[str]:
    if path.suffix in _TEMPLATES:
        yield path.read_text("utf-8")
    elif path.suffix == ".py":
        yield from _texts(path)
        yield from _names(_tree(path))


def _names(tree: ast.AST) -> Iterator[str]:
    """Names of fields, which become keys and columns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _texts(path: Path) -> Iterator[str]:
    """Texts in the code that are no docstrings; of a formatted one its own words."""
    tree = _tree(path)
    unwritten: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            unwritten.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield "".join(map(str, parts))
            unwritten.update(map(id, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from () if id(node) in unwritten else (node.value,)


def _tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text("utf-8"))
