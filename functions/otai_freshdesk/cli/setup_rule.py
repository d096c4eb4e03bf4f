"""The Freshdesk rule that calls the webhook, ready to be copied into its form."""

from dataclasses import dataclass

from otai_freshdesk.cli.setup_texts import Texts

__all__ = ["WEBHOOK_PATH", "WebhookRule"]

WEBHOOK_PATH = "/freshdesk/webhook"
_USER = "otai"
_HEADER = "X-OTAI-Secret"


@dataclass(frozen=True, slots=True)
class WebhookRule:
    """The rule, as docs/administrator.md describes it.

    Attributes:
        url: Where the webhook goes; None while nothing is deployed.
    """

    url: str | None

    def rows(self, texts: Texts) -> list[tuple[str, str]]:
        """Return the rule for people, in the order of the form."""
        return [
            texts.rule_kind,
            texts.rule_name,
            texts.rule_performer,
            texts.rule_conditions,
            texts.rule_action,
            texts.rule_method,
            (texts.rule_url, self.url or texts.rule_no_url),
            texts.rule_header,
            texts.rule_basic,
            texts.rule_encoding,
            texts.rule_content,
        ]

    def as_record(self, texts: Texts) -> dict[str, object]:
        """Return the rule for scripts; the secret itself is not in it."""
        return {
            "kind": "ticket_creation",
            "name": texts.rule_name[1],
            "conditions": {
                "match": "any",
                "of": ["source is email", "source is not email"],
            },
            "request_type": "POST",
            "url": self.url,
            "path": WEBHOOK_PATH,
            "secret_header": _HEADER,
            "or_basic_user": _USER,
            "encoding": "JSON",
            "body": texts.rule_body,
        }
