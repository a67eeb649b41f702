"""What coming in costs: the check of a request's proof, and a whole sign-in by a passkey, over HTTP."""

import asyncio
import time
from collections.abc import Callable

from cloison.access.accounts import accounts
from cloison.access.proofs import Call, Proofs
from cloison.access.sessions import secret_of
from cloison.bench.load import Sample
from cloison.bench.rounds import Measured, measured
from cloison.bench.stage import Stage
from cloison.client.device import DeviceKey
from cloison.client.signin import SigninClient
from cloison.replay.sessions import give_passkey
from cloison.store.pools import connect

PROOFS = 1_000
SIGN_INS = 20
ORIGIN = "http://127.0.0.1:1"
TOKEN = "59." + "A" * 43
BODY = b'{"requests":[]}' * 10


def proofs(rounds: int) -> Measured:
    """Checks of proofs, each of another device's key as at a desk with many clients; in this process, alone."""
    checks, call = Proofs(ORIGIN), Call("POST", "/v1/people/open", TOKEN, BODY)
    secret_of(TOKEN)
    keys = [DeviceKey() for _ in range(PROOFS // 10)]
    samples = []
    for _ in range(rounds):
        made = [
            key.proof("POST", ORIGIN + call.path, token=TOKEN, body=BODY, nonce=checks.nonce())
            for key in keys
            for _ in range(10)
        ]
        samples.append(_timed(lambda proof: checks.thumbprint(proof, call), made))
    return measured(samples)


def sign_ins(it: Stage, rounds: int) -> Measured:
    """Whole sign-ins of one adviser, one after the other: challenge, touch, code, session; the passkey's part too."""
    origin = it.home.config.signin.public_origin
    with connect(it.home, "owner") as owner:
        passkey = give_passkey(it.home, owner, accounts(owner)[0])

    async def once() -> list[float]:
        taken = []
        async with SigninClient(origin, passkey) as door:
            for _ in range(SIGN_INS):
                began = time.perf_counter()
                await door.sign_in()
                taken.append(time.perf_counter() - began)
        return taken

    samples = [asyncio.run(once()) for _ in range(rounds)]
    return measured([Sample(sum(taken), len(taken), 0, taken) for taken in samples])


def _timed(work: Callable[[str], object], items: list[str]) -> Sample:
    taken = []
    for item in items:
        began = time.perf_counter()
        work(item)
        taken.append(time.perf_counter() - began)
    return Sample(sum(taken), len(taken), 0, taken)
