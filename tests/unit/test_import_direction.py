"""Rooms import only downwards, the keeper stands apart, and the attacker has no private way in."""

from functools import cache

from grimp import ImportGraph, build_graph

# From the ground up. A room may import those below it and its neighbours, but never in a circle.
FLOORS = (
    {"model", "errors", "events", "config", "passphrase", "terminal", "tls"},
    {"store", "client"},
    {"register", "access", "audit"},
    {"watch", "retention", "breach"},
    {"app", "processes", "installation", "doctor"},
    {"web", "intake", "signin", "space", "bench", "replay"},
    {"cli"},
)
GROUND = {"cloison.model", "cloison.errors", "cloison.config"}
KEEPER_FRONT = {"cloison.keeper.client", "cloison.keeper.messages"}  # all that others see of the keeper
KEEPER_EXCEPTIONS = {("cloison.installation", "cloison.keeper.setup")}  # init makes the keeper's store
CLIENT = {"cloison.client", "cloison.client.signin", "cloison.client.passkey"}
ATTACKERS_MAY_IMPORT = GROUND | KEEPER_FRONT | CLIENT


@cache
def graph() -> ImportGraph:
    """Who imports whom in the package, imports for types included."""
    return build_graph("cloison", cache_dir=None)


def room(module: str) -> str:
    """The room of a module: `register` for `cloison.register.people`."""
    return module.partition(".")[2].partition(".")[0]


def imports() -> list[tuple[str, str]]:
    """Each import of one room's module by another room's: importer, imported."""
    pairs = [
        (importer, imported)
        for importer in sorted(graph().modules)
        for imported in sorted(graph().find_modules_directly_imported_by(importer))
    ]
    return [(importer, imported) for importer, imported in pairs if room(importer) != room(imported)]


def imported_by(name: str) -> set[str]:
    """What the modules of one room import from other rooms."""
    return {imported for importer, imported in imports() if room(importer) == name}


def floor(name: str) -> int:
    """How high a room lies."""
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def test_every_room_has_its_place() -> None:
    """A new room is put on a floor before anything imports it."""
    known = set.union(*FLOORS) | {"keeper", ""}
    assert {room(module) for module in graph().modules} - known == set()


def test_imports_go_downwards() -> None:
    """No room imports one that lies higher."""
    between = [pair for pair in imports() if "keeper" not in {room(name) for name in pair}]
    upwards = [(a, b) for a, b in between if room(a) and room(b) and floor(room(a)) < floor(room(b))]
    assert upwards == []


def test_rooms_form_no_circle() -> None:
    """Neighbours may use one another, but not in a circle: one of them is always readable by itself."""
    uses: dict[str, set[str]] = {}
    for importer, imported in imports():
        uses.setdefault(room(importer), set()).add(room(imported))
    while leaves := {name for name in uses if not uses[name] & set(uses)}:
        uses = {name: used for name, used in uses.items() if name not in leaves}
    assert uses == {}, "these rooms import one another in a circle"


def test_keeper_stands_apart() -> None:
    """The keeper imports nothing but words, refusals and settings."""
    assert imported_by("keeper") - GROUND == set()


def test_keeper_is_called_over_its_socket() -> None:
    """Other rooms see the keeper's client and messages only, never its keys or its store."""
    inside = {pair for pair in imports() if room(pair[1]) == "keeper" and pair[1] not in KEEPER_FRONT}
    assert inside - KEEPER_EXCEPTIONS == set()


def test_attacker_has_no_private_way_in() -> None:
    """Attackers act through the same doors as everyone; the rest of the replay only sets the stage for them."""
    attackers = [(a, b) for a, b in imports() if a.startswith("cloison.replay.attackers")]
    assert attackers, "the replay's attackers have moved"
    assert {imported for _, imported in attackers} - ATTACKERS_MAY_IMPORT == set()


def test_nothing_rests_on_the_attacker() -> None:
    """The command line starts the replay, the benchmark fills its home as the demo does; no service uses it."""
    users = {room(importer) for importer, imported in imports() if room(imported) == "replay"}
    assert users <= {"cli", "bench"}


def test_public_client_stands_alone() -> None:
    """Partner software can use the client without the rest: it imports words and refusals only."""
    assert imported_by("client") - GROUND == set()
