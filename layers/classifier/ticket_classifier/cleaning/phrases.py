"""The set phrases of mail programs and letter writers in seven languages, as compiled patterns.

All are matched against one line of bounded length (`mail.LINE_LIMIT`), anchored at its start
where possible, so that no input can make them slow.
"""

from __future__ import annotations

import re

__all__ = [
    "ATTRIBUTION",
    "ATTRIBUTION_START",
    "BANNER",
    "CLOSING",
    "CONFIDENTIAL",
    "DEVICE",
    "FORWARD_OR_ORIGINAL",
    "HEADER",
    "HEADER_FROM",
    "MESSAGE_WORD",
    "POSTSCRIPT",
    "RECIPIENT",
    "RULE",
    "SIGNATURE_RULE",
    "THANKS",
]

_WROTE = (
    r"(?:wrote|schrieb(?:en)?|a écrit|ecrit|écrivait|escribi[óo]|ha scritto|schreef|"
    r"heeft .{0,60} geschreven|escreveu)"
)

# "On Mon, 3 May 2027 at 10:12, Ann <a@b.example> wrote:" in the order of each language.
ATTRIBUTION = re.compile(
    rf"^\W{{0,4}}(?=.*(?:\d|@|\b(?:mon|tue|wed|thu|fri|sat|sun)\b))"
    rf"(?:(?:On|Am|Le|El|Il giorno|Il|Op|Em|No dia)\b.{{0,250}}\b{_WROTE}\b.{{0,120}}"
    rf"|.{{1,120}}\b{_WROTE} (?:am|on|le|el|il|op|em|at)\b.{{0,120}})[:;]\W{{0,4}}$",
    re.IGNORECASE,
)
ATTRIBUTION_START = re.compile(r"^\W{0,4}(?:On|Am|Le|El|Il|Op|Em|No dia)\b.{0,80}\d", re.IGNORECASE)

FORWARD_OR_ORIGINAL = re.compile(
    r"^\W{0,60}(?:(?:begin(?: of)? )?forwarded(?: message| mail| by.{0,80})?|"
    r"original(?: message| mail| appointment)|"
    r"(?:anfang der |beginn der )?weitergeleitete (?:nachricht|e-?mail|mail)|urspr(?:ü|"
    r"ue)ngliche (?:nachricht|e-?mail|mail)|original-?nachricht|"
    r"(?:début du )?message (?:transféré|réexpédié|d['\u2019]origine|original|initial)|"
    r"message d['\u2019]origine|"
    r"(?:inicio del )?mensaje (?:reenviado|original)|(?:inizio )?messaggio (?:inoltrato|originale)|"
    r"(?:in[íi]cio da )?mensagem (?:encaminhada|reencaminhada|original)|"
    r"(?:begin )?doorgestuurd bericht|doorgestuurde (?:mail|e-?mail)|"
    r"oorspronkelijk(?:e)? (?:bericht|mail))\W{0,60}$",
    re.IGNORECASE,
)

HEADER_FROM = re.compile(
    r"^[\s*_>]{0,6}(?:From|Von|De|Da|Van|Expéditeur|Absender|Remitente|Mittente|"
    r"Afzender)\s?\*?\s?:\*? ?\S",
    re.IGNORECASE,
)
HEADER = re.compile(
    r"^[\s*_>]{0,6}(?:From|Sent|To|Cc|Bcc|Subject|Date|Reply-To|Importance|Attachments?|"
    r"Von|Gesendet(?: am)?|An|Betreff|Datum|Wichtigkeit|Anlagen?|"
    r"De|Envoyé(?: le)?|À|A|Objet|Enviado(?: el| em)?|Para|Asunto|Fecha|Assunto|Data|"
    r"Da|Inviato|Oggetto|Van|Verzonden|Aan|Onderwerp|"
    r"Expéditeur|Absender|Remitente|Mittente|Afzender)\s?\*?\s?:",
    re.IGNORECASE,
)

RULE = re.compile(r"^\s*[-_=*\u2013\u2014]{3,}\s*$")
SIGNATURE_RULE = re.compile(r"^(?:--|__|\u2013|\u2014) ?$")

DEVICE = re.compile(
    r"^\W{0,4}(?:sent (?:from|via|with)|gesendet (?:von|mit|über)|"
    r"von meinem .{1,40} gesendet|diese nachricht wurde von meinem .{1,60} gesendet|"
    r"envoyé (?:de|depuis|à partir de)|enviado (?:desde|do|da|de|a partir)|inviato (?:da|dal|con)|"
    r"verzonden (?:vanaf|vanuit|met|via)|verstuurd (?:vanaf|vanuit|met|via)|"
    r"get outlook for|outlook für|"
    r"télécharger outlook|obtener outlook|scarica outlook|obter o outlook|outlook voor)\b.{0,80}$",
    re.IGNORECASE,
)

# A formula that closes a letter, alone on its line but for a few words ("aus Wels", "Ann").
CLOSING = re.compile(
    r"^\W{0,3}(?:"
    r"(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?|many) )?regards|(?:best|warm|"
    r"kind) wishes|all the best|best|cheers|"
    r"yours (?:sincerely|faithfully|truly)|(?:yours )?sincerely(?: yours)?|rgds|kr|br|"
    r"(?:mit )?(?:den )?(?:(?:sehr |ganz )?(?:freundlich|best|lieb|viel|herzlich|schön|"
    r"sonnig|kollegial)\w{0,3} )(?:und \w{3,14} )?gr(?:ü|ue)(?:ß|ss)\w{0,2}|"
    r"gr(?:u|ü|ue)(?:ß|ss)(?:e|en)?|hochachtungsvoll|mfg|lg|vg|mbg|servus|"
    r"(?:bien )?cordialement|(?:très )?cordialement|sincères salutations|bien à vous|"
    r"bonne (?:journée|soirée|réception)|"
    r"salutations(?: distinguées)?|(?:je vous prie|veuillez) .{0,40}(?:agréer|recevoir|"
    r"croire).{0,120}|meilleures salutations|bien cdlt|cdlt|"
    r"(?:un |muchos )?(?:cordial )?saludos?(?: cordial(?:es)?)?|(?:muy )?atentamente|atte|"
    r"quedo a la espera.{0,60}|"
    r"(?:cordiali|distinti|i miei|tanti|cari|molti) saluti|(?:un )?cordiale? saluto|"
    r"saluti|cordialmente|"
    r"(?:com os )?(?:melhores |meus )?cumprimentos|atenciosamente|att|atte|abraços?|abs|"
    r"(?:met )?(?:vriendelijke|hartelijke|beste|de beste) groet(?:en|jes)?|groet(?:en|"
    r"jes)?|hoogachtend|mvg|gr"
    r")\b.{0,30}$",
    re.IGNORECASE,
)
# Thanks close a letter too, but say something of the mood, so the line itself is kept.
THANKS = re.compile(
    r"^\W{0,3}(?:(?:many |lots of )?thanks|thank you|thx|(?:vielen |besten |"
    r"herzlichen )?dank|danke|"
    r"merci|(?:muchas |mil )?gracias|(?:molte |mille )?grazie|(?:muito )?obrigad[oa]|"
    r"(?:alvast )?(?:hartelijk )?(?:be)?dankt?)"
    r"\b.{0,40}$",
    re.IGNORECASE,
)
POSTSCRIPT = re.compile(r"^\W{0,3}(?:p\.? ?s|n\.? ?b|p\.? ?d)\b[.:\s]", re.IGNORECASE)

MESSAGE_WORD = re.compile(
    r"\b(?:e-?mail|message|communication|nachricht|mail|courriel|mensaje|correo|messaggio|"
    r"mensagem|bericht|attachments?|anhang|anhänge)\b",
    re.IGNORECASE,
)
CONFIDENTIAL = re.compile(
    r"\b(?:confidential|privileged|vertraulich\w{0,2}|confidentiel(?:le)?s?|"
    r"confidencial(?:es)?|confidenciais|"
    r"riservat[oaie]|confidenzial[ei]|vertrouwelijke?|unauthori[sz]ed)\b",
    re.IGNORECASE,
)
RECIPIENT = re.compile(
    r"\b(?:recipients?|addressee|empfänger\w{0,2}|adressat\w{0,2}|destinataires?|"
    r"destinatari[oa]?s?|"
    r"destinatários?|geadresseerde|ontvangers?|intended|bestimmt|irrtümlich|mistake|error|"
    r"erreur|errore?|erro)\b",
    re.IGNORECASE,
)
BANNER = re.compile(
    r"^\W{0,4}(?:\[?extern(?:al|e|er)?(?: e-?mail| mail| sender)?\]?\W{0,4}$|"
    r"(?:caution|warning|achtung|attention|vorsicht|atención|attenzione|atenção|let op)\W{1,3}"
    r".{0,40}(?:extern|outside|außerhalb|extérieur|esterno|buiten|fuera|fora).{0,200}$|"
    r"(?:please )?(?:consider|think of) the environment.{0,80}$|"
    r"(?:bitte )?denken sie an die umwelt.{0,80}$|pensez à l['\u2019]environnement.{0,80}$|"
    r"you don't often get (?:e-?mail|email) from.{0,120}$|sie erhalten nicht (?:häufig|"
    r"oft) e-?mails von.{0,120}$)",
    re.IGNORECASE,
)
