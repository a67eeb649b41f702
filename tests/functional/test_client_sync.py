"""A partner's program: the document's ten lines, and openings whose answers get lost, which are charged once."""

import asyncio
import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from support.desk import RunningRegister

from cloison.access import accounts
from cloison.client import Client, PersonRequest
from cloison.client.sync import SyncClient
from cloison.errors import DeskUnavailableError, NoSessionError
from cloison.model import Outcome
from cloison.replay.sessions import give_passkey
from cloison.store.pools import connect

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
PLACES = ("http://localhost:8441", "http://127.0.0.1:8440", "adviser.passkey", "12345678901")


class Losing(httpx.AsyncHTTPTransport):
    """A line to the desk that breaks, so many times, once the desk has answered an opening."""

    def __init__(self, answers: int) -> None:
        """Nothing is lost yet."""
        super().__init__()
        self.left = answers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, unless it gets lost; a demand for a nonce is none."""
        answer = await super().handle_async_request(request)
        if self.left and request.url.path == "/v1/people/open" and answer.status_code == httpx.codes.OK:
            await answer.aread()
            self.left -= 1
            raise httpx.ReadError("lost")
        return answer


def losing(client: Client, answers: int) -> Client:
    """The same client on such a line."""
    client._http._transport = Losing(answers)  # noqa: SLF001 - a device's proof is for one address: nothing stands between
    return client


def test_the_documents_ten_lines(register: RunningRegister, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What docs/api.md shows is run as it stands, but for addresses, file and identifier: a record is opened."""
    agent = register.agent(1)
    home, row = register.home, agent.people[0]
    with connect(home, "owner") as owner:
        give_passkey(home, owner, accounts.find_account(owner, agent.handle), tmp_path / "adviser.passkey")
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    script = found[1]
    ours = (home.config.signin.public_origin, register.url, str(tmp_path / "adviser.passkey"), row["identifier"])
    for shown, own in zip(PLACES, ours, strict=True):
        assert shown in script
        script = script.replace(shown, own)
    exec(script, {})  # noqa: S102 - of our own document
    told = capsys.readouterr().out
    assert "open" in told
    assert row["birth_name"] in told


async def test_lost_answers_are_asked_for_again_and_charged_once(register: RunningRegister) -> None:
    """Two answers are lost on the way; the next has the record; one person is counted, each try is logged."""
    agent = await asyncio.to_thread(register.agent, 1)
    async with Client(register.url, agent.held) as desk:
        (card,) = (await desk.search("identifier", agent.people[0]["identifier"], purpose="follow_up")).cards
    asked = PersonRequest(request=uuid4(), person=card.person, compartments=["identity"], purpose="follow_up")
    async with losing(Client(register.url, agent.held, tries=4), 2) as desk:
        (opened,) = await desk.open([asked])
    assert opened.outcome is Outcome.OPEN
    assert opened.fields is not None
    with connect(register.home, "owner") as owner:
        counted = owner.execute(
            "select count(*) from cloison.opening o join cloison.account a using (segment, account) "
            "where a.handle = %s and o.meter = 'open'", (agent.handle,),
        ).fetchone()  # fmt: skip
        requests = owner.execute(
            "select count(distinct e.request), count(*) from cloison.entry e "
            "join cloison.account a using (segment, account) where a.handle = %s and e.event = 'open'", (agent.handle,),
        ).fetchone()  # fmt: skip
    assert counted == (1,)
    assert requests is not None
    ids, entries = requests
    assert ids == 2  # the lost one's, and the new one's
    assert entries <= 4  # each try that reached the meter has its entry


async def test_without_tries_a_lost_answer_is_an_error(register: RunningRegister) -> None:
    """Who did not ask for it has nothing asked twice."""
    agent = await asyncio.to_thread(register.agent, 0)
    asked = PersonRequest(request=uuid4(), person=uuid4(), compartments=["identity"], purpose="follow_up")
    async with losing(Client(register.url, agent.held), 1) as desk:
        with pytest.raises(DeskUnavailableError):
            await desk.open([asked])


def test_sync_calls_answer_and_refuse_as_the_others(register: RunningRegister) -> None:
    """The session, health, a caseload, and an error as its class; closed, its thread is gone."""
    agent = register.agent(2)
    with SyncClient(register.url, agent.held, tries=2) as desk:
        assert desk.session().account == agent.handle
        assert desk.health().status == "ok"
        assert len(desk.caseload(whole=True).cards) == 2
    with SyncClient(register.url, None) as nobody, pytest.raises(NoSessionError):
        nobody.session()
