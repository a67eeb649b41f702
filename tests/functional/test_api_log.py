"""The audit log over HTTP: read by who audits, refused to all others, checked by a stranger's program."""

from collections.abc import Iterator

import httpx
import metamorphic_log as stranger
import pytest
from support.api import calling, problem
from support.desk import RunningRegister

from cloison.audit import proof, tree, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.sequencer import Sequencer
from cloison.audit.witness import Witness
from cloison.config import read_secret
from cloison.store.pools import connect

LOG = "/v1/log/59"


SERVICE = "update cloison.organisation set service = %s where name = 'Service'"


@pytest.fixture(scope="module", autouse=True)
def _service(register: RunningRegister) -> Iterator[None]:
    """The accounts here are of the service itself, as those of a home that `cloison init` made."""
    register.agent(0)
    with connect(register.home, "owner") as owner:
        owner.execute(SERVICE, (True,))
        yield
        owner.execute(SERVICE, (False,))


@pytest.fixture(scope="module")
def anchored(register: RunningRegister, tmp_path_factory: pytest.TempPathFactory) -> verify.Key:
    """The log of a register with a few entries, sequenced and witnessed once; its key."""
    agent = register.agent(2)
    with calling(register, agent) as api:
        api.open([api.found(row) for row in agent.people])
    home = register.home
    with connect(home, "sequencer") as sequencing, connect(home, "witness") as witnessing:
        sequencer = Sequencer(sequencing, Signer.read(read_secret(home.log_key)))
        while sequencer.step():
            pass
        key = verify.Key.read(home.log_public.read_text(encoding="utf-8"))
        witness = Witness(tmp_path_factory.mktemp("witness"), Signer.read(read_secret(home.witness_key)), key)
        assert witness.step(witnessing) == []
    return key


@pytest.mark.parametrize("role", ["officer", "dpo"])
def test_who_audits_reads_and_a_stranger_checks(register: RunningRegister, anchored: verify.Key, role: str) -> None:
    """Checkpoint, tiles and proofs are what other programs of tlogs understand."""
    with calling(register, register.agent(0, role)) as api:
        answer = api.http.get(f"{LOG}/checkpoint")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        note = answer.text
        head = stranger.checkpoint_verify(note, [anchored.text])
        assert head.size > 2

        def tile(place: tree.Tile) -> bytes:
            width = min(256, (head.size >> 8 * place.level) - 256 * place.number)
            found = api.http.get(f"{LOG}/{tree.tile_path(place, width)}")
            assert (found.status_code, found.headers["content-type"]) == (200, "application/octet-stream")
            assert len(found.content) == 32 * width
            return found.content

        assert tree.root_of(head.size, tile) == head.root
        old = head.size // 2
        for leaf in {0, old, head.size - 1}:
            made = api.http.get(f"{LOG}/inclusion/{leaf}").json()
            path = [bytes.fromhex(each) for each in made["path"]]
            args = (made["checkpoint"], [anchored.text], leaf, bytes.fromhex(made["hash"]), path)
            stranger.checkpoint_verify_inclusion(*args)
            assert proof.check(made, anchored).leaf == leaf
        made = api.http.get(f"{LOG}/consistency?old={old}&new={head.size}").json()
        path = [bytes.fromhex(each) for each in made["path"]]
        stranger.verify_consistency(old, head.size, path, tree.root_of(old, tile), head.root)


def test_what_there_is_not(register: RunningRegister, anchored: verify.Key) -> None:
    """Other tiles, leaves, sizes and segments are not found; numbers that are none are refused."""
    assert anchored
    with calling(register, register.agent(0, "dpo")) as api:
        for path in (
            *("tile/0/999", "tile/7/000", "tile/8/000", "tile/0/0", "tile/0/x000/000", "tile/0/000.p/0"),
            *("tile/0/000.p/256", "tile/0/000.p/300", "tile/0/" + "x123/" * 7 + "456"),
            *("inclusion/99999999", "consistency?old=9&new=3", "consistency?old=0&new=99999999"),
        ):
            problem(api.http.get(f"{LOG}/{path}"), 404, "not_found")
        problem(api.http.get("/v1/log/nowhere/checkpoint"), 404, "not_found")
        problem(api.http.get(f"{LOG}/consistency?old=-1&new=3"), 400, "malformed_request")


@pytest.mark.parametrize("role", ["adviser", "manager", "hotline"])
def test_others_read_nothing(register: RunningRegister, anchored: verify.Key, role: str) -> None:
    """Who does not audit is refused whatever there is; who has no session is told that."""
    assert anchored
    paths = ("checkpoint", "tile/0/000.p/1", "inclusion/0", "consistency?old=1&new=2")
    with calling(register, register.agent(0, role)) as api:
        for path in paths:
            problem(api.http.get(f"{LOG}/{path}"), 403, "log_scope")
    for path in paths:
        problem(httpx.get(f"{register.url}{LOG}/{path}"), 401, "no_session")


def test_partners_officer_reads_nothing(register: RunningRegister, anchored: verify.Key) -> None:
    """The permission is the service's: an officer of another organisation does not have it."""
    assert anchored
    with connect(register.home, "owner") as owner, calling(register, register.agent(0, "officer")) as api:
        owner.execute(SERVICE, (False,))
        problem(api.http.get(f"{LOG}/checkpoint"), 403, "log_scope")
        owner.execute(SERVICE, (True,))
        assert api.http.get(f"{LOG}/checkpoint").status_code == 200
