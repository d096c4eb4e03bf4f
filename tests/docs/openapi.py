"""Writes docs/openapi.json: what the webhook takes and answers, in AWS and from `serve` alike.

Made here and not by the resolver, whose own description needs its body validation, which stays
off (see docs/decisions.md), and would be loaded in each cold start.

Run it when a route, a check or an outcome changes: .venv/bin/python tests/docs/openapi.py
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from otai_freshdesk.application.outcome import Status
from otai_freshdesk.config.secrets import MIN_WEBHOOK_SECRET
from otai_freshdesk.config.settings import WebhookSettings
from otai_freshdesk.domain.policy import Verdict
from otai_freshdesk.web.body import MAX_ID, WRAPPER
from otai_freshdesk.web.errors import RequestError
from otai_freshdesk.web.request import CONTENT_TYPES, FORM, SECRET_HEADER
from otai_freshdesk.web.routes import PATH

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"

type Schema = Mapping[str, Any]

TICKET_ID: Schema = {
    "description": "A ticket's number; the placeholder {{ticket.id}} gives it as text.",
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MAX_ID},
        {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
    ],
}
TICKET: Schema = {
    "type": "object",
    "required": ["ticket_id"],
    "properties": {"ticket_id": TICKET_ID},
}
BODY: Schema = {
    "description": (
        "Only the ticket's number is read. More is understood than is described here: bodies "
        "that pasted text has broken, and `id` for `ticket_id`."
    ),
    "anyOf": [
        {"type": "object", "required": [WRAPPER], "properties": {WRAPPER: TICKET}},
        {**TICKET, "not": {"required": [WRAPPER]}},
    ],
}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "number", "minimum": 0}
FIELD: Schema = {
    "type": "object",
    "required": ["label", "value", "probability", "threshold", "verdict"],
    "oneOf": [{"required": ["before"]}, {"required": ["was_empty"]}],
    "properties": {
        "before": {
            **TEXT_OR_NULL,
            "description": "Of group, type and priority: the value before, null if empty.",
        },
        "was_empty": {
            "type": "boolean",
            "description": "Of a custom field, in place of its value, which may be personal.",
        },
        "label": {"type": "string"},
        "value": TEXT_OR_NULL,
        "probability": NUMBER,
        "threshold": NUMBER,
        "verdict": {"enum": [*Verdict]},
    },
    "additionalProperties": False,
}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
PROBLEM: Schema = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "additionalProperties": False,
}


def outcome(*statuses: Status) -> Schema:
    """Return the schema of `Outcome.as_record`."""
    return {
        "type": "object",
        "required": ["ticket_id", "outcome"],
        "properties": {
            "ticket_id": {"type": "integer", "minimum": 1, "maximum": MAX_ID},
            "outcome": {"enum": list(statuses)},
            "reason": {"type": "string"},
            "fields": {"type": "object", "additionalProperties": FIELD},
            "written": {"type": "object", "additionalProperties": {"type": "string"}},
            "tags": TEXTS,
            "refused": TEXTS,
            "noted": {"type": "boolean"},
            "classify_ms": NUMBER,
        },
        "additionalProperties": False,
    }


def document() -> dict[str, Any]:
    """Return the description."""
    longest = WebhookSettings().max_body_bytes
    done = [status for status in Status if status is not Status.DEFERRED]
    responses = {
        "200": _reply("What became of the ticket.", outcome(*done)),
        "202": _reply("Left to the sweep; nothing is lost.", outcome(Status.DEFERRED)),
        "408": _problem("`serve` only: the body did not arrive in time."),
    } | {
        str(int(error.status)): _problem((error.__doc__ or "").strip())
        for error in RequestError.__subclasses__()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "otai-freshdesk",
            "version": version("otai-freshdesk"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "The webhook that Freshdesk's automation calls. Checks come in this order: size, "
                "content type, secret, ticket number."
            ),
        },
        "servers": [
            {"url": "http://127.0.0.1:8080", "description": "otai-freshdesk serve"},
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
                "description": "API Gateway; the stack's output WebhookUrl",
                "variables": {"api": {"default": "api"}, "region": {"default": "eu-central-1"}},
            },
        ],
        "paths": {
            PATH: {
                "post": {
                    "operationId": "triageTicket",
                    "summary": "Triage one ticket",
                    "description": f"Bodies longer than {longest} bytes are refused by default.",
                    "security": [{"header": []}, {"basic": []}],
                    "requestBody": {
                        "required": True,
                        "content": {
                            kind: {"schema": TICKET if kind == FORM else BODY}
                            for kind in sorted(CONTENT_TYPES)
                        },
                    },
                    "responses": dict(sorted(responses.items())),
                }
            }
        },
        "components": {
            "securitySchemes": {
                "header": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SECRET_HEADER,
                    "description": f"The secret, at least {MIN_WEBHOOK_SECRET} characters.",
                },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Any user name, the secret as password.",
                },
            }
        },
    }


def text() -> str:
    """Return the description as it is written."""
    return json.dumps(document(), indent=2) + "\n"


def _reply(description: str, schema: Schema, kind: str = "application/json") -> Schema:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _problem(description: str) -> Schema:
    return _reply(description, PROBLEM, "application/problem+json")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
