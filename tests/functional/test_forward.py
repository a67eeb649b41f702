"""The audit log out to a SIEM: a real rsyslog, killed and deaf ones, strangers, a file; at least once; nobody waits."""

import json
import os
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
import psutil
import pytest
from support.database import Database, take
from support.forwarded import ForwardedHome
from support.operated import free_port, kill_9, wait_until
from support.syslogd import Certificates, rsyslog

from cloison import doctor
from cloison.audit import forwarder
from cloison.audit.outlets import FileOutlet, unacknowledged
from cloison.config import ForwardConfig
from cloison.errors import CloisonError, ConfigError, ForwardError
from cloison.events import Event

MANY = 2_500
MEGABYTE = 2**20
SEVERITIES = {1: "6", 2: "5", 3: "4", 4: "3"}


@pytest.fixture(scope="module")
def forwarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForwardedHome]:
    """A home of this module's own; each test has a destination of its own, which lacks what the test writes."""
    found = ForwardedHome(tmp_path_factory.mktemp("forwarded"))
    yield found
    found.close()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A receiver of ours that treats each connection by `serve`, in a thread of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def accepting(certificates: Certificates) -> ssl.SSLContext:
    """What a receiver of ours needs for TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.folder / "server.pem", certificates.folder / "server.key")
    return context


def test_everything_arrives(forwarded: ForwardedHome) -> None:
    """By the command: rsyslog reads header and event of each entry, once, in the order of the tree; then nothing."""
    with rsyslog() as receiver:
        forwarded.configure(receiver.settings)  # a destination that is new has everything from the first entry on
        forwarded.write(1_000)
        expected = {f"{forwarded.name}/{segment}/{leaf}" for segment, size in forwarded.sizes() for leaf in range(size)}
        told = forwarded.operated.do("audit", "forward", "--once")
        assert (told["confirmed"], told["behind"]) == (len(expected), 0)
        assert sorted(receiver.uids()) == sorted(expected)
        mine = [event["metadata"]["sequence"] for _, event in receiver.lines() if event["unmapped"]["segment"] == "59"]
        assert mine == sorted(mine)
        for header, event in receiver.lines():
            facility, severity, name, kind, datum = header.split(" ", 4)
            assert (facility, name, datum) == ("audit", "cloison", '[origin software="cloison" swVersion="0.1.0"]')
            assert severity == SEVERITIES[event["severity_id"]]
            assert kind == event["metadata"]["event_code"]
            assert kind in set(Event)
        opened = [event for _, event in receiver.lines() if event["metadata"]["event_code"] == "open"]
        assert opened[0]["unmapped"]["compartments"] == ["identity", "contact"]
        assert opened[0]["unmapped"]["purpose"] == "follow_up"

        assert forwarded.once().confirmed == 0
        assert len(receiver.uids()) == len(expected)


def test_receiver_killed_in_the_middle(forwarded: ForwardedHome) -> None:
    """It is killed while it reads: whatever it had not written comes again, once it is back."""
    with rsyslog() as receiver:
        forwarded.configure_new(receiver.settings, "killed-receiver")
        expected = forwarded.write(MANY)
        with forwarded.process():
            wait_until(lambda: receiver.size() > MEGABYTE // 2)
            receiver.kill()
            assert forwarded.behind("killed-receiver") == len(expected)
            receiver.start()
            wait_until(lambda: forwarded.behind("killed-receiver") == 0)
        assert set(receiver.uids()) == expected


def test_forwarder_killed_in_the_middle(forwarded: ForwardedHome) -> None:
    """The next one goes on at what was confirmed: each entry arrives, those in between twice, as the same event."""
    with rsyslog() as receiver:
        forwarded.configure_new(receiver.settings, "killed-forwarder")
        expected = forwarded.write(MANY)
        with forwarded.process() as process:
            wait_until(lambda: receiver.size() > MEGABYTE // 2)
            kill_9(psutil.Process(process.pid))
        assert forwarded.behind("killed-forwarder") > 0
        forwarded.once()
        assert set(receiver.uids()) == expected
        events = {json.dumps(event, sort_keys=True) for _, event in receiver.lines()}
        assert len(events) == len(expected) < len(receiver.lines())


@pytest.mark.soak
def test_both_killed_again_and_again(forwarded: ForwardedHome) -> None:
    """Receiver and forwarder are killed twenty times at any moment: of many entries none is missing."""
    with rsyslog() as receiver:
        forwarded.configure_new(receiver.settings, "soak")
        expected = set.union(*(forwarded.write(10_000) for _ in range(10)))
        for turn in range(10):
            before = receiver.size()
            with forwarded.process() as process:
                wait_until(lambda before=before: receiver.size() > before + MEGABYTE)  # type: ignore[misc]
                receiver.kill()
                receiver.start()
                time.sleep(0.5 + 0.7 * turn)  # some of them after a confirmation
                process.kill()
        forwarded.once()
        assert set(receiver.uids()) == expected


def test_strangers_are_refused(forwarded: ForwardedHome, tmp_path: Path) -> None:
    """Another authority's certificate, another name, no certificate of ours, no TLS: each with what to do."""
    strange, unnamed = Certificates(tmp_path / "strange"), Certificates(tmp_path / "unnamed", "other.example.org")
    shown = Certificates(tmp_path / "shown")
    (shown.folder / "client.pem").chmod(0o644)

    def greet(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
            connection.recv(1)

    def unname(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            accepting(unnamed).wrap_socket(connection, server_side=True)

    with rsyslog() as receiver, listening(greet) as plain, listening(unname) as named:
        mine, port = receiver.certificates, receiver.port
        forwarded.configure_new(mine.settings(port), "strange")
        forwarded.write(10)
        behind = forwarded.behind("strange")
        for settings, words in (
            (strange.settings(port), "is not believed"),
            (unnamed.settings(named), "is not believed (Hostname mismatch"),
            (
                unnamed.settings(named, server_name="other.example.org"),
                "ended the connection",
            ),  # believed, and then it goes
            (mine.settings(port, certificate=""), "forward.certificate"),
            (mine.settings(plain), "failed (wrong_version_number)"),
            (mine.settings(free_port()), "Connection refused"),
            (mine.settings(port, ca=str(tmp_path / "none.pem")), "No such file"),
            (mine.settings(port, ca=str(mine.folder / "server.key")), "give PEM files"),
            (mine.settings(port, key=str(mine.folder / "server.key")), "others may read"),
            (shown.settings(port), "run chmod 600"),
            (mine.settings(port, ca=""), "set forward.ca"),
            (mine.settings(port, file="x"), "set either forward.host or forward.file"),
            (ForwardConfig(), "set either forward.host or forward.file"),
        ):
            forwarded.configure(msgspec.structs.replace(settings, destination="strange"))
            with pytest.raises(CloisonError, match=re.escape(words)):
                forwarded.once()
        assert forwarded.behind("strange") == behind
        assert receiver.lines() == []


def test_receiver_without_a_last_word(forwarded: ForwardedHome) -> None:
    """Rsyslog with GnuTLS ends without close_notify, as one that dies does: confirmed only where settings say so."""
    with rsyslog("gtls") as receiver:
        forwarded.configure_new(receiver.settings, "silent")
        expected = forwarded.write(10)
        with pytest.raises(ForwardError, match=r"set forward\.confirmed_by to close"):
            forwarded.once()
        assert forwarded.behind("silent") == len(expected)
        forwarded.configure(receiver.certificates.settings(receiver.port, confirmed_by="close", destination="silent"))
        forwarded.once()
        assert forwarded.behind("silent") == 0
        assert set(receiver.uids()) == expected


@pytest.mark.parametrize("confirmed_by", ["close_notify", "close"])
@pytest.mark.parametrize("read", [0, 1, MEGABYTE])
@pytest.mark.parametrize("notified", [True, False])
def test_receiver_that_ends_before_us(
    forwarded: ForwardedHome, confirmed_by: Literal["close_notify", "close"], read: int, *, notified: bool
) -> None:
    """It ends by itself, in order or not, having read nothing, a part or all there was: that is no answer to ours."""
    certificates = Certificates(forwarded.operated.folder / "early")

    def end(connection: socket.socket) -> None:
        inside = accepting(certificates).wrap_socket(connection, server_side=True)
        inside.settimeout(0.05)
        with suppress(OSError):
            while read and inside.recv(read) and read > 1:
                pass  # until there is nothing more to be read
        with suppress(OSError):
            if notified:
                inside.unwrap()  # says so, and waits in vain for our answer
        inside.close()

    with listening(end) as port:
        forwarded.configure_new(certificates.settings(port, confirmed_by=confirmed_by), "early")
        expected = forwarded.write(10)
        with forwarder.forwarding(forwarded.home) as forwarding:
            forwarding.step()
            time.sleep(0 if read == 1 else 0.2)
            with pytest.raises(ForwardError):
                forwarding.confirm()
    assert forwarded.behind("early") == len(expected)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell")
def test_what_the_other_system_has_not_taken() -> None:
    """It is known as long as it is on its way: an end that comes meanwhile is no answer to it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sending:
        receiving, _ = server.accept()
        sending.setblocking(False)
        with receiving, suppress(BlockingIOError):
            while True:
                sending.send(bytes(65_536))
        assert unacknowledged(sending) > 0
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sending:
        receiving, _ = server.accept()
        with receiving:
            sending.sendall(b"x")
            assert receiving.recv(1) == b"x"
            wait_until(lambda: unacknowledged(sending) == 0, 5)


def test_dead_receiver_holds_nobody_up(forwarded: ForwardedHome) -> None:
    """A receiver takes connections and reads nothing: records are opened, the forwarder stays small, all arrives."""
    certificates = Certificates(forwarded.operated.folder / "deaf")
    held: list[ssl.SSLSocket] = []

    def read_nothing(connection: socket.socket) -> None:
        held.append(accepting(certificates).wrap_socket(connection, server_side=True))

    with listening(read_nothing) as port:
        forwarded.configure_new(certificates.settings(port), "deaf")
        expected = forwarded.write(8_000)  # more than the system's buffers take
        with forwarded.process() as process:
            wait_until(lambda: held)
            watched = psutil.Process(process.pid)
            small = watched.memory_info().rss
            wait_until(lambda: stuck(held[0]))
            open_people(forwarded.database)
            expected |= forwarded.sequenced()
            assert watched.memory_info().rss < small + 30 * MEGABYTE
            assert forwarded.behind("deaf") == len(expected)
            for connection in held:
                connection.close()
            process.kill()  # or its orderly end would wait
    forwarded.configure(ForwardConfig(file=str(forwarded.operated.folder / "heard"), destination="deaf"))
    assert forwarded.once().confirmed == len(expected)
    lines = (forwarded.operated.folder / "heard").read_bytes().splitlines()
    assert {json.loads(line)["metadata"]["uid"] for line in lines} == expected


def stuck(connection: ssl.SSLSocket) -> bool:
    """Whether what waits to be read has stopped growing: the system takes no more."""
    with socket.socket(fileno=os.dup(connection.fileno())) as raw:
        before = len(raw.recv(8 * MEGABYTE, socket.MSG_PEEK))
        time.sleep(0.3)
        return 0 < before == len(raw.recv(8 * MEGABYTE, socket.MSG_PEEK))


def open_people(database: Database) -> None:
    """Somebody new opens a few people, whom the meter releases."""
    session, people = database.adviser(8)
    with database.connect("desk") as desk:
        assert len(take(desk, session, people)) == len(people)


def test_receiver_that_never_ends(forwarded: ForwardedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads everything and never confirms, or answers with other things: nothing counts as received."""
    monkeypatch.setattr("cloison.audit.outlets.STALL_SECONDS", 0.5)
    certificates = Certificates(forwarded.operated.folder / "endless")

    def read_on(connection: socket.socket) -> None:
        with suppress(OSError):  # until it is broken off
            inside = accepting(certificates).wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
            while inside.recv(65_536):
                pass
            threading.Event().wait(5)

    def talk_back(connection: socket.socket) -> None:
        with suppress(OSError):
            inside = accepting(certificates).wrap_socket(connection, server_side=True)
            while True:
                inside.sendall(bytes(65_536))

    forwarded.configure_new(certificates.settings(0), "endless")
    expected = forwarded.write(10)
    for serve in (read_on, talk_back):
        with listening(serve) as port:
            forwarded.configure(certificates.settings(port, destination="endless"))
            with pytest.raises(ForwardError):
                forwarded.once()
    assert forwarded.behind("endless") == len(expected)


def test_file_of_lines(forwarded: ForwardedHome, tmp_path: Path) -> None:
    """Each entry is a line; the file may be renamed in between, and a line that a kill has torn is taken out."""
    path = tmp_path / "audit.jsonl"
    forwarded.configure_new(ForwardConfig(file=str(path)), "file")
    expected = forwarded.write(700)
    forwarded.once()
    assert {json.loads(line)["metadata"]["uid"] for line in path.read_bytes().splitlines()} == expected
    assert path.stat().st_mode & 0o777 == 0o640

    path.rename(tmp_path / "audit.jsonl.1")  # as logrotate does
    expected = forwarded.write(10)
    forwarded.once()
    assert {json.loads(line)["metadata"]["uid"] for line in path.read_bytes().splitlines()} == expected

    whole = path.read_bytes()
    path.write_bytes(whole + b'{"class_uid":30')
    again = FileOutlet(path)
    again.send(b"{}\n")
    again.confirm()
    assert path.read_bytes() == whole + b"{}\n"


@pytest.mark.parametrize("name", ["none/audit.jsonl", ".", "/dev/full"])
def test_file_that_cannot_be(forwarded: ForwardedHome, tmp_path: Path, name: str) -> None:
    """A folder that is not there, one in its place, a device: said in one line, and nothing counts as written."""
    forwarded.configure_new(ForwardConfig(file=str(tmp_path / name)), "no-file")
    expected = forwarded.write(1)
    with pytest.raises(CloisonError, match=re.escape(str(tmp_path / name))):
        forwarded.once()
    assert forwarded.behind("no-file") == len(expected)


def test_one_at_a_time(forwarded: ForwardedHome, tmp_path: Path) -> None:
    """A second forwarder would send everything twice: it is told that there is one, in one line."""
    forwarded.configure_new(ForwardConfig(file=str(tmp_path / "lines")), "alone")
    with forwarder.alone(forwarded.home):
        done = forwarded.operated.run("audit", "forward")
        assert (done.status, "another process forwards" in done.err, "Traceback" in done.err) == (1, True, False), done
        with pytest.raises(ConfigError):
            forwarded.once()


def test_doctor_knows_what_waits(forwarded: ForwardedHome, tmp_path: Path) -> None:
    """Nothing where nothing is to be forwarded or a little waits for a moment; else how many, and since when."""
    forwarded.configure(ForwardConfig())
    assert advice(forwarded) == ""
    forwarded.configure_new(ForwardConfig(file=str(tmp_path / "lines")), "waiting")
    expected = forwarded.write(5)
    assert advice(forwarded) == ""
    forwarded.database.owner.execute("update cloison.log_batch set since = since - interval '1 hour'")
    assert advice(forwarded).startswith(f"{len(expected)} audit entries wait to be forwarded, the oldest for 36")


def advice(forwarded: ForwardedHome) -> str:
    """What doctor says of the forwarding."""
    return next(check.advice for check in doctor.examine(forwarded.home) if check.name == "forwarding")


def test_position_goes_forward_alone(forwarded: ForwardedHome) -> None:
    """It never goes back and never beyond the tree, whoever has the forwarder's login."""
    forwarded.write(5)
    size = dict(forwarded.sizes())["59"]
    with forwarded.database.connect("forwarder") as login:
        for claimed, noted in ((size - 1, size - 1), (3, size - 1), (size + 1_000, size)):
            login.execute("select cloison.forwarded_v1('own', '{59}', %s)", ([claimed],))
            assert forwarded.position("own") == noted
