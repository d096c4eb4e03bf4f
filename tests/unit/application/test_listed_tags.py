"""A list that leaves the tags out must cost no customer a tag."""

from support.account import Account


async def test_a_ticket_keeps_its_tags_though_the_list_omits_them(account: Account) -> None:
    now = int(account.simulator.clock.time())
    young = account.add(tags=["vip"])
    old = [account.add(created_at=now - 86_400 + n, tags=["vip"]) for n in range(8)]
    account.simulator.turn(list_tags="omitted")

    report = await account.application.sweep(seconds=840.0)

    assert report.complete
    for ticket_id in (young, *old):
        assert account.is_marked(ticket_id)
        assert "vip" in account.ticket(ticket_id).tags
        assert account.writes(ticket_id) == 1
