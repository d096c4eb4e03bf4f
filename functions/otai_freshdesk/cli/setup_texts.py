"""What `setup` says and writes, in English and German.

Errors stay English, as those of every other command. Placeholders are those of `str.format`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from otai_freshdesk.cli.setup_options import Language

__all__ = ["TEXTS", "Texts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """All sentences of one language."""

    # questions
    ask_domain: str
    ask_key: str
    ask_place: str
    ask_unsure: str
    ask_group: str
    ask_undecided: str
    ask_store: str
    no_such_answer: str
    yes: str

    # the result
    account: str
    scope_groups: str
    scope_own: str
    no_groups: str
    no_types: str
    columns: tuple[str, str, str]
    nowhere: str
    not_sure: str
    tagged_only: str
    kept_by_you: str
    gone: str
    no_such_field: str
    not_editable: str
    wrote: str
    renewed: str
    backup: str
    unchanged: str
    stored: str
    made_now: str
    next_steps: str

    # comments in config.yml
    header: str
    provider: str
    domain: str
    key_kept_at: str
    share: str
    webhook_kept_at: str
    mode: str
    start: str
    fields: str
    target: str
    undecided: str
    min_confidence: str
    labels: str
    proposed: str
    nearest: str
    automated: str
    values: str
    priority: str
    priority_undecided: str
    own_fields: str
    cursor: str
    look_back: str

    # the rule
    rule_title: str
    rule_columns: tuple[str, str]
    rule_kind: tuple[str, str]
    rule_name: tuple[str, str]
    rule_performer: tuple[str, str]
    rule_conditions: tuple[str, str]
    rule_action: tuple[str, str]
    rule_method: tuple[str, str]
    rule_url: str
    rule_no_url: str
    rule_header: tuple[str, str]
    rule_basic: tuple[str, str]
    rule_encoding: tuple[str, str]
    rule_content: tuple[str, str]
    rule_body: str


ENGLISH = Texts(
    ask_domain="Subdomain of your account (acme for https://acme.freshdesk.com): ",
    ask_key="API key of the agent (not shown): ",
    ask_place="Where will it run? aws or server [{default}]: ",
    ask_unsure="Choose groups yourself for the {count} labels above that have none? y or n [n]: ",
    ask_group="Group for {label} ({covers}), by number; empty leaves such tickets alone: ",
    ask_undecided=(
        "Which groups do tickets get before anybody has looked at them, such as an inbox?\n"
        "Only these may be replaced. Numbers with commas, 0 for none [{default}]: "
    ),
    ask_store="Store the API key and a webhook secret in the AWS Parameter Store now? y or n [n]: ",
    no_such_answer="That is not one of the answers. ",
    yes="y",
    account="Account {domain}: {groups} groups, {types} types; labels of bundle {bundle}",
    scope_groups=(
        "the agent of this key sees only the tickets of its groups: give it global access in "
        "Admin > Agents, or tickets will be missed"
    ),
    scope_own=(
        "the agent of this key sees only its own tickets: give it global access in "
        "Admin > Agents, or tickets will be missed"
    ),
    no_groups=(
        "the account has no groups, so tickets are not routed: add groups in Admin > Groups and "
        "run setup again"
    ),
    no_types="the account has no ticket types, so the field type is left alone",
    columns=("Label", "Group or value", "Confidence"),
    nowhere="-",
    not_sure="{confidence}, not sure; nearest: {nearest}",
    tagged_only="tagged only",
    kept_by_you="yours, kept; proposed would be: {proposed}",
    gone="{label}: the account has no {field} {value}; the line was kept, change it yourself",
    no_such_field="triage.fields.{field} is not in the file, so it stays out",
    not_editable="triage.fields.{key} could not be changed for you: put in {value} by hand",
    wrote="Wrote {path}",
    renewed="Changed {path}",
    backup="; the file as it was is {backup}",
    unchanged="{path} is up to date, nothing was written",
    stored="Stored as SecureString: {names}",
    made_now="Webhook secret, shown this once, for the Freshdesk rule: {secret}",
    next_steps=(
        "Next:\n"
        "  1. look through {path} and change what you know better\n"
        "  2. otai-freshdesk doctor --config {path}\n"
        "  3. otai-freshdesk triage NUMBER --config {path} shows what would become of a ticket"
    ),
    header=(
        "Configuration of otai-freshdesk for https://{domain}.freshdesk.com, made by its setup.\n"
        "Change whatever you like. Setup, run again, keeps your values and comments: it renews\n"
        "only lines that still have the value behind `proposed`, and adds what is missing.\n"
        "Secrets are references, never values: ssm:/path (AWS), env:NAME or file:/path.\n"
        "Check every change: otai-freshdesk doctor --config config.yml"
    ),
    provider="the help desk is Freshdesk",
    domain="the account: https://{domain}.freshdesk.com",
    key_kept_at="where the agent's API key is kept",
    share="this part of the API limit is left to agents and other apps",
    webhook_kept_at="where the webhook's secret is kept: 32 characters or more",
    mode="off: do nothing; shadow: decide and log, write nothing; live: write into tickets",
    start="tickets created before stay untouched; default: the first sweep",
    fields="only what stands here is ever written; take a field out and it is left alone",
    target="the judgement of the model that fills this field",
    undecided="Values that nobody has chosen and that may be replaced; null is the empty field.",
    min_confidence="beats the model's threshold: higher means fewer and surer writes",
    labels=(
        "The model's label: your group. Several labels may have the same group; null leaves such\n"
        "tickets where they are. `proposed` names what setup found, with its confidence (0 to 1)."
    ),
    proposed="proposed",
    nearest="nearest",
    automated="mail that no human wrote: tagged, never routed",
    values="The model's label: your value, written exactly as in Freshdesk; null leaves it alone.",
    priority="Low, Medium, High or Urgent",
    priority_undecided="what Freshdesk sets where nobody chose; empty it if agents mean Low",
    own_fields=(
        "Fields of your own that another judgement (sentiment, language) could fill: {fields}.\n"
        "How: docs/administrator.md, section 3."
    ),
    cursor="where the sweep remembers how far it came",
    look_back="how far the first sweep looks back",
    rule_title=(
        "The rule in Freshdesk (Admin > Workflows > Automations > Ticket Creation > New rule)"
    ),
    rule_columns=("Setting", "Value"),
    rule_kind=("Kind of rule", "Ticket creation, not ticket updates"),
    rule_name=("Name", "otai-freshdesk triage"),
    rule_performer=(
        "Performer",
        "none to set: a creation rule has no performer (were it an update rule: the requester)",
    ),
    rule_conditions=(
        "Conditions",
        "match any of: Source is Email; Source is not Email (together always true)",
    ),
    rule_action=("Action", "Trigger webhook"),
    rule_method=("Request type", "POST"),
    rule_url="URL",
    rule_no_url="what your deployment shows, ending in /freshdesk/webhook",
    rule_header=("Custom header", "X-OTAI-Secret: the webhook secret"),
    rule_basic=(
        "or, without headers",
        "API key/username and password: user otai, password the webhook secret",
    ),
    rule_encoding=("Encoding", "JSON"),
    rule_content=("Content", "Advanced, with this body:"),
    rule_body='{"freshdesk_webhook": {"ticket_id": "{{ticket.id}}"}}',
)

GERMAN = Texts(
    ask_domain="Subdomain Ihres Kontos (acme bei https://acme.freshdesk.com): ",
    ask_key="API-Schlüssel des Agenten (wird nicht angezeigt): ",
    ask_place="Wo soll es laufen? aws oder server [{default}]: ",
    ask_unsure="Für die {count} Labels ohne Gruppe selbst eine wählen? j oder n [n]: ",
    ask_group="Gruppe für {label} ({covers}), als Nummer; leer lässt solche Tickets in Ruhe: ",
    ask_undecided=(
        "In welche Gruppen kommen Tickets, bevor jemand sie angesehen hat, etwa ein Posteingang?\n"
        "Nur diese dürfen ersetzt werden. Nummern mit Kommas, 0 für keine [{default}]: "
    ),
    ask_store=(
        "API-Schlüssel und ein Webhook-Geheimnis jetzt im AWS Parameter Store ablegen? "
        "j oder n [n]: "
    ),
    no_such_answer="Das ist keine der Antworten. ",
    yes="j",
    account="Konto {domain}: {groups} Gruppen, {types} Typen; Labels des Bundles {bundle}",
    scope_groups=(
        "der Agent dieses Schlüssels sieht nur Tickets seiner Gruppen: Geben Sie ihm unter "
        "Admin > Agenten globalen Zugriff, sonst fehlen Tickets"
    ),
    scope_own=(
        "der Agent dieses Schlüssels sieht nur seine eigenen Tickets: Geben Sie ihm unter "
        "Admin > Agenten globalen Zugriff, sonst fehlen Tickets"
    ),
    no_groups=(
        "das Konto hat keine Gruppen, also werden Tickets nicht verteilt: Legen Sie unter "
        "Admin > Gruppen welche an und rufen Sie setup noch einmal auf"
    ),
    no_types="das Konto hat keine Tickettypen, also bleibt das Feld type unberührt",
    columns=("Label", "Gruppe oder Wert", "Sicherheit"),
    nowhere="-",
    not_sure="{confidence}, unsicher; am nächsten: {nearest}",
    tagged_only="nur Tag",
    kept_by_you="Ihr Wert, bleibt; der Vorschlag wäre: {proposed}",
    gone="{label}: das Konto kennt {field} {value} nicht; die Zeile blieb, ändern Sie sie selbst",
    no_such_field="triage.fields.{field} steht nicht in der Datei und bleibt draußen",
    not_editable="triage.fields.{key} ließ sich nicht ändern: Tragen Sie {value} selbst ein",
    wrote="Geschrieben: {path}",
    renewed="Geändert: {path}",
    backup="; die Datei, wie sie war: {backup}",
    unchanged="{path} ist auf dem neuesten Stand, nichts wurde geschrieben",
    stored="Als SecureString abgelegt: {names}",
    made_now="Webhook-Geheimnis, nur dieses Mal gezeigt, für die Regel in Freshdesk: {secret}",
    next_steps=(
        "Weiter:\n"
        "  1. {path} durchsehen und ändern, was Sie besser wissen\n"
        "  2. otai-freshdesk doctor --config {path}\n"
        "  3. otai-freshdesk triage NUMMER --config {path} zeigt, was aus einem Ticket würde"
    ),
    header=(
        "Konfiguration von otai-freshdesk für https://{domain}.freshdesk.com, von setup angelegt.\n"
        "Ändern Sie, was Sie möchten. Ein neuer Aufruf von setup behält Ihre Werte und\n"
        "Kommentare: Er erneuert nur Zeilen, in denen noch der Wert hinter `Vorschlag` steht, und\n"
        "ergänzt, was fehlt. Geheimnisse sind Verweise, nie Werte: ssm:/pfad (AWS), env:NAME oder\n"
        "file:/pfad. Prüfen Sie jede Änderung: otai-freshdesk doctor --config config.yml"
    ),
    provider="das Helpdesk ist Freshdesk",
    domain="das Konto: https://{domain}.freshdesk.com",
    key_kept_at="wo der API-Schlüssel des Agenten liegt",
    share="dieser Teil des API-Limits bleibt Agenten und anderen Apps",
    webhook_kept_at="wo das Webhook-Geheimnis liegt: mindestens 32 Zeichen",
    mode="off: nichts tun; shadow: entscheiden und protokollieren; live: in Tickets schreiben",
    start="früher angelegte Tickets bleiben unberührt; sonst gilt der erste Sweep",
    fields="nur was hier steht, wird je geschrieben; gestrichene Felder bleiben unberührt",
    target="das Urteil des Modells, das dieses Feld füllt",
    undecided="Werte, die niemand gewählt hat; sie dürfen ersetzt werden. null ist das leere Feld.",
    min_confidence="geht der Schwelle des Modells vor: höher heißt seltener und sicherer",
    labels=(
        "Label des Modells: Ihre Gruppe. Mehrere Labels dürfen dieselbe Gruppe haben; bei null\n"
        "bleiben solche Tickets, wo sie sind. `Vorschlag` nennt, was setup fand, mit Sicherheit\n"
        "von 0 bis 1."
    ),
    proposed="Vorschlag",
    nearest="am nächsten",
    automated="Mails, die kein Mensch geschrieben hat: nur ein Tag, nie verteilt",
    values="Label des Modells: Ihr Wert, genau wie in Freshdesk; null lässt ihn, wie er ist.",
    priority="Low, Medium, High oder Urgent",
    priority_undecided="setzt Freshdesk, wo niemand wählt; leeren Sie es, wenn Agenten Low wählen",
    own_fields=(
        "Eigene Felder, die ein anderes Urteil (sentiment, language) füllen könnte: {fields}.\n"
        "Wie das geht: docs/administrator.de.md, Abschnitt 3."
    ),
    cursor="wo sich der Sweep merkt, wie weit er kam",
    look_back="so weit blickt der erste Sweep zurück",
    rule_title=(
        "Die Regel in Freshdesk (Admin > Workflows > Automatisierungen > Ticket-Erstellung > "
        "Neue Regel)"
    ),
    rule_columns=("Einstellung", "Wert"),
    rule_kind=("Art der Regel", "Ticket-Erstellung (Ticket Creation), nicht Aktualisierung"),
    rule_name=("Name", "otai-freshdesk triage"),
    rule_performer=(
        "Auslöser",
        "nichts zu wählen, eine Erstellungsregel hat keinen (eine für Änderungen: Anfragender)",
    ),
    rule_conditions=(
        "Bedingungen",
        "eine von beiden genügt (any): Source is Email; Source is not Email (trifft stets zu)",
    ),
    rule_action=("Aktion", "Webhook auslösen (Trigger webhook)"),
    rule_method=("Anfragetyp", "POST"),
    rule_url="URL",
    rule_no_url="die Ihre Installation anzeigt, am Ende /freshdesk/webhook",
    rule_header=("Eigener Header", "X-OTAI-Secret: das Webhook-Geheimnis"),
    rule_basic=(
        "oder, ohne Header",
        "API-Schlüssel/Benutzername und Passwort: Benutzer otai, Passwort das Webhook-Geheimnis",
    ),
    rule_encoding=("Kodierung", "JSON"),
    rule_content=("Inhalt", "Erweitert (Advanced), mit diesem Text:"),
    rule_body='{"freshdesk_webhook": {"ticket_id": "{{ticket.id}}"}}',
)

TEXTS: Mapping[Language, Texts] = {Language.EN: ENGLISH, Language.DE: GERMAN}
