"""What still names a record that a merge absorbed, over HTTP: its old numbers, and sources that know them."""

from support.api import calling
from support.desk import RunningRegister
from support.life import Life, approve, living, newcomer, nir, split, two
from support.told import results, source, tell, told


def found(life: Life, **facts: str) -> list[str]:
    """Whom a search shows."""
    return [card["person"] for card in life.api.search(**facts, purpose="reception")["cards"]]


def test_old_numbers_lead_to_the_survivor(register: RunningRegister) -> None:
    """At the counter an absorbed record's identifier and provisional NIR find the survivor; alone, nobody."""
    kept = newcomer(nir=nir(1, 61, year=90, month=14))
    gone = newcomer(nir=nir(7, 62, year=90, month=14), birth_date=kept["birth_date"])
    with two(register) as (asks, approves), living(register, role="reception") as counter:
        survivor, absorbed = asks.bring_in(**kept), asks.bring_in(**gone)
        merge = asks.merge(survivor, absorbed)["merge"]
        assert approve(approves, merge)["outcome"] == "merged"
        both = {"birth_date": gone["birth_date"]}
        assert found(counter, identifier=gone["identifier"]) == []
        for number in ("identifier", "nir"):
            assert found(counter, **both, **{number: gone[number]}) == [str(survivor)]
        (opened,) = counter.api.open([str(survivor)], purpose="reception")
        assert opened["fields"]["identifier"] == kept["identifier"]
        split(asks, merge)
        assert approve(approves, merge)["outcome"] == "split"
        assert found(counter, **both, identifier=gone["identifier"]) == [str(absorbed)]
        assert found(counter, **both, nir=kept["nir"]) == [str(survivor)]


def test_appointments_with_an_absorbed_record(register: RunningRegister) -> None:
    """An appointment told by the old number, before a merge or after, opens the survivor; after a split, its own."""
    rows, token = (newcomer(), newcomer()), source(register)
    before, after = register.agent(0), register.agent(0)
    with two(register) as (asks, approves), calling(register, before) as one, calling(register, after) as other:
        survivor, absorbed = (str(asks.bring_in(**row)) for row in rows)
        assert results(tell(register, token, [told(before, rows[1])])) == ["written"]
        merge = asks.merge(survivor, absorbed)["merge"]
        approve(approves, merge)
        assert results(tell(register, token, [told(after, rows[1])])) == ["written"]
        for api in (one, other):
            assert [got["outcome"] for got in api.open([survivor, absorbed])] == ["open", "scope"]
        split(asks, merge)
        approve(approves, merge)
        for api in (one, other):
            assert [got["outcome"] for got in api.open([survivor, absorbed])] == ["scope", "open"]
