"""What the README shows is true."""

import re
from pathlib import Path

import freshdesk_simulator
from freshdesk_simulator import FaultKind, Simulator, VirtualClock
from freshdesk_simulator.faults import Fault
from freshdesk_simulator.humans import Humans

README = (Path(freshdesk_simulator.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_first_example_runs() -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    exec(compile(code[1], "README.md", "exec"), {})  # noqa: S102 - our own text


def test_faults_table_is_complete_and_right() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \|$", README, re.MULTILINE)
    assert {(kind, answer == "yes") for kind, answer in rows} == {
        (kind.value, Fault(kind).carried_out) for kind in FaultKind
    }


def test_people_are_complete() -> None:
    listed = re.search(r"at the screen:(.*?)\. That fires", README, re.DOTALL)
    assert listed is not None
    public = {name for name in vars(Humans) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)`", listed[1])) == public


async def test_webhook_example_runs() -> None:
    async def receive(request: freshdesk_simulator.DeliveryRequest) -> int:
        return 200

    clock = VirtualClock()
    simulator = Simulator(freshdesk_simulator.english_account(clock), seed=7, deliver=receive)
    simulator.add_webhook("http://127.0.0.1/hook", headers={"X-Secret": "…"})
    simulator.humans.submit_ticket("Printer", "<div>jammed</div>")
    await simulator.deliveries.drain()
    assert simulator.deliveries.outcomes() == {"delivered": 1}
