"""Ready-made accounts: an English and a German one, with people, groups and fields."""

from collections.abc import Callable, Mapping
from typing import Literal

from freshdesk_simulator.account import Account, Plan
from freshdesk_simulator.clock import Clock
from freshdesk_simulator.models import Group, TicketField

BOT_KEY = "simulated-api-key"

DEFAULT_FIELDS = (
    ("requester", "default_requester"),
    ("subject", "default_subject"),
    ("ticket_type", "default_ticket_type"),
    ("source", "default_source"),
    ("status", "default_status"),
    ("priority", "default_priority"),
    ("group", "default_group"),
    ("agent", "default_agent"),
    ("description", "default_description"),
    ("company", "default_company"),
)
REQUIRED_FOR_AGENTS = {"requester", "subject", "status", "priority", "description"}
ENGLISH_LABELS = {
    "requester": "Search a requester",
    "subject": "Subject",
    "ticket_type": "Type",
    "source": "Source",
    "status": "Status",
    "priority": "Priority",
    "group": "Group",
    "agent": "Agent",
    "description": "Description",
    "company": "Company",
}
GERMAN_LABELS = {
    "requester": "Anfragende Person suchen",
    "subject": "Betreff",
    "ticket_type": "Typ",
    "source": "Quelle",
    "status": "Status",
    "priority": "Priorität",
    "group": "Gruppe",
    "agent": "Agent",
    "description": "Beschreibung",
    "company": "Firma",
}
ENGLISH_GROUPS = {
    "Billing": "Invoices, payments, VAT, dunning, contracts",
    "Technical Support": "Faults and configuration of our products",
    "Accounts and Access": "Login, passwords, two-factor codes, permissions",
    "Shipping": "Orders, delivery, tracking",
    "Returns": "Returns, repairs, money back",
    "Sales": "Quotes, demos, upgrades",
    "Operations": "Outages and maintenance windows",
    "Security": "Phishing, vulnerabilities, privacy requests",
    "Human Resources": "Employees' own matters and applications",
    "Customer Care": "Praise, complaints and everything else",
}
GERMAN_GROUPS = {
    "Buchhaltung": "Rechnungen, Zahlungen, Mahnungen, Verträge",
    "Technik 1st Level": "Störungen und Einrichtung unserer Produkte",
    "Technik 2nd Level": "Wiederkehrende Fehler, Ausfälle, Wartung",
    "Zugänge": "Anmeldung, Passwörter, Berechtigungen",
    "Versand": "Bestellungen, Lieferung, Sendungsverfolgung",
    "Retouren": "Rücksendung, Umtausch, Reparatur, Erstattung",
    "Vertrieb": "Angebote, Vorführungen, Tarife",
    "Datenschutz": "Auskunft und Löschung, Sicherheitsvorfälle",
    "Personal": "Urlaub, Lohn, Verträge, Bewerbungen",
    "Kundenbetreuung": "Lob, Beschwerden und alles Übrige",
}
GERMAN_STATUSES: Mapping[int, tuple[str, str]] = {
    2: ("Offen", "In Bearbeitung"),
    3: ("Ausstehend", "Wartet auf Ihre Antwort"),
    4: ("Gelöst", "Dieses Ticket wurde gelöst"),
    5: ("Geschlossen", "Dieses Ticket wurde geschlossen"),
    6: ("Wartet auf Kunden", "Wartet auf Ihre Antwort"),
    7: ("Wartet auf Dritte", "In Bearbeitung"),
}


def english_account(clock: Clock, *, plan: Plan = "growth") -> Account:
    """Return an English account: ten groups, three agents and the bot, custom fields."""
    account = Account(clock, domain="acme", name="Acme Ltd", plan=plan)
    _add_default_fields(account, ENGLISH_LABELS)
    groups = {name: account.add_group(name, text) for name, text in ENGLISH_GROUPS.items()}
    _add_staff(
        account,
        groups,
        {
            "Alice Admin": ("alice@acme.example", tuple(groups)),
            "Tom Fixer": ("tom@acme.example", ("Technical Support", "Operations")),
            "Bea Books": ("bea@acme.example", ("Billing", "Returns")),
        },
    )
    account.add_field(
        "cf_product_area", "custom_dropdown", "Product area", options=("Hardware", "Software")
    )
    account.add_field("cf_order_number", "custom_text", "Order number")
    account.add_field("cf_triaged", "custom_checkbox", "Triaged")
    account.add_field("cf_items", "custom_number", "Number of items")
    account.add_field("cf_wanted_by", "custom_date", "Wanted by")
    account.add_field(
        "cf_root_cause",
        "custom_dropdown",
        "Root cause",
        options=("Our fault", "Customer's fault", "Unknown"),
        required_for_closure=True,
    )
    account.add_field(
        "cf_category",
        "nested_field",
        "Category",
        tree={"Device": {"Printer": ("Paper", "Toner"), "Screen": ()}, "Service": {"Repair": ()}},
        level_names=("cf_subcategory", "cf_item"),
    )
    _add_customers(account)
    return account


def german_account(clock: Clock, *, plan: Plan = "growth") -> Account:
    """Return a German account: labels of statuses, groups and fields are German.

    Types and priorities stay English, as in accounts whose administrator never translated them.
    """
    account = Account(
        clock,
        domain="musterwerk",
        name="Musterwerk GmbH",
        plan=plan,
        language="de",
        statuses=GERMAN_STATUSES,
    )
    _add_default_fields(account, GERMAN_LABELS)
    groups = {name: account.add_group(name, text) for name, text in GERMAN_GROUPS.items()}
    _add_staff(
        account,
        groups,
        {
            "Anna Leitner": ("anna@musterwerk.example", tuple(groups)),
            "Jürgen Groß": ("juergen@musterwerk.example", ("Technik 1st Level", "Zugänge")),
            "Özlem Kaya": ("oezlem@musterwerk.example", ("Buchhaltung", "Retouren")),
        },
    )
    account.add_field(
        "cf_produktbereich",
        "custom_dropdown",
        "Produktbereich",
        options=("Geräte", "Ersatzteile", "Software"),
    )
    account.add_field("cf_bestellnummer", "custom_text", "Bestellnummer")
    account.add_field("cf_triagiert", "custom_checkbox", "Triagiert")
    account.add_field(
        "cf_ursache",
        "custom_dropdown",
        "Ursache",
        options=("Unser Fehler", "Fehler des Kunden", "Unbekannt"),
        required_for_closure=True,
    )
    account.add_field(
        "cf_kategorie",
        "nested_field",
        "Kategorie",
        tree={"Gerät": {"Drucker": ("Papier", "Toner"), "Bildschirm": ()}},
        level_names=("cf_unterkategorie", "cf_einzelheit"),
    )
    _add_customers(account)
    return account


type AccountName = Literal["english", "german"]
BUILDERS: Mapping[AccountName, Callable[..., Account]] = {
    "english": english_account,
    "german": german_account,
}


def _add_default_fields(account: Account, labels: Mapping[str, str]) -> None:
    for position, (name, field_type) in enumerate(DEFAULT_FIELDS, start=1):
        account.put_default_field(
            TicketField(
                id=account.next_id(),
                name=name,
                label=labels[name],
                label_for_customers=labels[name],
                type=field_type,
                position=position,
                created_at=account.now(),
                required_for_agents=name in REQUIRED_FOR_AGENTS,
                options=account.types if name == "ticket_type" else (),
            )
        )


def _add_staff(
    account: Account,
    groups: Mapping[str, Group],
    people: Mapping[str, tuple[str, tuple[str, ...]]],
) -> None:
    """Add the agents, the first of them an administrator, and the bot that owns `BOT_KEY`."""
    for name, (email, member_of) in people.items():
        account.add_agent(
            name,
            email,
            groups=[groups[group] for group in member_of],
            admin=not account.agents,
            password="correct horse battery staple",
        )
    account.add_agent("Integration", f"bot@{account.domain}.example", admin=True, api_key=BOT_KEY)


def _add_customers(account: Account) -> None:
    company = account.add_company("Example Works")
    account.add_contact("Ann Example", "ann@example.com", company=company, phone="+49 30 0000")
    account.add_contact("Ben Beispiel", "ben@example.com")
