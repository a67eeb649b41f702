"""An identity provider run by an attacker, for tests: it describes itself, and answers whatever a test tells it to."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from joserfc.jwk import RSAKey
from joserfc.jwt import encode

from cloison.access.oidc import Ask, Callback, Provider
from cloison.access.oidc_client import OidcClient
from support.oidc_provider import BINDING, redirect_uri

DESCRIPTION, KEYS, TOKEN = "/.well-known/openid-configuration", "/keys", "/token"
NAME = "pirate"
Claims = dict[str, object]


class Answer(NamedTuple):
    """What is sent: a body in pieces, each after a pause."""

    body: Sequence[bytes]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pause_seconds: float = 0.0


class Hostile:
    """What the attacker's provider answers at each of its addresses."""

    def __init__(self, port: int) -> None:
        """One that is honest until a test changes it."""
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, auto_kid=True)
        self.calls: Counter[str] = Counter()
        self.form: dict[str, list[str]] = {}  # what was sent last to the token endpoint
        self.answers: dict[str, Answer] = {}
        self.forge: Callable[[Claims], str] = self.signed
        self.describe()
        self.serve_keys([self.key.as_dict(private=False)])
        self._nonce = ""

    def agreed(self) -> Provider:
        """It as our settings have it."""
        return Provider(name=NAME, issuer=self.issuer, client_id="cloison", client_secret="x", amr=(("mfa",),))

    def describe(self, **changes: object) -> None:
        """Change what it says of itself."""
        of_itself = {
            "issuer": self.issuer,
            "authorization_endpoint": self.issuer + "/auth",
            "token_endpoint": self.issuer + TOKEN,
            "jwks_uri": self.issuer + KEYS,
        }
        self.answers[DESCRIPTION] = Answer([json.dumps(of_itself | changes).encode()])

    def serve_keys(self, keys: Sequence[object]) -> None:
        """Change its key set."""
        self.answers[KEYS] = Answer([json.dumps({"keys": keys}).encode()])

    def signed(self, claims: Claims, **header: object) -> str:
        """A token as an honest provider makes it."""
        return encode({"alg": "RS256", "kid": self.key.kid, **header}, claims, self.key)

    def token(self) -> Answer:
        """A token endpoint's answer for the sign-in that is under way, forged as the test says."""
        now = int(time.time())
        claims: Claims = {
            "iss": self.issuer,
            "sub": "victim",
            "aud": "cloison",
            "iat": now,
            "exp": now + 300,
            "nonce": self._nonce,
            "amr": ["mfa"],
        }
        return Answer([json.dumps({"id_token": self.forge(claims)}).encode()])

    async def come_back(self, client: OidcClient) -> Callback:
        """Begin a sign-in and answer it at once, with a code."""
        asked = parse_qs(urlsplit(await client.begin(Ask(redirect_uri=redirect_uri(NAME)), BINDING)).query)
        self._nonce = asked["nonce"][0]
        return Callback(provider=NAME, state=asked["state"][0], code="a code")


@contextmanager
def hostile_provider() -> Iterator[Hostile]:
    """The attacker's provider, running."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    hostile = Hostile(server.server_address[1])
    server.RequestHandlerClass = _handler(hostile)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hostile
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hostile: Hostile) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hostile.calls[self.path] += 1
            self._send(hostile.answers.get(self.path, Answer([], status=404)))

        def do_POST(self) -> None:
            hostile.form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            hostile.calls[self.path] += 1
            self._send(hostile.answers.get(self.path) or hostile.token())

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for header in answer.headers:
                self.send_header(*header)
            self.end_headers()
            try:
                for piece in answer.body:
                    time.sleep(answer.pause_seconds)
                    self.wfile.write(piece)
                    self.wfile.flush()
            except OSError:
                pass  # the client hung up, as it should

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
