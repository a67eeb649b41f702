"""People of one name: told apart by year of birth and commune, and by nothing more."""

from support.desk import RunningRegister
from support.life import living


def test_homonyms_differ_by_year_of_birth_and_commune_alone(register: RunningRegister) -> None:
    """A card of a search says name, year and commune; neither day of birth, address nor number."""
    with living(register) as life:
        same = {"birth_name": "Homonyme", "first_names": "Alix", "birth_date": "1991-04-05"}
        people = {
            str(life.bring_in(**same, commune="59350")): "Lille",
            str(life.bring_in(**same, commune="59009", email="alix@example.org")): "Villeneuve-d'Ascq",
        }
        cards = life.api.search(birth_name="Homonyme", birth_date="1991-04-05")["cards"]
        assert {card["person"]: card["place"] for card in cards} == people
        assert {(card["label"], card["birth_year"]) for card in cards} == {("Homonyme Alix", 1991)}
        assert all(set(card) == {"person", "segment", "label", "birth_year", "place"} for card in cards)


def test_a_card_without_a_commune_has_no_place(register: RunningRegister) -> None:
    """Lists show the commune too; somebody without one is shown without."""
    with living(register) as life:
        followed = life.bring_in(commune="59350")
        cards = life.api.http.get("/v1/caseload?whole=true").json()["cards"]
        assert [(card["person"], card["place"]) for card in cards] == [(str(followed), "Lille")]
        assert life.change(followed, commune="59606")["outcome"] == "changed"
        (card,) = life.api.http.get("/v1/caseload?whole=true").json()["cards"]
        assert card["place"] == "Valenciennes"
