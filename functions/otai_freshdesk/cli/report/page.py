"""The report as one HTML file that needs nothing and asks nobody.

Style and script stand in the file and are named by their hashes in its content security policy,
which forbids everything else: connections, pictures, frames, forms, any other script. The document
is a block of JSON in which no character can end that block, and the script puts every text in as
text, so nothing a ticket says can become markup.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

from otai_freshdesk.cli.report.document import Document
from otai_freshdesk.cli.report.language import Language
from otai_freshdesk.evaluation import STEPS, FieldEvaluation

__all__ = ["render"]

_ASSETS = files(__package__) / "assets"
# In JSON these stand only within texts; U+2028 and U+2029 are escaped with all that is not ASCII.
_HARMLESS = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def render(document: Document, language: Language) -> str:
    """Return the page."""
    texts: dict[str, str] = json.loads(_asset(f"{language}.json"))
    style, script = _asset("page.css"), _asset("page.js")
    record = document.as_record()
    data = {
        "report": {**record, "page": {"steps": STEPS, "language": language.value}},
        "cells": [_cells(field) for field in document.evaluation.fields],
        "texts": texts,
    }
    return Template(_asset("page.html")).substitute(
        language=language.value,
        title=html.escape(texts[f"title.{document.kind}"]),
        noscript=html.escape(texts["noscript"]),
        policy=_policy(style, script),
        style=style,
        script=script,
        data=_embedded(data),
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _embedded(data: object) -> str:
    """Return JSON that cannot end the element it stands in."""
    return json.dumps(data, separators=(",", ":")).translate(_HARMLESS)


def _cells(field: FieldEvaluation) -> dict[str, Any]:
    """Return a field's tickets by kind, their names as places in lists."""
    groups, languages = list(field.by_group), list(field.by_language)
    labels = list(field.confusion.labels)
    rows = [
        [
            _place(groups, cell.group),
            _place(languages, cell.language),
            labels.index(cell.decided),
            _place(labels, cell.proposed),
            int(cell.acts),
            cell.step,
            tickets,
        ]
        for cell, tickets in field.cells().items()
    ]
    return {"groups": groups, "languages": languages, "rows": rows}


def _place(names: Sequence[str], name: str | None) -> int:
    return names.index(name) if name in names else -1
