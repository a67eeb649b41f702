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


class ProofError(CloisonError):
    """The proof that this request comes from the session's device cannot be used: {reason}. Sign in on this device."""

    code = "proof"
    status = 401


class ProofNonceError(CloisonError):
    """The device's proof lacks a nonce given lately. Send the request again with a new proof that holds {nonce}."""

    code = "proof_nonce"
    status = 401


class CeremonyError(CloisonError):
    """This sign-in, code or draft is too old, was used, or is not of this door. Begin again."""

    code = "ceremony"
    status = 403


class AccountRefusedError(CloisonError):
    """The account cannot be used: {reason}. Its organisation's manager, or an officer of the service, knows why."""

    code = "account_refused"
    status = 403


class StepUpError(CloisonError):
    """This needs a touch of your passkey within the last five minutes. Touch it, and ask again."""

    code = "step_up"
    status = 403


class ActScopeError(CloisonError):
    """You may not ask for this act, or sign it: your role, your organisation, or an earlier signature forbids it."""

    code = "act_scope"
    status = 403


class ActImpossibleError(CloisonError):
    """The act cannot be done: {reason}. Nothing was signed."""

    code = "act_impossible"
    status = 409


class NotLinkedError(CloisonError):
    """This identity belongs to no account here. Redeem an invitation with it first; an officer can have you invited."""

    code = "not_linked"
    status = 403


class InvitationError(CloisonError):
    """The code invites nobody: it is wrong, too old, or was redeemed. Ask whoever handed it over for a new one."""

    code = "invitation"
    status = 403


class WeakPasswordError(CloisonError):
    """This password is not taken: {reason}. Choose another one; a password manager helps."""

    code = "weak_password"
    status = 422


class NameTakenError(CloisonError):
    """This name for signing in is not free, or not yours. Choose another one, or the one that you sign in with."""

    code = "name_taken"
    status = 409


class SpaceRefusedError(CloisonError):
    """These do not fit together, or ten tries failed before. Use a passkey or a known device, or ask for a new code."""

    code = "space_refused"
    status = 403


class LastWayError(CloisonError):
    """It is the last way to sign in: add another one first."""

    code = "last_way"
    status = 409


class TooManyTriesError(CloisonError):
    """Too many tries came from your network; try again in {retry_after_seconds} seconds, or use a passkey."""

    code = "too_many_tries"
    status = 429


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


class FactorRefusedError(CloisonError):
    """The passkey was refused: {reason}."""

    code = "factor_refused"
    status = 403


class NoFeedError(CloisonError):
    """No valid token of a source: it has expired, or the source was closed. Ask the sign-in door for another one."""

    code = "no_feed"
    status = 401


class NoClientError(CloisonError):
    """No valid token of a system: it has expired, or is for something else. Ask the sign-in door for another one."""

    code = "no_client"
    status = 401


class ClientRefusedError(CloisonError):
    """The system is refused: {reason}. Correct the assertion, or ask the operator whether it is registered."""

    code = "client_refused"
    status = 401


class ClientScopeError(CloisonError):
    """This system may not act for you: it is not one of your organisation's, or not for that. Ask your manager."""

    code = "client_scope"
    status = 403


class GrantRefusedError(CloisonError):
    """What was shown is good no more: it was used, it is too old, or it is not this system's. Begin again."""

    code = "grant_refused"
    status = 400


class UnknownClientError(CloisonError):
    """There is no registered system {client}; `cloison clients list` shows them all."""

    code = "unknown_client"
    status = 404


class MissedChangesError(CloisonError):
    """Some changes behind this cursor are kept no more. Read again what you keep, then begin without a cursor."""

    code = "missed_changes"
    status = 410


class SegmentScopeError(CloisonError):
    """The segment is not one of your organisation's agreement."""

    code = "segment_scope"
    status = 403


class EntryScopeError(CloisonError):
    """This account may not read this of the audit log. Ask somebody whose role has the right to, or for less."""

    code = "entry_scope"
    status = 403


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


class LogScopeError(CloisonError):
    """Your role may not read the audit log. Ask an officer, or the data protection officer, for the proof."""

    code = "log_scope"
    status = 403


class UnwitnessedError(CloisonError):
    """The audit log has no witness, so nothing is opened. Try again in {retry_after_seconds} seconds, or report it."""

    code = "unwitnessed"
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


class UnknownActError(CloisonError):
    """There is no such act, or it waits no more: {act}. `cloison acts list` shows them."""

    code = "unknown_act"
    status = 404


class NoServiceError(CloisonError):
    """Nobody could sign this: the register has no officers. `cloison init` with two --officer admits the first ones."""

    code = "no_service"
    status = 409


class AgreementError(CloisonError):
    """The agreement with {organisation} does not allow this: {reason}. See `cloison organisations show`."""

    code = "agreement"
    status = 409


class UnknownFeedError(CloisonError):
    """There is no open source {feed}; `cloison feeds list` shows them."""

    code = "unknown_feed"
    status = 404


class NoProofError(CloisonError):
    """Nothing of the audit log can be proved so: {reason}."""

    code = "no_proof"


class ForwardError(CloisonError):
    """The audit log cannot be forwarded: {reason}. What is not confirmed is sent again once that is put right."""

    code = "forward"


class ImportFileError(CloisonError):
    """The file cannot be imported: {reason}."""

    code = "import_file"
    status = 400


class ImportStoppedError(CloisonError):
    """The import was stopped. Run it again when you like: who is in is known, and nobody is there twice."""

    code = "import_stopped"


class ExportStoppedError(CloisonError):
    """The export stopped: {reason}. What was written stays; the same command goes on from there."""

    code = "export_stopped"


class ExportFolderError(CloisonError):
    """The folder cannot be exported into: {reason}. Name another one."""

    code = "export_folder"


class PasskeyError(CloisonError):
    """The software passkey cannot answer: {reason}. Software passkeys are for demonstrations, tests and replays."""

    code = "passkey"


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


class ExportUnknownError(CloisonError):
    """The keeper does not know of this export, or it is over. Its executor signs in again; if it stands, that helps."""

    code = "export_unknown"
    status = 403


class ExportCeilingError(CloisonError):
    """The export had as many people at the keeper as were signed for. Two people can sign for another one."""

    code = "export_ceiling"
    status = 403


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


# -- signing in at an identity provider ---------------------------------------------------------------------------


class ProviderUnavailableError(CloisonError):
    """The identity provider {provider} does not answer ({reason}). Try again in a while, or sign in another way."""

    code = "provider_unavailable"
    status = 503


class ProviderRefusedError(CloisonError):
    """The identity provider {provider} refused the sign-in ({reason}). Begin again, or ask whoever runs it."""

    code = "provider_refused"
    status = 403


class ProviderAnswerError(CloisonError):
    """The answer of the identity provider {provider} is not believed ({reason}). Begin again, or tell the operator."""

    code = "provider_answer"
    status = 502


class FactorsNotProvedError(CloisonError):
    """The identity provider {provider} did not prove two factors. Sign in there with a second one, then begin again."""

    code = "factors_not_proved"
    status = 403


class StaleSigninError(CloisonError):
    """This sign-in is over: it took too long, was used before, or began in another browser. Begin again."""

    code = "stale_signin"
    status = 403


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
