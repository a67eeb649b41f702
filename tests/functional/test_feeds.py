"""Sources of interactions: by the command line, by their files, and over HTTP with their own token."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from support.api import calling, problem
from support.desk import RunningRegister
from support.operated import OperatedHome, rows_of
from support.operated_acts import signed
from support.told import opened, results, source, tell, told
from support.transcript import play

from cloison.access import feeds
from cloison.client import Client, Credentials, DeviceKey
from cloison.register import synthetic
from cloison.store.pools import connect

SEGMENT = "59"
HOUR = timedelta(hours=1)


def test_an_appointment_opens_a_person_today(register: RunningRegister) -> None:
    """Told by its source, it puts the person on today's list and within reach; told again, it is known."""
    agent, row, token = register.agent(0), register.people[11], source(register)
    item = told(agent, row)
    with calling(register, agent) as api:
        assert api.search(identifier=row["identifier"])["cards"] == []
        assert results(tell(register, token, [item])) == ["written"]
        assert results(tell(register, token, [item, told(agent, row)])) == ["known", "written"]
        person = api.found(row)
        assert [card["person"] for card in api.http.get("/v1/caseload").json()["cards"]] == [person]
        assert api.open([person])[0]["outcome"] == "open"


def test_by_nir_too(register: RunningRegister) -> None:
    """The person is named by one of the profile's locators, either of them, and by exactly one."""
    agent, row, token = register.agent(0), next(r for r in register.people[12:] if r["nir"]), source(register)
    both = told(agent, row, nir=row["nir"])
    by_nir = {name: value for name, value in both.items() if name != "identifier"}
    neither = {name: value for name, value in by_nir.items() if name != "nir"}
    malformed = {**neither, "identifier": "?"}
    assert results(tell(register, token, [both, neither, malformed, by_nir])) == ["value", "value", "value", "written"]


def test_each_item_has_its_answer(register: RunningRegister) -> None:
    """What is wrong with one spoils no other, and the answers come in order."""
    agent, token = register.agent(0), source(register, SEGMENT)
    good, other = register.people[13], register.elsewhere[0]
    items = [
        told(agent, good, account="nobody"),
        told(agent, good, identifier="00000000"),
        told(agent, other),
        told(agent, good, until=(datetime.now(UTC) - HOUR).isoformat()),
        told(agent, good),
    ]
    assert results(tell(register, token, items)) == ["no_account", "no_person", "not_covered", "time", "written"]


def test_who_is_no_source(register: RunningRegister) -> None:
    """An agent's session, a made-up token, a closed source and nobody at all are refused alike."""
    agent, token = register.agent(0), source(register)
    item = told(agent, register.people[14])
    with connect(register.home, "owner") as owner:
        name = next(feed.name for feed in reversed(feeds.feeds(owner)) if feed.closed_at is None)
        closed = opened(register, f"{name}-closed")
        feeds.close_feed(owner, f"{name}-closed")
    for held in (agent.held, closed, Credentials("_client." + "A" * 43, token.key)):
        assert problem(tell(register, held, [item]), 401, "no_feed")
    for wrong in (agent.held.token, token.token, ""):
        assert problem(tell(register, wrong, [item]), 401, "no_session")
    assert problem(tell(register, Credentials(token.token, DeviceKey()), [item]), 401, "no_feed")
    malformed = [{**item, "identifier": "?"}]
    assert problem(tell(register, closed, malformed), 401, "no_feed")


def test_a_sources_token_opens_nobody(register: RunningRegister) -> None:
    """It is no session: the desk refuses it everywhere else."""
    with calling(register, source(register)) as api:
        problem(api.post("/v1/people/search", {"identifier": "12345678", "purpose": "follow_up"}), 401, "no_session")
        problem(api.http.get("/v1/caseload"), 401, "no_session")
        problem(api.http.get("/v1/covers"), 401, "no_session")


def test_what_is_no_interaction(register: RunningRegister) -> None:
    """A body that cannot be read is a problem which says where; 200 at most a call."""
    agent, token = register.agent(0), source(register)
    item = told(agent, register.people[15])
    for change, path in [
        ({"from": "today"}, "$.interactions[0].from"),
        ({"from": "2031-01-01"}, "$.interactions[0].from"),
        ({"account": "a b"}, "$.interactions[0].account"),
        ({"interaction": "a b"}, "$.interactions[0].interaction"),
        ({"name": "x"}, "$.interactions[0]"),
    ]:
        assert problem(tell(register, token, [{**item, **change}]), 400, "malformed_request").path == path
    assert problem(tell(register, token, [item] * 201), 400, "malformed_request").path == "$.interactions"
    assert problem(tell(register, token, []), 400, "malformed_request").path == "$.interactions"


async def test_with_the_typed_client(register: RunningRegister) -> None:
    """A source's software tells by the client what it would by hand."""
    token = source(register)
    now = datetime.now(UTC)
    async with Client(register.url, token) as book:
        taken = await book.tell(
            [
                {
                    "interaction": uuid4().hex,
                    "account": "nobody",
                    "identifier": register.people[16]["identifier"],
                    "from": now.isoformat(),
                    "until": (now + HOUR).isoformat(),
                }
            ]
        )
    assert [one.result for one in taken] == ["no_account"]


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with people and two accounts, in which nothing is served."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    signed(operated, "organisations", "create", "Agence")
    synthetic.write(operated.folder / "people.csv", 300, seed=5, departments=[SEGMENT])
    operated.do("people", "import", "people.csv")
    for handle in ("claire", "anna"):
        signed(operated, "accounts", "create", handle, "--organisation", "Agence", "--segment", SEGMENT)
    yield operated
    operated.stop()


def identifiers(operated: OperatedHome) -> list[str]:
    """The identifiers of the people, in the file's order."""
    return [row["identifier"] for row in rows_of(operated.folder / "people.csv")]


def write(operated: OperatedHome, name: str, lines: Sequence[Sequence[object]]) -> None:
    """Write a CSV file."""
    with (operated.folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)


def interactions(operated: OperatedHome, count: int, handle: str = "claire") -> list[list[object]]:
    """The lines of a file of interactions from now on."""
    now = datetime.now(UTC)
    rows = enumerate(identifiers(operated)[:count])
    lines: list[list[object]] = [["account", "identifier", "interaction", "from", "until"]]
    lines += [[handle, i, f"rdv-{n}", now.isoformat(), (now + HOUR).isoformat()] for n, i in rows]
    return lines


def test_a_source_by_the_command_line(operated: OperatedHome) -> None:
    """A source is made, brings its file twice, is listed and closed, as a system too."""
    write(operated, "rdv.csv", interactions(operated, 5))
    key = operated.key("book")
    signed(operated, "feeds", "create", "book", "--kind", "appointments", "--segments", "59, 62", "--key", key)
    play(
        operated,
        """
        $ cloison feeds create book --kind telephone --key book.pem.pub
        ! act_impossible: …
        [1]
        $ cloison feeds import rdv.csv --source book
        5 interactions written; refused: none
        $ cloison feeds import rdv.csv --source book
        0 interactions written; 5 known; refused: none
        $ cloison feeds import rdv.csv --source nobook
        ! unknown_feed: …
        [1]
        $ cloison feeds close book
        book: closed
        $ cloison feeds close book
        ! unknown_feed: …
        [1]
        $ cloison feeds import rdv.csv --source book
        ! unknown_feed: …
        [1]
        """,
    )
    listed = operated.do("feeds", "list")["feeds"]
    assert [(feed["name"], feed["segments"], feed["closed_at"] is None) for feed in listed] == [
        ("book", ["59", "62"], False)
    ]
    (client,) = operated.do("clients", "list")["clients"]
    assert (client["name"], client["uses"], client["closed_at"] is None) == ("book", ["feed"], False)


def test_a_file_of_several_sources(operated: OperatedHome) -> None:
    """Rows of another kind are passed over and counted; a kind that there is not is refused, none is the source's."""
    signed(operated, "feeds", "create", "phone", "--kind", "telephone", "--key", operated.key("phone"))
    kinds = ["kind", "telephone", "space", "appointments", "", "someone"]
    write(operated, "all.csv", [[*line, kind] for line, kind in zip(interactions(operated, 5), kinds, strict=True)])
    play(
        operated,
        """
        $ cloison feeds import all.csv --source phone
        2 interactions written; 2 of another kind; refused: 1 value
        [1]
        """,
    )
    rejects = rows_of(operated.folder / "all.csv.rejects.csv")
    assert [(row["row"], row["field"], row["reason"]) for row in rejects] == [("6", "kind", "value")]
    done = operated.run("feeds", "import", "all.csv", "--source", "phone", "--json").json()
    assert (done["read"], done["known"], done["other_kind"]) == (5, 2, 2)


def test_refused_interactions_are_written_down(operated: OperatedHome) -> None:
    """Each refused row stands in the file of rejects with its field and reason, and no value that is not masked."""
    signed(operated, "feeds", "create", "desk", "--kind", "telephone", "--key", operated.key("desk"))
    lines = interactions(operated, 3)
    lines[1][0] = "nobody"
    lines[2][3] = "yesterday"
    lines.append(["claire", "nosuchone1", "x", lines[3][3], lines[3][4]])
    lines.append(["claire", lines[3][1]])
    lines.append(["claire", lines[3][1], "past", "2026-01-05T09:00+01:00", "2026-01-05T09:30+01:00"])
    lines.append(["claire", lines[3][1], "far", "2999-01-05T09:00+01:00", "2999-01-05T09:30+01:00"])
    write(operated, "calls.csv", lines)
    done = operated.run("feeds", "import", "calls.csv", "--source", "desk", "--json")
    assert (done.status, done.json()["written"], done.json()["read"]) == (1, 1, 7)
    rejects = rows_of(operated.folder / "calls.csv.rejects.csv")
    assert sorted((row["row"], row["field"], row["reason"]) for row in rejects) == [
        ("2", "account", "no_account"),
        ("3", "from", "value"),
        ("5", "identifier", "no_person"),
        ("6", "", "columns"),
        ("7", "until", "over"),
        ("8", "until", "time"),
    ]
    assert "nobody" not in str(rejects)
    assert "nosuchone1" not in str(rejects)


def test_a_limit_of_relations_and_what_is_beyond(operated: OperatedHome) -> None:
    """Rows beyond the limit are rejected as metered, the command says when to come back, and a renewal stays free."""
    everybody = identifiers(operated)
    write(operated, "first.csv", [["account", "identifier"], *(["anna", i] for i in everybody[:30])])
    write(operated, "more.csv", [["account", "identifier"], *(["anna", i] for i in everybody[:60])])
    assert operated.do("caseload", "import", "first.csv")["written"] == 30
    signed(operated, "caseload", "limit", "account_first_day", "40")
    play(
        operated,
        """
        $ cloison caseload import more.csv
        40 relations written; refused: 20 metered
        ! Rows are metered: an account's or an organisation's limit is reached. Import the file again in 24 hours, …
        [1]
        """,
    )
    rejects = rows_of(operated.folder / "more.csv.rejects.csv")
    assert {(row["field"], row["reason"], row["value"]) for row in rejects} == {("", "metered", "")}
    assert [int(row["row"]) for row in rejects] == list(range(42, 62))
    signed(operated, "caseload", "limit", "account_first_day", "50", "--organisation", "Agence")
    assert operated.run("caseload", "import", "more.csv", "--json").json()["written"] == 50
    limits = {one["organisation"]: one["account_first_day"] for one in operated.do("caseload", "limit")["limits"]}
    assert limits == {"": 40, "Agence": 50}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("no_such_limit", "3"), "act_impossible"),
        (("account_day", "3", "--organisation", "Nobody"), "unknown_organisation"),
        (("cover_people", "1000"), "act_impossible"),
    ],
)
def test_a_limit_that_there_cannot_be(operated: OperatedHome, words: tuple[str, ...], code: str) -> None:
    """An unknown limit, organisation or a value out of range changes nothing and says so."""
    before = operated.do("caseload", "limit")
    done = operated.run("caseload", "limit", *words)
    assert (done.status, done.err.split(":")[0]) == (1, code)
    assert operated.do("caseload", "limit") == before


def test_a_killed_import_that_is_repeated(operated: OperatedHome) -> None:
    """Ended in its middle and begun again, an import of relations ends as if nothing had happened."""
    everybody = identifiers(operated)
    signed(operated, "accounts", "create", "lea", "--organisation", "Agence", "--segment", SEGMENT)
    signed(operated, "caseload", "limit", "account_first_day", "1500", "--organisation", "Agence")
    lines = [["lea", i] for i in everybody]
    write(operated, "whole.csv", [["account", "identifier"], *(lines * 40)])
    begun = operated.start("caseload", "import", "whole.csv")
    for _ in range(400):
        with connect(operated.home, "owner") as owner:
            row = owner.execute(
                "select count(*) from cloison.relation join cloison.account using (account) where handle = 'lea'"
            ).fetchone()
        if row is not None and row[0] > 0:
            break
    begun.kill()
    begun.communicate()
    assert operated.do("caseload", "import", "whole.csv")["written"] == len(lines) * 40
    with connect(operated.home, "owner") as owner:
        row = owner.execute(
            "select count(*), (select sum(relations) from cloison.relation_write w where w.account = a.account) "
            "from cloison.relation join cloison.account a using (account) where handle = 'lea' group by a.account"
        ).fetchone()
    assert row == (len(set(everybody)), len(set(everybody)))


def test_covers_and_interactions_of_a_file_end(operated: OperatedHome) -> None:
    """Without an end a cover lasts its longest time, an interaction a day; one that is too long is refused."""
    signed(operated, "accounts", "create", "jules", "--organisation", "Agence", "--segment", SEGMENT)
    one, two, three = identifiers(operated)[:3]
    far = (datetime.now(UTC) + timedelta(days=200)).isoformat()
    header = ["account", "identifier", "relation", "until"]
    rows = [["jules", one, "cover", ""], ["jules", two, "inbound", ""], ["jules", three, "cover", far]]
    write(operated, "ends.csv", [header, *rows, ["jules", three, "inbound", far], ["jules", three, "walk_in", ""]])
    done = operated.run("caseload", "import", "ends.csv", "--json").json()
    assert (done["written"], done["refused"]) == (2, {"until": 2, "relation": 1})
    with connect(operated.home, "owner") as owner:
        lasts = owner.execute(
            "select kind::text, extract(epoch from valid_until - valid_from)::int / 3600 from cloison.relation "
            "join cloison.account using (account) where handle = 'jules' order by 1"
        ).fetchall()
    assert sorted(lasts) == [("cover", 720), ("inbound", 24)]
