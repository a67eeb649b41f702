"""The keeper's process: when it refuses to start, how it ends, and how its callers live through that."""

import asyncio
import os
import signal
import stat
import time
from pathlib import Path

import pytest
from support.keeper import COMPARTMENTS, PASSPHRASE, Callers, RunningKeeper, Someone, Staff, callers

from cloison.config import write_secret
from cloison.errors import CloisonError, ConfigError, KeeperUnavailableError, PassphraseError
from cloison.keeper import setup
from cloison.keeper.client import Keeper
from cloison.keeper.messages import Caller

pytest_plugins = ["support.keeper_fixtures"]


def test_wrong_passphrase(own_keeper: RunningKeeper, tmp_path: Path) -> None:
    """The keeper does not start with another passphrase, and says so."""
    wrong = tmp_path / "wrong"
    write_secret(wrong, PASSPHRASE + "!")
    assert "passphrase does not open" in own_keeper.refusal_to_start(wrong)


def test_passphrase_inside_the_home(own_keeper: RunningKeeper, tmp_path: Path) -> None:
    """A passphrase that a copy of the home would hold is refused, through a link into it too."""
    inside = own_keeper.home.path / "passphrase"
    write_secret(inside, PASSPHRASE)
    (tmp_path / "link").symlink_to(inside)
    for path in (inside, tmp_path / "link", own_keeper.home.path / "log" / ".." / "passphrase"):
        assert "lies inside the home" in own_keeper.refusal_to_start(path)


def test_passphrase_that_others_may_read(own_keeper: RunningKeeper) -> None:
    """A passphrase file open to others is refused."""
    own_keeper.passphrase_file.chmod(0o644)
    assert "others may read" in own_keeper.refusal_to_start()


def test_no_passphrase(own_keeper: RunningKeeper, tmp_path: Path) -> None:
    """A passphrase file that is not there is named."""
    assert "is missing" in own_keeper.refusal_to_start(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_folder_open_to_others(own_keeper: RunningKeeper, mode: int) -> None:
    """A store that others could read or write is not served."""
    own_keeper.home.keeper.chmod(mode)
    assert "run chmod 700" in own_keeper.refusal_to_start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_folder_of_somebody_else(own_keeper: RunningKeeper) -> None:
    """A store that belongs to another user is not served."""
    os.chown(own_keeper.home.keeper, 65_534, 65_534)
    assert "run chmod 700" in own_keeper.refusal_to_start()


def test_two_keepers_on_one_store(own_keeper: RunningKeeper) -> None:
    """A second keeper, which would count for itself, does not start."""
    own_keeper.start()
    assert "another keeper" in own_keeper.refusal_to_start()


def test_damaged_root_key(own_keeper: RunningKeeper) -> None:
    """A root key's file that is cut short is said to be damaged, one that is missing to be missing."""
    path = setup.root_key_file(own_keeper.home)
    path.write_bytes(path.read_bytes()[:-20])
    assert "is damaged" in own_keeper.refusal_to_start()
    path.unlink()
    assert "is missing" in own_keeper.refusal_to_start()


def test_empty_secret_of_a_caller(own_keeper: RunningKeeper) -> None:
    """A caller's secret that was emptied lets nobody in by an empty proof: the keeper does not start."""
    write_secret(setup.caller_file(own_keeper.home, Caller.DESK), "")
    assert "is too short" in own_keeper.refusal_to_start()


def test_not_set_up(own_keeper: RunningKeeper) -> None:
    """A home without a keeper's folder says what to do."""
    own_keeper.home.keeper.rename(own_keeper.home.path / "away")
    assert "run cloison init" in own_keeper.refusal_to_start()


def test_set_up_again_keeps_everything(own_keeper: RunningKeeper) -> None:
    """Setting up a second time changes nothing, with another passphrase or number of compartments it is refused."""
    before = {path: path.read_bytes() for path in own_keeper.home.callers.iterdir()}
    root = setup.root_key_file(own_keeper.home).read_bytes()
    setup.create(own_keeper.home, PASSPHRASE, COMPARTMENTS)
    assert {path: path.read_bytes() for path in own_keeper.home.callers.iterdir()} == before
    assert setup.root_key_file(own_keeper.home).read_bytes() == root
    with pytest.raises(PassphraseError):
        setup.create(own_keeper.home, "another fictional one", COMPARTMENTS)
    with pytest.raises(ConfigError):
        setup.create(own_keeper.home, PASSPHRASE, COMPARTMENTS + 1)


def test_root_key_lost_beside_its_keys(own_keeper: RunningKeeper) -> None:
    """Where the root key is gone but keys are there, none is made in its place: the copy must be put back."""
    setup.root_key_file(own_keeper.home).unlink()
    with pytest.raises(ConfigError):
        setup.create(own_keeper.home, PASSPHRASE, COMPARTMENTS)


async def test_files_are_for_their_owner(shared_keeper: RunningKeeper, acting: Callers) -> None:
    """No file of the keeper, nor its socket, can be used by another user."""
    await acting.enrol()
    files = [*shared_keeper.home.keeper.iterdir(), shared_keeper.home.keeper_socket]
    assert [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


async def test_store_names_nobody(shared_keeper: RunningKeeper, acting: Callers) -> None:
    """The keeper's files hold no person's identifier, no key as it is, and no token."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    await acting.open_one(staff, someone)
    secrets = [
        someone.person.bytes,
        str(someone.person).encode(),
        staff.token,
        acting.ticket_key,
        *someone.keys,
    ]
    for path in shared_keeper.home.keeper.iterdir():
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path.name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_it_in_order(own_keeper: RunningKeeper, number: signal.Signals) -> None:
    """A signal ends the keeper with status 0; callers are told, the socket is gone."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        assert own_keeper.stop(number) == 0
        with pytest.raises(KeeperUnavailableError):
            await acting.issuer.status()
    assert not own_keeper.home.keeper_socket.exists()


async def test_no_keeper() -> None:
    """Connecting where nobody listens is refused at once."""
    with pytest.raises(KeeperUnavailableError):
        await Keeper.connect("nowhere.sock", "desk", "0" * 64)


async def test_kill_9_loses_no_key(own_keeper: RunningKeeper) -> None:
    """Every key that intake was given before kill -9 opens afterwards."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        people = await acting.enrol(300)
        await own_keeper.kill_and_start()
        staff = await acting.sign_in((300, 300, 300, 300))
        answers = await acting.desk.open([acting.ticket(staff, p, compartments=31) for p in people[:256]])
        assert [getattr(answer, "keys", None) for answer in answers] == [p.keys for p in people[:256]]
        assert min(p.key_id for p in await acting.enrol(3)) > max(p.key_id for p in people)


async def test_killed_and_started_again_under_load(own_keeper: RunningKeeper) -> None:
    """While the keeper is killed three times, calls fail by name and soon, later ones succeed by themselves."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        staff, people = await acting.sign_in((256, 256, 256, 256)), await acting.enrol(256)
        outcomes: list[str] = []
        working = [asyncio.create_task(_work(acting, staff, people[i::8], outcomes)) for i in range(8)]
        for _ in range(3):
            await asyncio.sleep(0.3)
            await own_keeper.kill_and_start()
        await asyncio.sleep(0.3)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        assert set(outcomes) == {"open", "keeper_unavailable"}
        assert outcomes[-1] == "open"
        assert await acting.opened(staff, people[:3]) == 3


async def _work(acting: Callers, staff: Staff, people: list[Someone], outcomes: list[str]) -> None:
    """Opens people without end, noting what became of each."""
    while True:
        for someone in people:
            try:
                await acting.open_one(staff, someone)
                outcomes.append("open")
            except CloisonError as error:
                outcomes.append(error.code)
                await asyncio.sleep(0.01)


async def test_hung_keeper(own_keeper: RunningKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper that holds its connections but does not answer keeps nobody waiting for long."""
    monkeypatch.setattr("cloison.keeper.client.CALL_SECONDS", 0.5)
    monkeypatch.setattr("cloison.keeper.link.CONNECT_SECONDS", 0.3)
    own_keeper.start()
    async with callers(own_keeper) as acting:
        own_keeper.send(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(2):
            calls = [acting.issuer.status() for _ in range(100)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(answer, KeeperUnavailableError) for answer in answers)
        assert time.monotonic() - began < 5
        own_keeper.send(signal.SIGCONT)
        assert await acting.issuer.status()
