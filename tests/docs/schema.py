"""Writes docs/config.schema.json, which editors use to complete and check config.yml.

Run it when the models of `otai_freshdesk.config` change: .venv/bin/python tests/docs/schema.py
"""

import json
from pathlib import Path

from otai_freshdesk.config.settings import ROOT, Settings

PATH = Path(__file__).parents[2] / "docs" / "config.schema.json"


def schema() -> str:
    """Return the schema of the whole file, as text."""
    settings = Settings.model_json_schema()
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.yml of otai-freshdesk",
        "type": "object",
        "properties": {ROOT: {"$ref": "#/$defs/Settings"}},
        "required": [ROOT],
        "additionalProperties": False,
        "$defs": {**settings.pop("$defs"), "Settings": settings},
    }
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema(), encoding="utf-8")
