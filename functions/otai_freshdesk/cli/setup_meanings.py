"""What the shipped bundle's labels mean, in words: for `setup`, which finds the groups for them.

Each label has formulations in English and German: a name as a group may bear it, a sentence, and
what else such a team or value is called. The sentences stand in config.yml as well, to tell an
administrator what a label covers. Labels of a bundle of one's own speak through their names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from otai_freshdesk.cli.setup_options import Language

__all__ = ["MEANINGS", "VAGUE_NAMES", "Meaning", "formulations"]

_SEPARATORS = re.compile(r"[_/\s]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """One label in one language.

    Attributes:
        name: What a group or value of this meaning may be called.
        covers: What it covers, without a full stop.
        also: Other names.
    """

    name: str
    covers: str
    also: str

    def formulations(self) -> tuple[str, ...]:
        """Return the label put in three ways."""
        return self.name, f"{self.name}: {self.covers}.", self.also


def _label(en: tuple[str, str, str], de: tuple[str, str, str]) -> Mapping[Language, Meaning]:
    return {Language.EN: Meaning(*en), Language.DE: Meaning(*de)}


MEANINGS: Mapping[str, Mapping[Language, Meaning]] = {
    "technical_support": _label(
        (
            "Technical support",
            "a product, app or device does not work; faults, configuration and bug reports",
            "First-line helpdesk for technical faults, setup, troubleshooting",
        ),
        (
            "Technischer Support",
            "ein Produkt, eine App oder ein Gerät funktioniert nicht; Störungen und Einrichtung",
            "Technik, Helpdesk, Anwenderbetreuung, 1st Level",
        ),
    ),
    "account_access": _label(
        (
            "Accounts and access",
            "login, passwords, locked accounts, permissions, users and profile data",
            "User administration, identity and access management",
        ),
        (
            "Konten und Zugänge",
            "Anmeldung, Passwörter, gesperrte Konten, Berechtigungen, Benutzer und Stammdaten",
            "Benutzerverwaltung, Zugangsverwaltung",
        ),
    ),
    "billing_payments": _label(
        (
            "Billing and payments",
            "invoices, payments, charges, VAT, reminders, contracts and cancellations",
            "Accounting, finance, accounts receivable",
        ),
        (
            "Rechnungen und Zahlungen",
            "Rechnungen, Zahlungen, Abbuchungen, Umsatzsteuer, Mahnungen, Verträge, Kündigungen",
            "Rechnungswesen, Finanzen, Debitoren",
        ),
    ),
    "orders_shipping": _label(
        (
            "Orders and shipping",
            "orders, delivery, tracking, parcels that are late or lost",
            "Warehouse, logistics, order processing",
        ),
        (
            "Bestellungen und Versand",
            "Bestellungen, Lieferung, Sendungsverfolgung, verspätete oder verlorene Pakete",
            "Lager, Logistik, Auftragsabwicklung",
        ),
    ),
    "returns_refunds": _label(
        (
            "Returns and refunds",
            "return, exchange, warranty, repair and money back",
            "Returns department, claims, refunds",
        ),
        (
            "Retouren und Erstattungen",
            "Rücksendung, Umtausch, Garantie, Reparatur und Geld zurück",
            "Reklamation, Gewährleistung, Rückgabe",
        ),
    ),
    "sales_presales": _label(
        (
            "Sales",
            "quotes, prices, demos, trials and advice before buying",
            "Sales team, business development, account managers",
        ),
        (
            "Vertrieb",
            "Angebote, Preise, Vorführungen, Tests und Beratung vor dem Kauf",
            "Verkauf, Außendienst, Kundenberatung vor dem Kauf",
        ),
    ),
    "outage_maintenance": _label(
        (
            "Outages and maintenance",
            "the service is down for many; outages, incidents and announced maintenance",
            "IT operations, network operations centre, infrastructure",
        ),
        (
            "Ausfälle und Wartung",
            "der Dienst ist für viele gestört; Ausfälle, Störungsmeldungen, angekündigte Wartung",
            "Rechenzentrum, Netzbetrieb, Infrastruktur, Wartung",
        ),
    ),
    "security_privacy": _label(
        (
            "Security and privacy",
            "phishing, data breaches, vulnerabilities, data protection requests",
            "Information security, data protection officer, GDPR",
        ),
        (
            "Sicherheit und Datenschutz",
            "Phishing, Datenpannen, Sicherheitslücken, Auskunft und Löschung",
            "Informationssicherheit, Datenschutzbeauftragte, DSGVO",
        ),
    ),
    "human_resources": _label(
        (
            "Human resources",
            "leave, payroll, employment contracts, certificates and job applications",
            "HR, personnel, people team, payroll, recruiting",
        ),
        (
            "Personal",
            "Urlaub, Lohn, Arbeitsverträge, Bescheinigungen und Bewerbungen",
            "Personalwesen, HR, Lohnbuchhaltung, Bewerbungen",
        ),
    ),
    "feedback_complaints": _label(
        (
            "Customer care: feedback and complaints",
            "praise, complaints and feedback about people and service",
            "Complaint management, customer satisfaction, quality",
        ),
        (
            "Kundenbetreuung: Lob und Beschwerden",
            "Lob, Beschwerden und Rückmeldungen zu Personen und Service",
            "Beschwerdemanagement, Kundenzufriedenheit, Qualität",
        ),
    ),
    "general_inquiry": _label(
        (
            "General enquiries",
            "opening hours, addresses, press, events and everything else",
            "Reception, front desk, information, customer service",
        ),
        (
            "Allgemeine Anfragen",
            "Öffnungszeiten, Adressen, Presse, Veranstaltungen und alles Übrige",
            "Empfang, Zentrale, Auskunft, Kundenservice",
        ),
    ),
    "automated_mail": _label(
        (
            "Automated mail",
            "out-of-office replies, bounces, newsletters: tagged, never routed",
            "Notifications, spam",
        ),
        (
            "Automatische Mails",
            "Abwesenheitsnotizen, Unzustellbares, Newsletter: nur ein Tag, nie verteilt",
            "Benachrichtigungen, Spam",
        ),
    ),
    "Question": _label(
        ("Question", "wants information or a routine action", "Enquiry, request, how-to"),
        ("Frage", "möchte eine Auskunft oder eine übliche Handlung", "Anfrage, Anliegen"),
    ),
    "Incident": _label(
        ("Incident", "something stopped or went wrong now", "Fault, disruption, failure"),
        ("Störung", "etwas funktioniert gerade nicht mehr", "Vorfall, Ausfall, Fehler"),
    ),
    "Problem": _label(
        ("Problem", "a recurring or systematic defect", "Recurring fault, root cause, known error"),
        ("Problem", "ein wiederkehrender oder grundsätzlicher Mangel", "Dauerstörung, Ursache"),
    ),
    "Feature Request": _label(
        ("Feature request", "wants something that does not exist yet", "Idea, suggestion, wish"),
        (
            "Funktionswunsch",
            "möchte etwas, das es noch nicht gibt",
            "Idee, Verbesserungsvorschlag, Wunsch",
        ),
    ),
    "Refund": _label(
        ("Refund", "wants money back", "Credit note, reimbursement"),
        ("Erstattung", "möchte Geld zurück", "Gutschrift, Rückzahlung"),
    ),
}

VAGUE_NAMES = (
    "Team A",
    "Team B",
    "Tier 2",
    "Level 3",
    "Gruppe 1",
    "Gruppe 7",
    "Nord",
    "South",
    "Müller",
    "Alpha",
    "Inbox",
    "Posteingang",
    "VIP",
    "Escalations",
    "Management",
    "Geschäftsführung",
    "Azubis",
    "🦄",
    "Test",
    "Berlin",
    "External partners",
    "Projekt X",
    "L2",
    "Backup",
)
"""Names of groups that say nothing of what the group does."""


def formulations(label: str) -> tuple[str, ...]:
    """Return ways to say what a label means, at least its name."""
    if label in MEANINGS:
        return tuple(text for one in MEANINGS[label].values() for text in one.formulations())
    return (_SEPARATORS.sub(" ", label).strip(),)
