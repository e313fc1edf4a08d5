"""The jinja2 door: templates, and what lets a page run its own style and script alone."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).parent / "templates"


def templates() -> Environment:
    """Environment of every template: all that is put in is escaped, and nothing may be absent."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def template_text(name: str) -> str:
    """Text of a file beside the templates, such as a style."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def digest_source(text: str) -> str:
    """Source of a content security policy that names one inline text by its digest."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def still_policy(style: str) -> str:
    """Content security policy of a page that runs nothing: its own style, pictures in it."""
    return (
        f"default-src 'none'; img-src data:; style-src '{digest_source(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
