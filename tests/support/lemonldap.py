"""LemonLDAP::NG for tests, which French administrations run: Debian's package, with a home of the test's own.

It answers without `iss` and knows a person by a level alone, where panva's sends `iss` and methods. Its demonstration
users have their name as password. `make install` brings it as root; where it is missing the test fails.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from support.beside import free_port
from support.oidc_provider import CLIENT, redirect_uri

START_SECONDS = 30.0
PLAIN_SECRET = "fictional0123"  # it does not undo the encoding that the standard gives to other characters
LEVEL = "loa-1"  # what its demonstration users reach
MISSING = "LemonLDAP::NG is missing: run `make install` as root, or `apt-get install liblemonldap-ng-portal-perl`"
PORTAL = """
use Lemonldap::NG::Portal::Main;
Lemonldap::NG::Portal::Main->run({});
"""
SETTINGS = """
[all]
logger = Lemonldap::NG::Common::Logger::Std
logLevel = error
[configuration]
type = File
dirName = {folder}
[portal]
templateDir = /usr/share/lemonldap-ng/portal/templates
"""


@contextmanager
def lemonldap(folder: Path, name: str) -> Iterator[str]:
    """A running LemonLDAP::NG that knows us; its issuer."""
    plackup = which("plackup") or pytest.fail(MISSING)
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    (folder / "portal.psgi").write_text(PORTAL)
    (folder / "lemonldap-ng.ini").write_text(SETTINGS.format(folder=folder))
    (folder / "lmConf-1.json").write_text(json.dumps(_configuration(issuer, folder, redirect_uri(name))))
    environment = {"PATH": os.environ["PATH"], "LLNG_DEFAULTCONFFILE": str(folder / "lemonldap-ng.ini")}
    command = [plackup, "-s", "HTTP::Server::PSGI", "--host", "127.0.0.1", "--port", str(port), "portal.psgi"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait(process, issuer, folder / "log")
        yield issuer
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], issuer: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration").status_code == httpx.codes.OK:
                return
            break  # it answers an error for ever where it could not read its settings
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"{MISSING}; it said: {log.read_text()[-2_000:]}")


def _configuration(issuer: str, folder: Path, uri: str) -> dict[str, object]:
    kept = {"Directory": str(folder), "LockDirectory": str(folder)}
    key = generate_private_key(65_537, 2_048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    client = {
        "ClientID": CLIENT,
        "ClientSecret": PLAIN_SECRET,
        "IDTokenSignAlg": "RS256",
        "RedirectUris": uri,
        "BypassConsent": 1,
        "RequirePKCE": 1,
        "UserIDAttr": "uid",
        "IDTokenExpiration": 300,
    }
    service = {
        "MetaDataIssuer": issuer,
        "MetaDataAuthnContext": {LEVEL: 1, "loa-2": 2},
        "AllowAuthorizationCodeFlow": 1,
        "PrivateKeySig": private.decode(),
        "PublicKeySig": public.decode(),
        "KeyIdSig": "key-1",
        "AuthorizationCodeExpiration": 60,
        "IDTokenExpiration": 300,
    }
    addresses = {"Authorize": "authorize", "Token": "token", "JWKS": "jwks", "UserInfo": "userinfo"}
    return {
        "cfgNum": 1,
        "cfgDate": 1,
        "key": "fictional",
        "domain": "localhost",
        "cookieName": "lemonldap",
        "portal": issuer + "/",
        "authentication": "Demo",
        "userDB": "Same",
        "requireToken": 0,
        "locationRules": {"127.0.0.1": {"default": "accept"}},
        "exportedHeaders": {},
        "whatToTrace": "_whatToTrace",
        "macros": {"_whatToTrace": "$_user"},
        "globalStorage": "Apache::Session::File",
        "globalStorageOptions": kept,
        "persistentStorage": "Apache::Session::File",
        "persistentStorageOptions": kept,
        "issuerDBOpenIDConnectActivation": 1,
        "issuerDBOpenIDConnectPath": "^/oauth2/",
        "issuerDBOpenIDConnectRule": 1,
        "oidcRPMetaDataOptions": {"us": {f"oidcRPMetaDataOptions{name}": value for name, value in client.items()}},
        "oidcRPMetaDataExportedVars": {"us": {}},
        **{f"oidcService{name}": value for name, value in service.items()},
        **{f"oidcServiceMetaData{name}URI": value for name, value in addresses.items()},
    }


def sign_in(url: str, user: str) -> str:
    """Sign in there as a demonstration user; the address that the browser is sent back to."""
    with httpx.Client(trust_env=False, headers={"Accept": "text/html"}, timeout=START_SECONDS) as browser:
        browser.get(url)
        return browser.post(url, data={"user": user, "password": user}).headers["location"]
