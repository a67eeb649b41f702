"""How PostgreSQL's programs run: never as root, which PostgreSQL refuses, and with nothing to gain by trying.

The rules, in order:

1. Whoever is not root runs them as themselves.
2. Root runs them in a user namespace in which uid 0 bears an unprivileged account's number. They hold no
   capability, files stay root's own, and no mode is widened: the home may lie inside folders of mode 0700.
3. Where namespaces are forbidden (many containers), root runs them as the system user `cloison-db`, provided
   that it can reach the home; root then gives it the database's folder.
4. Else it is refused, with the advice to run as somebody else.

Left out on purpose: behind the namespace the kernel still sees root's uid, so its files stay readable to
a PostgreSQL superuser. `SECURITY.md` says to run a real register as a user of its own.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import IO, Any

import msgspec

from cloison.errors import EmbeddedDatabaseError

SYSTEM_USER = "cloison-db"
PROBE_SECONDS = 10


class Runner(msgspec.Struct, frozen=True):
    """One way to run programs: words put before each command, and the account to become first, if another."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(self, command: list[str], *, timeout: float, text: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run `command` to its end, its standard error joined to its output.

        Args:
            command: the program and its arguments; no shell reads them.
            timeout: seconds until TimeoutExpired.
            text: what it reads on its standard input.
        """
        return subprocess.run(
            [*self.prefix, *command],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            **self._circumstances(),
        )

    def launch(self, command: list[str], log: IO[bytes], held: int, *, timeout: float) -> None:
        """Run `command`, which leaves processes behind: they print to `log` and keep `held` open.

        Its exit code says less than whether they live; raises TimeoutExpired after `timeout` seconds.
        """
        subprocess.run(
            [*self.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(held,),
            timeout=timeout,
            check=False,
            **self._circumstances(),
        )

    def _circumstances(self) -> dict[str, Any]:
        """What all programs are run with: subprocess's arguments."""
        return {
            "cwd": "/",  # the caller's folder may be closed to the account
            "env": _environment(),
            "user": self.uid,
            "group": self.gid,
            "extra_groups": None if self.gid is None else [],
            "umask": 0o077,
        }

    def write(self, path: Path, text: str) -> None:
        """Write a file (0600 if new) as the account itself, so that no link it planted misleads root."""
        done = self.run(["tee", "--", str(path)], timeout=PROBE_SECONDS, text=text)
        if done.returncode:
            raise EmbeddedDatabaseError(reason=f"{path} cannot be written: the disk is full, or it is not yours")

    def can(self, test: str, path: Path) -> bool:
        """Whether `test -x path` or the like holds for these programs; False where they cannot even run."""
        try:
            return self.run(["test", test, str(path)], timeout=PROBE_SECONDS).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False

    def reaches(self, program: Path, folder: Path) -> bool:
        """Whether these programs may run `program` and pass through `folder`."""
        return self.can("-x", program) and self.can("-x", folder)


def choose_runner(program: Path, database: Path) -> Runner:
    """The first way above that works here; raises EmbeddedDatabaseError where none does.

    Args:
        program: one of PostgreSQL's programs.
        database: the folder that will hold the database; it need not exist, its parent must.
    """
    if os.geteuid() != 0:
        return Runner()
    # A database that belongs to another account stays with it.
    if database.exists() and (owner := database.stat().st_uid) != 0:
        return as_account(_account_of(owner))
    namespace = in_namespace()
    if namespace and namespace.reaches(program, database.parent):
        return namespace
    # The account is only added to the machine where it will be of use: any unprivileged one shows that.
    if as_account(_account(SYSTEM_USER) or _unprivileged_account()).reaches(program, database.parent):
        return as_account(_system_user())
    raise EmbeddedDatabaseError(
        reason="PostgreSQL does not run as root, user namespaces are not allowed here, and the user "
        f"{SYSTEM_USER} could not reach {database.parent} and {program.parent}; run this as an unprivileged user"
    )


def in_namespace() -> Runner | None:
    """Programs in a user namespace of their own; None where the tools for it are missing."""
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if not unshare or not setpriv:
        return None
    account = _unprivileged_account()
    # Leaving root's number on exec empties the capabilities; no-new-privs keeps set-uid programs from
    # refilling them, which makes the bounding set moot. Nothing is dropped before: some systems allow unshare
    # only to privileged callers. unshare itself denies setgroups where it maps a group.
    words = (setpriv, "--no-new-privs", unshare, "--user")
    return Runner((*words, f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}", "--"))


def as_account(account: pwd.struct_passwd) -> Runner:
    """Programs as another account of this machine."""
    setpriv = shutil.which("setpriv")
    prefix = (setpriv, "--no-new-privs") if setpriv else ()
    return Runner(prefix, account.pw_uid, account.pw_gid)


def _account_of(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        raise EmbeddedDatabaseError(reason=f"it belongs to user {uid}, whom this machine does not know") from error


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _unprivileged_account() -> pwd.struct_passwd:
    """`nobody`, or else anyone who is not root: PostgreSQL looks its own name up in the list of accounts."""
    return _account("nobody") or max(pwd.getpwall(), key=lambda account: account.pw_uid)


def _system_user() -> pwd.struct_passwd:
    if _account(SYSTEM_USER) is None:
        _add_system_user()
    account = _account(SYSTEM_USER)
    if account is None:
        raise EmbeddedDatabaseError(
            reason=f"PostgreSQL does not run as root, and the user {SYSTEM_USER} cannot be created; "
            "run this as an unprivileged user"
        )
    return account


def _add_system_user() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)


def _environment() -> dict[str, str]:
    """Nothing of the caller's: neither its secrets, nor PGOPTIONS and the like, which change settings."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
