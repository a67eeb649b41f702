"""Every refusal of Cloison, one class each.

The rules:

1. An error's docstring *is* its message: what is wrong, then what to do. Fields in braces are filled by keyword.
2. `code` is stable: scripts and clients rely on it. `status` is what the HTTP answer carries.
3. No message holds personal data or a secret, so no field in braces is ever filled with a value of a record.
4. `web/problems.py` is the one place that turns an error into an HTTP answer; `cli/` the one that prints it.
"""

from typing import ClassVar


class CloisonError(Exception):
    """Something went wrong inside Cloison; the log of the process says what."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, **fields: object) -> None:
        """Fill the docstring's braces with `fields`; raises KeyError where one is missing."""
        self.fields = fields
        template = " ".join((type(self).__doc__ or "").split())
        self.template = template
        super().__init__(template.format(**fields))


# -- the caller's input -------------------------------------------------------------------------------------------


class BadRequestError(CloisonError):
    """The request cannot be read: {reason}. Correct it and send it again."""

    code = "bad_request"
    status = 400


class MalformedRequestError(BadRequestError):
    """The request is not what this address takes, at {path}: see /openapi.json, correct it and send it again."""

    code = "malformed_request"


class UnknownParameterError(BadRequestError):
    """The address has a parameter that it does not take; those it takes are [{known}]. Leave the others out."""

    code = "unknown_parameter"


class DateFormError(BadRequestError):
    """The date {field} cannot be read: give a day of the calendar as YYYY-MM-DD, such as 1985-07-14."""

    code = "date_form"


class NotFoundError(CloisonError):
    """There is nothing at this address; /openapi.json lists what there is."""

    code = "not_found"
    status = 404


class MethodNotAllowedError(CloisonError):
    """This address does not take this method; /openapi.json lists what it takes."""

    code = "method_not_allowed"
    status = 405


class SlowRequestError(CloisonError):
    """The request did not arrive within {seconds} seconds; send it again."""

    code = "slow_request"
    status = 408


class TooLargeError(CloisonError):
    """The request is larger than {limit}; send it in parts."""

    code = "too_large"
    status = 413


class UnknownSearchError(CloisonError):
    """This search is not offered: give one of {offered}."""

    code = "unknown_search"
    status = 400


class NoSessionError(CloisonError):
    """No valid session: it is missing, expired or ended. Sign in again."""

    code = "no_session"
    status = 401


class InvalidFieldsError(CloisonError):
    """The record would not be valid ({faults}); nothing was changed. Correct these fields and send it again."""

    code = "invalid_fields"
    status = 422


class ActRefusedError(CloisonError):
    """The act {act} does not apply to this person as they are registered now; open the record and look."""

    code = "act_refused"
    status = 409


class MergeRefusedError(CloisonError):
    """These two records cannot be merged: {reason}. Correct what is wrong in one of them first."""

    code = "merge_refused"
    status = 409


class RepresentativeRefusedError(CloisonError):
    """This representative cannot be set: {reason}."""

    code = "representative_refused"
    status = 409


class DoorUnavailableError(CloisonError):
    """The door that changes records does not answer ({reason}); records can be opened meanwhile. Try again later."""

    code = "door_unavailable"
    status = 503


class NoFeedError(CloisonError):
    """No valid service token: it is missing, wrong, or its source was closed. Ask the operator for a new one."""

    code = "no_feed"
    status = 401


class NoMailError(CloisonError):
    """No code can be sent by {channel}: it is not set up. The operator sets it under [mail] in cloison.toml."""

    code = "no_mail"
    status = 503


class MailFailedError(CloisonError):
    """The mail server did not take the message; nothing arrived. Try again in {retry_after_seconds} seconds."""

    code = "mail_failed"
    status = 503


class SecondPersonError(CloisonError):
    """This takes two people: whoever asked cannot confirm it. Another account must ask for the same within a day."""

    code = "second_person"
    status = 409


class OverloadedError(CloisonError):
    """Too many requests are waiting; try again in {retry_after_seconds} seconds."""

    code = "overloaded"
    status = 503


class DeskUnavailableError(CloisonError):
    """The desk does not answer ({reason}). Check its address, or try again later."""

    code = "desk_unavailable"
    status = 503


# -- set-up and operation -----------------------------------------------------------------------------------------


class ConfigError(CloisonError):
    """The configuration cannot be used: {reason}."""

    code = "config"


class ProfileError(CloisonError):
    """The profile cannot be used: {reason}."""

    code = "profile"


class SystemRefusedError(CloisonError):
    """The system refused what was asked ({reason}). Put it right and run the command again."""

    code = "system_refused"


class DatabaseUnavailableError(CloisonError):
    """PostgreSQL does not answer ({reason}). Run `cloison doctor`; nothing was opened in the meantime."""

    code = "database_unavailable"
    status = 503


class DatabaseRefusedError(CloisonError):
    """PostgreSQL refused what was asked ({reason}). Run `cloison doctor`."""

    code = "database_refused"
    status = 500


class RegisterLoadingError(CloisonError):
    """The register is being filled: searches begin when its first import ends. If none runs, import the file again."""

    code = "register_loading"
    status = 503


class EmbeddedDatabaseError(CloisonError):
    """The embedded PostgreSQL cannot be used: {reason}."""

    code = "embedded_database"


class SchemaError(CloisonError):
    """The database's schema is not the one this version needs: {reason}. Run `cloison init`."""

    code = "schema"


class UnknownAccountError(CloisonError):
    """There is no account {account}; `cloison accounts list` shows them."""

    code = "unknown_account"
    status = 404


class UnknownOrganisationError(CloisonError):
    """There is no organisation {organisation}; `cloison organisations list` shows them."""

    code = "unknown_organisation"
    status = 404


class AgreementError(CloisonError):
    """The agreement with {organisation} does not allow this: {reason}. See `cloison organisations show`."""

    code = "agreement"
    status = 409


class UnknownFeedError(CloisonError):
    """There is no open source {feed}; `cloison feeds list` shows them."""

    code = "unknown_feed"
    status = 404


class ImportFileError(CloisonError):
    """The file cannot be imported: {reason}."""

    code = "import_file"
    status = 400


class ImportStoppedError(CloisonError):
    """The import was stopped. Run it again when you like: who is in is known, and nobody is there twice."""

    code = "import_stopped"


# -- the keeper and sealing ---------------------------------------------------------------------------------------


class KeeperUnavailableError(CloisonError):
    """The keeper does not answer ({reason}); records stay sealed. Start it, or run `cloison doctor`."""

    code = "keeper_unavailable"
    status = 503


class KeeperRefusedError(CloisonError):
    """The keeper refused this caller or request: {reason}."""

    code = "keeper_refused"
    status = 503


class PassphraseError(CloisonError):
    """The passphrase does not open the root key. Check CLOISON_PASSPHRASE_FILE."""

    code = "passphrase"


class ForgedTicketError(CloisonError):
    """The ticket was not made by the meter for this session. The attempt is recorded."""

    code = "forged_ticket"
    status = 403


class ReusedTicketError(CloisonError):
    """The ticket was used before. Ask for the record again."""

    code = "reused_ticket"
    status = 403


class StaleTicketError(CloisonError):
    """The ticket is too old, or the clocks differ. Ask for the record again."""

    code = "stale_ticket"
    status = 403


class KeeperCeilingError(CloisonError):
    """The keeper's own ceiling ({ceiling}) is reached; try again in {retry_after_seconds} seconds."""

    code = "keeper_ceiling"
    status = 429


class MissingKeyError(CloisonError):
    """The key of this record does not exist or was destroyed; the record cannot be read any more."""

    code = "missing_key"
    status = 410


class StaleVersionError(CloisonError):
    """The sealed row is not the newest version of its record: it was put back or damaged. Tell the operator."""

    code = "stale_version"
    status = 500


class TamperedRowError(CloisonError):
    """The sealed row does not belong here or was changed: it cannot be opened. Tell the operator."""

    code = "tampered_row"
    status = 500


# -- errors from elsewhere ----------------------------------------------------------------------------------------


def received(code: str, detail: str, **fields: object) -> CloisonError:
    """The error that another process described; plain `CloisonError` where this version does not know the code."""
    kind = next((known for known in _all_of(CloisonError) if known.code == code), CloisonError)
    error = kind.__new__(kind)
    error.fields = fields
    error.template = detail
    Exception.__init__(error, detail)
    return error


def _all_of(kind: type[CloisonError]) -> list[type[CloisonError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _all_of(child))]
