"""Hard examples of real mail, and the laws that hold for any text."""

# ruff: noqa: E501 - a table is read best with one example a line

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticket_classifier import clean
from ticket_classifier.cleaning import MAX_CHARACTERS

ASK = "The export of our invoices has failed since Monday, can you have a look at it please?"
"""Enough words of the customer's own, so that the quoted part is not needed."""

QUOTES = {
    "angle brackets": f"{ASK}\n\n> Did you try again?\n> Regards",
    "nested": f"{ASK}\n>> first\n> second\n>>> third",
    "English": f"{ASK}\n\nOn Mon, 3 May 2027 at 10:12, Ann Lee <ann@shop.example> wrote:\nhistory",
    "English, wrapped": f"{ASK}\n\nOn Mon, 3 May 2027 at 10:12, Ann Lee\n<ann@shop.example>\nwrote:\nhistory",
    "German": f"{ASK}\n\nAm 03.05.2027 um 10:12 schrieb Ann Lee <ann@shop.example>:\nhistory",
    "German, other order": f"{ASK}\n\nAnn Lee <ann@shop.example> schrieb am Mo., 3. Mai 2027:\nhistory",
    "French": f"{ASK}\n\nLe lun. 3 mai 2027 à 10:12, Ann Lee <ann@shop.example> a écrit :\nhistory",
    "Spanish": f"{ASK}\n\nEl lun, 3 may 2027 a las 10:12, Ann Lee (<ann@shop.example>) escribió:\nhistory",
    "Italian": f"{ASK}\n\nIl giorno lun 3 mag 2027 alle ore 10:12 Ann Lee <a@b.example> ha scritto:\nhistory",
    "Dutch": f"{ASK}\n\nOp ma 3 mei 2027 om 10:12 schreef Ann Lee <ann@shop.example>:\nhistory",
    "Portuguese": f"{ASK}\n\nEm seg., 3 de mai. de 2027 às 10:12, Ann Lee <a@b.example> escreveu:\nhistory",
    "Outlook, English": f"{ASK}\n\nFrom: Ann Lee\nSent: Monday, 3 May 2027\nTo: Help\nSubject: x\n\nhistory",
    "Outlook, German": f"{ASK}\n\nVon: Ann Lee\nGesendet: Montag, 3. Mai 2027\nAn: Hilfe\nBetreff: x\n\nhistory",
    "Outlook, French": f"{ASK}\n\nDe : Ann Lee\nEnvoyé : lundi 3 mai 2027\nÀ : Aide\nObjet : x\n\nhistory",
    "Outlook, Spanish": f"{ASK}\n\nDe: Ann Lee\nEnviado el: lunes\nPara: Ayuda\nAsunto: x\n\nhistory",
    "Outlook, Italian": f"{ASK}\n\nDa: Ann Lee\nInviato: lunedì\nA: Aiuto\nOggetto: x\n\nhistory",
    "Outlook, Dutch": f"{ASK}\n\nVan: Ann Lee\nVerzonden: maandag\nAan: Hulp\nOnderwerp: x\n\nhistory",
    "Outlook, Portuguese": f"{ASK}\n\nDe: Ann Lee\nEnviado: segunda\nPara: Ajuda\nAssunto: x\n\nhistory",
    "Outlook, bold": f"{ASK}\n\n*From:* Ann Lee\n*Sent:* Monday\n*To:* Help\n\nhistory",
    "rule and header": f"{ASK}\n________________________________\nFrom: Ann Lee\nTo: Help\n\nhistory",
    "original message": f"{ASK}\n\n-----Original Message-----\nFrom: Ann Lee\nhistory",
    "Ursprüngliche Nachricht": f"{ASK}\n\n-----Ursprüngliche Nachricht-----\nhistory",
    "Message d'origine": f"{ASK}\n\n-----Message d'origine-----\nDe : Ann\nhistory",
    "Mensaje original": f"{ASK}\n\n-----Mensaje original-----\nhistory",
    "Messaggio originale": f"{ASK}\n\n-----Messaggio originale-----\nhistory",
    "Oorspronkelijk bericht": f"{ASK}\n\n-----Oorspronkelijk bericht-----\nhistory",
    "Mensagem original": f"{ASK}\n\n-----Mensagem original-----\nhistory",
    "forwarded": f"{ASK}\n\n---------- Forwarded message ---------\nFrom: Ann\nSubject: x\n\nhistory",
    "Weitergeleitete Nachricht": f"{ASK}\n\n---------- Weitergeleitete Nachricht ----------\nVon: A\n\nhistory",
    "Apple forward": f"{ASK}\n\nBegin forwarded message:\n\nFrom: Ann\nSubject: x\n\nhistory",
    "HTML blockquote": f"<p>{ASK}</p><blockquote><p>history</p></blockquote>",
    "HTML Gmail": f'<div>{ASK}</div><div class="gmail_quote">On x<blockquote>history</blockquote></div>',
    "HTML Yahoo": f'<p>{ASK}</p><div id="x" class="yahoo_quoted"><div>history</div></div>',
    "HTML Outlook": f"<p>{ASK}</p><div><b>From:</b> Ann<br><b>Sent:</b> Monday<br><b>To:</b> H</div><p>history</p>",
}


@pytest.mark.parametrize("body", QUOTES.values(), ids=list(QUOTES))
def test_quoted_history_goes(body: str) -> None:
    assert clean("", body) == ASK


SIGNATURES = {
    "delimiter": f"{ASK}\n-- \nAnn Lee\nShop Ltd\n+44 20 7946 0000",
    "delimiter without its space": f"{ASK}\n--\nAnn Lee",
    "English": f"{ASK}\n\nKind regards,\nAnn Lee\nHead of Finance",
    "formal English": f"{ASK}\n\nYours sincerely\nAnn Lee",
    "German": f"{ASK}\n\nMit freundlichen Grüßen\n\nAnn Lee\nBuchhaltung | Beispiel GmbH\nTel. 030 1234567",
    "German, short": f"{ASK}\n\nMfG\nA. Lee",
    "German, regional": f"{ASK}\n\nSchöne Grüße aus Wels\nAnn",
    "French": f"{ASK}\n\nCordialement,\nAnn Lee",
    "formal French": f"{ASK}\n\nVeuillez agréer, Madame, l'expression de mes salutations distinguées.\nAnn Lee",
    "Spanish": f"{ASK}\n\nUn saludo,\nAnn Lee",
    "Italian": f"{ASK}\n\nCordiali saluti\nAnn Lee",
    "Dutch": f"{ASK}\n\nMet vriendelijke groet,\nAnn Lee",
    "Portuguese": f"{ASK}\n\nAtenciosamente,\nAnn Lee",
    "iPhone": f"{ASK}\n\nSent from my iPhone",
    "iPhone, German": f"{ASK}\n\nVon meinem iPhone gesendet",
    "phone, French": f"{ASK}\n\nEnvoyé de mon iPhone",
    "phone, Spanish": f"{ASK}\n\nEnviado desde mi iPhone",
    "phone, Italian": f"{ASK}\n\nInviato da iPhone",
    "phone, Dutch": f"{ASK}\n\nVerstuurd vanaf mijn iPhone",
    "phone, Portuguese": f"{ASK}\n\nEnviado do meu iPhone",
    "disclaimer": f"{ASK}\n\nThis e-mail and any attachments are confidential and meant for the recipient only.",
    "disclaimer, German": f"{ASK}\n\nDiese E-Mail enthält vertrauliche Informationen, nur für den Empfänger bestimmt.",
    "disclaimer, French": f"{ASK}\n\nCe message est confidentiel et réservé à son destinataire.",
    "disclaimer, Spanish": f"{ASK}\n\nEste mensaje es confidencial y para su destinatario.",
    "disclaimer, Italian": f"{ASK}\n\nQuesto messaggio è riservato al destinatario.",
    "disclaimer, Dutch": f"{ASK}\n\nDit bericht is vertrouwelijk en bestemd voor de geadresseerde.",
    "disclaimer, Portuguese": f"{ASK}\n\nEsta mensagem é confidencial e destina-se ao destinatário.",
    "banner": f"CAUTION: This email originated from outside of the organisation.\n\n{ASK}",
    "banner, short": f"[EXTERNAL]\n{ASK}",
}


@pytest.mark.parametrize("body", SIGNATURES.values(), ids=list(SIGNATURES))
def test_signatures_and_notices_go(body: str) -> None:
    assert clean("", body) == ASK


KEPT = {
    "answer below the quote": (f"> Is it urgent?\n\n{ASK}", ASK),
    "answers between quotes": (f"> One?\n{ASK}\n> Two?\nNo.", f"{ASK}\nNo."),
    "attribution, then answers": (
        f"On Mon, 3 May, Ann wrote:\n> One?\n{ASK}\n> Two?\nYes.",
        f"{ASK}\nYes.",
    ),
    "prose after a closing formula": (
        f"{ASK}\nBest regards\nAnn Lee\n\nBut one more thing came to my mind: the totals differ too.",
        f"{ASK}\nBut one more thing came to my mind: the totals differ too.",
    ),
    "postscript": (f"{ASK}\nCheers\nAnn\nPS: no hurry", f"{ASK}\nPS: no hurry"),
    "thanks stay, the name goes": (f"{ASK}\n\nThanks a lot!\nAnn", f"{ASK}\n\nThanks a lot!"),
    "own rule after a forward": (
        f"{ASK}\n\n-----Original Message-----\nFrom: B\nSubject: y\nhistory\n-----\n\nShe paid it yesterday before she had asked anybody in the office.",
        f"{ASK}\n\nShe paid it yesterday before she had asked anybody in the office.",
    ),
    "confidential as a wish": (
        f"{ASK} Please treat this as confidential.",
        f"{ASK} Please treat this as confidential.",
    ),
    "a form with fields": (
        "Name: Ann\nTo: Help desk\nOrder: 12",
        "Name: Ann\nTo: Help desk\nOrder: 12",
    ),
    "a list of hyphens": (f"{ASK}\n- one\n- two", f"{ASK}\n- one\n- two"),
    "regards within a sentence": (
        "With regards to my order I would like to know when it will arrive at our office.",
        "With regards to my order I would like to know when it will arrive at our office.",
    ),
    "wrote within a sentence": (
        "I wrote to you on Monday about the broken lamp and nobody has answered so far.",
        "I wrote to you on Monday about the broken lamp and nobody has answered so far.",
    ),
    "less-than is no tag": ("if a < b and c > d it fails", "if a < b and c > d it fails"),
    "few own words: the forward speaks": (
        "Pls help, see below\n\n---------- Forwarded message ----------\nFrom: G\nSubject: cal\n\nMy phone shows all meetings one hour early.",
        "Pls help, see below\n\nMy phone shows all meetings one hour early.",
    ),
    "nothing but a quote": ("> The lamp is broken.", "The lamp is broken."),
    "nothing but a header block and text": (
        "Von: Ann\nGesendet: heute\nBetreff: x\n\nDie Lampe ist kaputt.",
        "Die Lampe ist kaputt.",
    ),
    "nothing but a formula": ("Best regards\nAnn", "Best regards\nAnn"),
    "nothing but a phone's line": ("Sent from my iPhone", "Sent from my iPhone"),
}


@pytest.mark.parametrize(("body", "expected"), KEPT.values(), ids=list(KEPT))
def test_what_the_customer_says_stays(body: str, expected: str) -> None:
    assert clean("", body) == expected


HTML = {
    "blocks": ("<div>one</div><div>two</div>", "one\ntwo"),
    "inline": ("<p>o<b>n</b>e <i>two</i></p>", "one two"),
    "breaks": ("one<br>two<br/>three", "one\ntwo\nthree"),
    "entities": ("<p>1&nbsp;&lt; 2 &amp; M&uuml;ller &#8364;</p>", "1 < 2 & Müller €"),
    "lists": ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
    "tables": ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    "style and script": ("<style>p{}</style><p>one</p><script>x()</script>", "one"),
    "head": ("<html><head><title>t</title></head><body>one</body></html>", "one"),
    "comments": ("<p>one<!-- <p>two</p> --> three</p>", "one three"),
    "conditional comments": ("<!--[if mso]><p>x</p><![endif]--><p>one</p>", "one"),
    "hidden preheader": ('<div style="display:none">x</div><p>one</p>', "one"),
    "unclosed": ("<div><p>one<p>two", "one\n\ntwo"),
    "wrongly nested": ("<b><p>one</b></p></div>two", "one\n\ntwo"),
    "upper case": ("<P>one</P><BR><DIV>two</DIV>", "one\n\ntwo"),
}


@pytest.mark.parametrize(("body", "expected"), HTML.values(), ids=list(HTML))
def test_html_becomes_text(body: str, expected: str) -> None:
    assert clean("", body) == expected


CHARACTERS = {
    "mojibake, German": ("MÃ¼ller und StraÃŸe", "Müller und Straße"),
    "mojibake, quotes": ("â€œgutâ€\u009d", "“gut”"),
    "mojibake, twice": ("MÃƒÂ¼ller", "Müller"),
    "mojibake inside good text": ("aus Müller wird MÃ¼ller", "aus Müller wird Müller"),
    "Portuguese capitals": ("NÃO É PARA AMANHÃ\u00a0!", "NÃO É PARA AMANHÃ !"),
    "zero width": ("pass\u200bword\ufeff", "password"),
    "soft hyphen": ("Donau\u00addampf", "Donaudampf"),
    "controls": ("a\x00b\x07c\x1b", "abc"),
    "lone surrogate": ("a\ud800b", "ab"),
    "line breaks": ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
    "spaces": ("a \t\u00a0\u2003 b", "a b"),
    "empty lines": ("a\n\n\n\n\nb", "a\n\nb"),
    "composed": ("Mu\u0308ller", "Müller"),
    "long number": ("order 448812345", "order 0"),
    "short numbers stay": ("error 404 in 2027, 89,95", "error 404 in 2027, 89,95"),
    "letters lead a code": ("INC0099120", "INC0"),
    "key": ("a3f9b2c8d1e7", "0"),
    "link": ("see https://shop.example/a/b?c=d now", "see shop.example now"),
    "names with digits stay": ("iPhone15 and Win11", "iPhone15 and Win11"),
}


@pytest.mark.parametrize(("body", "expected"), CHARACTERS.values(), ids=list(CHARACTERS))
def test_characters(body: str, expected: str) -> None:
    assert clean("", body) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Re: Invoice", "Invoice"),
        ("AW: AW: WG: Rechnung", "Rechnung"),
        ("Fwd: FW: tr: Facture", "Facture"),
        ("RV: R: I: Rif: Fattura", "Fattura"),
        ("Re[2]: Re (3): Invoice", "Invoice"),
        ("Antw: Betr: Factuur", "Factuur"),
        ("RES: ENC: Fatura", "Fatura"),
        ("[#123] Invoice", "Invoice"),
        ("Re: [Ticket#2027-123] Invoice", "Invoice"),
        ("[Ticket 71144] Awaiting your reply", "Awaiting your reply"),
        ("[EXTERNAL] Re: Invoice", "Invoice"),
        ("RE : Facture", "Facture"),
        ("[PROBLEM] host is DOWN", "[PROBLEM] host is DOWN"),
        ("Automatic reply: Re: Invoice", "Automatic reply: Re: Invoice"),
        ("Reset: how?", "Reset: how?"),
        ("Re:", ""),
    ],
)
def test_subject_prefixes_go(subject: str, expected: str) -> None:
    assert clean(subject, "") == expected


def test_subject_stands_before_the_body_on_a_line_of_its_own() -> None:
    assert clean("Re: Invoice\nnumber", "<p>Where is it?</p>") == "Invoice number\nWhere is it?"


def test_long_text_keeps_head_and_tail() -> None:
    text = clean("", "first " + "middle " * 100_000 + "last")
    assert len(text) <= MAX_CHARACTERS
    assert text.startswith("first")
    assert text.endswith("last")


MAIL_LIKE = st.text(
    alphabet=st.sampled_from("abcé Ã¼<>/&;:.-_*|>\n\t\"'0159@#[](){}=\u200b\ud800😀"), max_size=400
)
MAIL_LINES = st.lists(
    st.sampled_from(
        [
            ASK,
            "> quoted",
            "On Mon, 3 May, Ann wrote:",
            "-----Original Message-----",
            "From: Ann",
            "Sent: today",
            "-- ",
            "Kind regards",
            "Ann Lee",
            "",
            "<blockquote>",
            "</blockquote>",
            "<p>text</p>",
            "This message is confidential.",
        ]
    ),
    max_size=25,
).map("\n".join)


@settings(max_examples=400, deadline=None)
@given(subject=MAIL_LIKE | st.text(), body=MAIL_LIKE | MAIL_LINES | st.text())
def test_any_text_is_cleaned_and_stays_so(subject: str, body: str) -> None:
    text = clean(subject, body)
    assert len(text) <= MAX_CHARACTERS
    text.encode()
    assert text == text.strip()
    assert "\n\n\n" not in text
    assert "  " not in text
    assert clean(subject, body) == text


@pytest.mark.parametrize(
    "body",
    [*QUOTES.values(), *SIGNATURES.values(), *(body for body, _ in HTML.values())],
)
def test_clean_text_is_left_alone(body: str) -> None:
    once = clean("", body)
    assert clean("", once) == once


ADVERSARIAL = {
    "On On On": "On ",
    "On lines": "On 3 May\n",
    "Am": "Am 1 schrieb ",
    "quote marks": "> ",
    "quote lines": ">\n",
    "headers": "From: x\n",
    "two headers": "From: x\nSent: y\n\n",
    "empty lines": "\n",
    "dashes": "-",
    "rules": "-----\n",
    "underscores": "________________________________\n",
    "tags": "<p>",
    "open tags": "<p ",
    "angle": "<",
    "quotes": "<blockquote>",
    "fonts": "<font size=1><p>",
    "lists": "<ul><li>",
    "comments": "<!--",
    "styles": "<style>",
    "hidden": '<div style="display:none">',
    "ampersands": "&",
    "entities": "&nbsp;",
    "mojibake": "Ã¼",
    "combining marks": "a" + "\u0300\u0316" * 50,
    "regards": "Kind regards\n",
    "names": "Kind regards\nAnn Lee\n",
    "disclaimers": "This message is confidential\n",
    "digits": "1",
    "codes": "a1",
    "links": "https://a",
    "spaces": " ",
    "zero width": "\u200b",
    "one line": "word ",
}


@pytest.mark.parametrize("unit", ADVERSARIAL.values(), ids=list(ADVERSARIAL))
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        body = unit * (size // len(unit))
        started = time.perf_counter()
        clean(body[:1000], body)
        return time.perf_counter() - started

    small = min(seconds(60_000) for _ in range(2))
    large = seconds(960_000)
    # Sixteen times the text; quadratic time would be 256 times. The constant forgives noise.
    assert large < 64 * small + 0.5
    assert large < 10.0


# Texts of about `size` characters whose parts work against each other. Plain text is cut at
# 60,000 characters, so growth is looked at below that.
ADVERSARIAL_TEXTS: dict[str, Callable[[int], str]] = {
    "a tag name without end": lambda size: "<p>hi</p><" + "a" * size,
    "attributes without end": lambda size: "<p>hi</p><a " + "a=" * (size // 2),
    "a line of quote marks, many tags": lambda size: (
        "<p>" + ">" * (size // 2) + "<p>" * (size // 6)
    ),
    "closings that a question follows": lambda size: "Hi\n" + "lg\n?\n" * (size // 5),
    "signature rules": lambda size: "Hello\n" + "--\n" * (size // 3),
    "quoted signature rules": lambda size: "> Hello\n" + "> --\n>\n" * (size // 7),
}


@pytest.mark.parametrize("text", ADVERSARIAL_TEXTS.values(), ids=list(ADVERSARIAL_TEXTS))
def test_no_part_of_a_text_slows_another(text: Callable[[int], str]) -> None:
    def seconds(body: str) -> float:
        started = time.perf_counter()
        clean("", body)
        return time.perf_counter() - started

    small = min(seconds(text(7_500)) for _ in range(3))
    large = min(seconds(text(60_000)) for _ in range(2))
    # Eight times the text; quadratic time would be 64 times.
    assert large < 24 * small + 0.2
