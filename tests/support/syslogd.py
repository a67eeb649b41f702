"""A receiver of syslog over TLS for tests: Debian's rsyslog with settings and certificates of the test's own.

Certificates are a certificate authority's that lives as long as the test; the sender must show one for `CLIENT`.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

from cloison.config import ForwardConfig
from support.needs import missing
from support.operated import free_port, wait_until

CLIENT = "cloison.example.org"
MISSING = "rsyslog is missing: run `make install` as root, or `apt-get install rsyslog rsyslog-openssl rsyslog-gnutls`"
# A direct queue and a file that is synchronised: what rsyslog has read before our end of a connection is on the disk.
SETTINGS = """
global(workDirectory="{folder}" maxMessageSize="64k" DefaultNetstreamDriver="{driver}"
  DefaultNetstreamDriverCAFile="{folder}/ca.pem"
  DefaultNetstreamDriverCertFile="{folder}/server.pem" DefaultNetstreamDriverKeyFile="{folder}/server.key")
main_queue(queue.type="Direct")
module(load="imtcp" StreamDriver.Name="{driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
  PermittedPeer=["{client}"])
template(name="lines" type="list") {{
  property(name="syslogfacility-text") constant(value=" ") property(name="syslogseverity") constant(value=" ")
  property(name="app-name") constant(value=" ") property(name="msgid") constant(value=" ")
  property(name="structured-data") constant(value="\\t") property(name="msg") constant(value="\\n")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="received")
ruleset(name="received") {{ action(type="omfile" file="{folder}/received" template="lines" sync="on") }}
"""


class Certificates:
    """Those of a receiver and of a sender, in a folder."""

    def __init__(self, folder: Path, name: str = "localhost") -> None:
        """Issue them."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        server, client = authority.issue_cert(name), authority.issue_cert(CLIENT)
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        server.private_key_pem.write_to_path(str(folder / "server.key"))
        server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
        client.private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
        (folder / "client.pem").chmod(0o600)

    def settings(self, port: int, **changes: Any) -> ForwardConfig:  # noqa: ANN401 - any setting
        """What a sender to `port` is told."""
        ours = {"ca": str(self.folder / "ca.pem"), "certificate": str(self.folder / "client.pem")}
        return ForwardConfig(**{"host": "localhost", "port": port, **ours, **changes})


class Rsyslog:
    """One rsyslog with its folder and port; it keeps both when it is killed and started again."""

    def __init__(self, folder: Path, driver: str = "ossl") -> None:
        """Nothing runs yet; the test ends where there is no rsyslog."""
        self.folder, self.port = folder, free_port()
        self.certificates = Certificates(folder)
        self._program = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin") or missing(MISSING)
        settings = SETTINGS.format(folder=folder, driver=driver, port=self.port, client=CLIENT)
        (folder / "rsyslog.conf").write_text(settings)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> ForwardConfig:
        """What a sender is told."""
        return self.certificates.settings(self.port)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        command = [self._program, "-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(self.folder / "pid")]
        (self.folder / "pid").unlink(missing_ok=True)  # a killed one leaves it behind
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        wait_until(self._listens, 20)

    def kill(self) -> None:
        """By SIGKILL: what it has not written is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def lines(self) -> list[tuple[str, dict[str, Any]]]:
        """What it has received: what it read in the headers, and the events; a line torn by a kill is left out."""
        path = self.folder / "received"
        if not path.exists():
            return []
        pairs = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        return [(header, json.loads(text)) for header, text in pairs]

    def size(self) -> int:
        """How many octets it has written."""
        path = self.folder / "received"
        return path.stat().st_size if path.exists() else 0

    def uids(self) -> list[str]:
        """The events' own numbers, in the order of their arrival."""
        return [event["metadata"]["uid"] for _, event in self.lines()]

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def rsyslog(driver: str = "ossl") -> Iterator[Rsyslog]:
    """A running rsyslog, killed at the end."""
    with tempfile.TemporaryDirectory(prefix="cloison-rsyslog-") as folder:
        found = Rsyslog(Path(folder), driver)
        found.start()
        try:
            yield found
        finally:
            found.kill()
