"""Questions that a test asks the journal: written twice, overwritten, a tag lost?"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from freshdesk_simulator.journal import Call, Change, Journal, TicketWrite

type Undecided = Mapping[str, Collection[object]]


@dataclass(frozen=True, slots=True)
class WritePair:
    """Two API writes to one ticket, in order."""

    ticket_id: int
    first: TicketWrite
    second: TicketWrite


@dataclass(frozen=True, slots=True)
class Overwritten:
    """An API write that changed what had been decided before the caller's last look."""

    ticket_id: int
    change: Change
    write: TicketWrite


def doubled(journal: Journal) -> list[WritePair]:
    """Return writes that began after an earlier one to the same ticket was acknowledged."""
    return [pair for pair in _pairs(journal) if _order(journal, pair) == "after"]


def raced(journal: Journal) -> list[WritePair]:
    """Return writes that began while an earlier one to the same ticket was still under way."""
    return [pair for pair in _pairs(journal) if _order(journal, pair) == "during"]


def overwritten(journal: Journal, undecided: Undecided | None = None) -> list[Overwritten]:
    """Return API writes that changed a decided value which the caller could have seen.

    A value is decided when a person set it, or the ticket came with it, and it is neither None
    nor listed in `undecided` for its field. One set after the caller last read the ticket (by
    list or by id) is not counted: Freshdesk has no conditional write. Tags are `lost_tags`'
    matter.
    """
    looks = _looks(journal)
    found: list[Overwritten] = []
    for write in _api_updates(journal):
        for change in write.changes:
            if change.field == "tags" or change.old is None:
                continue
            if change.old in (undecided or {}).get(change.field, ()):
                continue
            origin = _origin(journal, write, change.field)
            if _could_be_seen(origin, _last_look(journal, looks, write)):
                found.append(Overwritten(write.ticket_id, change, write))
    return found


def lost_tags(journal: Journal) -> list[Overwritten]:
    """Return API writes that removed a tag which the caller could have seen and did not set."""
    looks = _looks(journal)
    found: list[Overwritten] = []
    for write in _api_updates(journal):
        change = write.change_of("tags")
        if change is None:
            continue
        look = _last_look(journal, looks, write)
        found += [
            Overwritten(write.ticket_id, Change("tags", tag, None), write)
            for tag in sorted(_tags(change.old) - _tags(change.new))
            if _could_be_seen(_origin_of_tag(journal, write, tag), look)
        ]
    return found


def _api_updates(journal: Journal) -> list[TicketWrite]:
    return [
        write
        for write in journal.writes
        if write.actor.through_api and not write.created and write.note_id is None
    ]


def _pairs(journal: Journal) -> list[WritePair]:
    latest: dict[int, TicketWrite] = {}
    pairs: list[WritePair] = []
    for write in _api_updates(journal):
        earlier = latest.get(write.ticket_id)
        if earlier is not None and earlier.call != write.call:
            pairs.append(WritePair(write.ticket_id, earlier, write))
        latest[write.ticket_id] = write
    return pairs


def _order(journal: Journal, pair: WritePair) -> str:
    first, second = journal.call_of(pair.first), journal.call_of(pair.second)
    if first is None or second is None or first.status is None:
        return "unknown"
    if first.answered is not None and second.began < first.answered:
        return "during"
    if first.acknowledged is None or first.status >= 400:
        # The caller cannot know that the first one was carried out.
        return "unknown"
    return "after" if second.began > first.acknowledged else "during"


def _looks(journal: Journal) -> Mapping[int, list[int]]:
    """Return, by ticket, the ticks at which the API read it; search lags and does not count."""
    looks: dict[int, list[int]] = defaultdict(list)
    reads = [call for call in journal.calls if _is_look(call)]
    for call in sorted(reads, key=lambda read: read.answered or 0):
        for ticket_id in call.tickets_read:
            looks[ticket_id].append(call.answered or 0)
    return looks


def _is_look(call: Call) -> bool:
    return (
        call.answered is not None
        and call.acknowledged is not None
        and bool(call.tickets_read)
        and "/search/" not in call.path
        and not call.path.endswith("/conversations")
    )


def _last_look(journal: Journal, looks: Mapping[int, list[int]], write: TicketWrite) -> int | None:
    call = journal.call_of(write)
    ticks = looks.get(write.ticket_id, [])
    place = bisect_left(ticks, call.began if call else write.tick)
    return ticks[place - 1] if place else None


def _origin(journal: Journal, write: TicketWrite, field: str) -> TicketWrite | None:
    """Return the write that set the value a later one changed; None when the ticket had it."""
    for earlier in reversed(_before(journal, write)):
        if earlier.created or earlier.change_of(field) is not None:
            return earlier
    return None


def _origin_of_tag(journal: Journal, write: TicketWrite, tag: str) -> TicketWrite | None:
    for earlier in reversed(_before(journal, write)):
        change = earlier.change_of("tags")
        if earlier.created:
            return earlier
        if change is not None and tag in _tags(change.new) - _tags(change.old):
            return earlier
    return None


def _before(journal: Journal, write: TicketWrite) -> list[TicketWrite]:
    return [other for other in journal.writes_to(write.ticket_id) if other.tick < write.tick]


def _could_be_seen(origin: TicketWrite | None, last_look: int | None) -> bool:
    """Return whether others had set a value by the time of the caller's last look.

    A caller that never looked should have.
    """
    if origin is None:
        return True
    if origin.actor.through_api:
        return False
    return last_look is None or origin.tick < last_look


def _tags(value: object) -> set[str]:
    return set(value) if isinstance(value, tuple) else set()
