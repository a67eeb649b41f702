"""Passwords of people for their own space: which are taken, how they are kept, how they are compared. No I/O.

Nobody of the staff has one. A password is never enough: a one-time code of the person's phone comes with it. The rules,
after NIST SP 800-63B (section 3.1.1.2 of its fourth revision) and the CNIL's recommendation 2022-100:

1. NFKC, so that the same password typed on two keyboards is the same; no other change, and spaces count;
2. 12 to 128 characters then; of which kinds nobody asks, and no password expires;
3. none of a list of common passwords (the zxcvbn package's own 30,000, with what French ones are made of);
4. zxcvbn gives 3 of 4 points or more, with what the person told us (their name for signing in, above all) among the
   words that it guesses by. It looks at the first 72 characters: what is strong in its beginning is strong. Without
   these words 8 characters must be left: zxcvbn takes two known words and a dash for strong;
5. kept is argon2id of HMAC(key, login, password). The key is a secret of the space door's, outside the database, so
   that a dump alone can be tried against nothing, and one login's hash is of no use in another's row;
6. where the parameters have changed since, the next sign-in makes the hash anew.

64 MiB and two passes take some 80 to 180 ms of one of two cores; RFC 9106 asks for no less memory. How many are at work
at once is for the door to bound (`throttle.py`).
"""

import hmac
import unicodedata
from collections.abc import Iterable
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from cloison.errors import WeakPasswordError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 128
LEAST_SCORE = 3
LEAST_OF_ITS_OWN = 8
FACT_CHARACTERS = 4  # a shorter word is in any sentence
JUDGED_CHARACTERS = 72  # zxcvbn's time grows with the square of the length
MEMORY_KIB = 65_536
PASSES = 2
LANES = 1  # threads: a second one would take the other core from everybody else
HASH_BYTES = 32
SALT_BYTES = 16
# What French passwords are made of and an English list has not.
FRENCH_WORDS = (
    *("motdepasse", "mot de passe", "azertyuiop", "azerty", "bonjour", "soleil", "chouchou", "doudou", "marseille"),
    *("jetaime", "jetaimetoi", "loulou", "cheval", "chocolat", "toulouse", "bordeaux", "nicolas", "camille", "cloison"),
    *("emploi", "poleemploi", "francetravail", "chomage", "securite", "janvier", "fevrier", "juillet", "septembre"),
)

_hasher = PasswordHasher(PASSES, MEMORY_KIB, LANES, HASH_BYTES, SALT_BYTES, type=Type.ID)


def normal(password: str) -> str:
    """Rule 1."""
    return unicodedata.normalize("NFKC", password)


def refuse_weak(password: str, facts: Iterable[str]) -> None:
    """Raise WeakPasswordError, with the reason, for a password that is not to be taken; `facts`: the person's own."""
    chosen = normal(password)
    if not LEAST_CHARACTERS <= len(chosen) <= MOST_CHARACTERS:  # 2
        raise WeakPasswordError(reason=f"it has not {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters")
    if chosen.casefold() in _common():  # 3
        raise WeakPasswordError(reason="many people use it")
    own = pieces(facts)  # 4
    words = [*own, *FRENCH_WORDS]
    if (
        _without(chosen, own) < LEAST_OF_ITS_OWN
        or zxcvbn(chosen[:JUDGED_CHARACTERS], user_inputs=words)["score"] < LEAST_SCORE
    ):
        raise WeakPasswordError(reason="it would be guessed; take four words or more that have nothing to do with you")


def pieces(facts: Iterable[str]) -> list[str]:
    """The facts and what they are made of: of an address, each of its words."""
    found = dict.fromkeys(fact for fact in facts if fact)
    for fact in list(found):
        words = "".join(letter if letter.isalnum() else " " for letter in fact).split()
        found.update(dict.fromkeys([*words, "".join(words)]))
    return list(found)


def hash_of(key: bytes, login: UUID, password: str) -> str:
    """What is kept of a login's password: rule 5."""
    return _hasher.hash(_keyed(key, login, password))


def verified(key: bytes, login: UUID, password: str, kept: str) -> bool:
    """Whether it is the password of the login whose `kept` is."""
    try:
        return _hasher.verify(kept, _keyed(key, login, password))
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Rule 6: whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def _without(password: str, facts: Iterable[str]) -> int:
    """How many letters and digits the password has besides these facts."""
    rest = password.casefold()
    for fact in sorted(facts, key=len, reverse=True):
        if len(fact) >= FACT_CHARACTERS:
            rest = rest.replace(normal(fact).casefold(), " ")
    return len("".join(rest.split()))


@cache
def _common() -> frozenset[str]:
    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= LEAST_CHARACTERS)


def _keyed(key: bytes, login: UUID, password: str) -> bytes:
    return hmac.digest(key, login.bytes + normal(password).encode("utf-8", "surrogatepass"), "sha256")
