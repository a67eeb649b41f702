"""Joiners and leavers as a directory tells them: SCIM 2.0 (RFC 7643, 7644), as much of it as accounts have. No I/O.

A user is an account of the directory's organisation; `id` is the account's number, `userName` its handle, `externalId`
whose it is. Role, agency and segment are an extension. No name, address or password is taken: what else a directory
sends is left where it is. The rules:

  1. a user that is created is an act, which two officers sign: it is there at once, as `waiting`, and not active;
  2. a role that is changed is an act too; the role stays until it is signed;
  3. not active, or deleted, is closed at once and for good: the user is not there any more, and the handle is not used
     again;
  4. nothing that a directory says makes anybody active; everything else of an account stays as it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field, ValidationError
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    ETag,
    Extension,
    Filter,
    InvalidFilterException,
    InvalidSyntaxException,
    InvalidValueException,
    ListResponse,
    Meta,
    Mutability,
    MutabilityException,
    Patch,
    PatchOp,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    ScimFilter,
    ScimPolicy,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.path import CompareOperator, Comparison

MOST = 200
LENIENT = ScimPolicy(unknown=ScimPolicy.Unknown.ignore)  # rule: what is not kept is not refused
FILTERS = {"username": "handle", "externalid": "holder", "id": "account"}
OPEN = "open"

Word = Annotated[str | None, Required.true, Field(max_length=64)]
FixedWord = Annotated[str | None, Required.true, Mutability.immutable, Field(max_length=64)]


class Account(Extension):
    """What an account is besides its handle."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:cloison:1.0:User")

    role: Word = None
    agency: FixedWord = None
    segment: FixedWord = None
    state: Annotated[str | None, Mutability.read_only] = None


class User(Resource[Account]):
    """An account as SCIM has it: of the standard's attributes those that we keep."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true, Mutability.immutable, Field(max_length=64)] = (
        None
    )
    active: bool | None = None


class Row(NamedTuple):
    """An account, or an act that asks for one; `state` as `account_state_v1` has it, or `waiting`."""

    account: UUID
    handle: str
    segment: str
    agency: str
    role: str
    holder: str
    state: str
    since: datetime


class Wanted(NamedTuple):
    """A filter: at most one of them is given."""

    account: UUID | None = None
    handle: str | None = None
    holder: str | None = None


class Wish(NamedTuple):
    """What a change comes to: the account is closed, or gets another role, or stays as it is."""

    close: bool = False
    role: str | None = None


def user_of(row: Row, base: str) -> User:
    """The user that a row is; `base` is the address of the service."""
    user = User(
        id=str(row.account),
        external_id=row.holder,
        user_name=row.handle,
        active=row.state == OPEN,
        meta=Meta(resource_type="User", location=f"{base}/Users/{row.account}"),
    )
    user[Account] = Account(role=row.role, agency=row.agency, segment=row.segment, state=row.state)
    return user


def new_user(body: bytes) -> Mapping[str, str]:
    """Rule 1: the details of the act that a new user is; raises InvalidSyntaxException, InvalidValueException."""
    user = _read(User, body, Context.RESOURCE_CREATION_REQUEST)
    account = user[Account]
    if user.active is False:
        raise InvalidValueException(detail="an account that is not to be active is not created")
    if account is None or not (account.role and account.agency and account.segment and user.user_name):
        raise InvalidValueException(detail=f"role, agency and segment are needed, under {Account.__schema__}")
    return {
        "handle": user.user_name,
        "holder": user.external_id or user.user_name,
        "role": account.role,
        "agency": account.agency,
        "segment": account.segment,
    }


def patched(row: Row, body: bytes, base: str) -> Wish:
    """What a PATCH comes to; raises SCIMException for what cannot be changed."""
    before = _neutral(row, base)
    after = before.model_copy(deep=True)
    with LENIENT:
        _read(PatchOp[User], body, Context.RESOURCE_PATCH_REQUEST).patch(after)
    return _wish(row, before, after)


def replaced(row: Row, body: bytes, base: str) -> Wish:
    """What a PUT comes to; raises as `patched` does."""
    before = _neutral(row, base)
    after = _read(User, body, Context.RESOURCE_REPLACEMENT_REQUEST)
    after.replace(before)
    return _wish(row, before, after)


def filtered(text: str | None) -> Wanted:
    """The filters that a directory needs: userName, externalId or id, `eq`; raises InvalidFilterException."""
    if text is None:
        return Wanted()
    node = ScimFilter[User](text).ast
    field = FILTERS.get(node.attr_path.attr.lower()) if isinstance(node, Comparison) else None
    if (
        not isinstance(node, Comparison)
        or field is None
        or node.op is not CompareOperator.eq
        or not isinstance(node.value, str)
    ):
        raise InvalidFilterException(detail="a filter is userName, externalId or id, eq, and a text")
    if field == "account":
        return Wanted(account=number(node.value) or UUID(int=0))
    return Wanted(handle=node.value) if field == "handle" else Wanted(holder=node.value)


def chosen(attributes: str | None, excluded: str | None) -> ResponseParameters[User]:
    """Which attributes are wanted, or not; raises InvalidValueException."""
    said = {"attributes": attributes, "excludedAttributes": excluded}
    try:
        return ResponseParameters[User].model_validate({name: value for name, value in said.items() if value})
    except ValidationError:
        raise InvalidValueException(detail="attributes, or excludedAttributes, are names parted by commas") from None


def number(text: str) -> UUID | None:
    """An id; None for what can be nobody's."""
    try:
        return UUID(text)
    except ValueError:
        return None


Listed = User | ResourceType | Schema


def listed(kind: type[Listed], found: Sequence[Listed], total: int, start: int = 1) -> Any:  # noqa: ANN401 - of the kind
    """A page of resources of one kind."""
    made: Any = ListResponse
    return made[kind](total_results=total, start_index=start, items_per_page=len(found), resources=list(found))


def service(base: str) -> ServiceProviderConfig:
    """What of the standard there is."""
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=False),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type("oauthbearertoken"),
                name="OAuth 2.0, private_key_jwt and DPoP",
                description="A token of ten minutes for the scope scim, bound to the key that requests are proved with",
                primary=True,
            )
        ],
        meta=Meta(resource_type="ServiceProviderConfig", location=f"{base}/ServiceProviderConfig"),
    )


def resource_types(base: str) -> list[ResourceType]:
    """The one that there is."""
    found = ResourceType.from_resource(User)
    found.meta = Meta(resource_type="ResourceType", location=f"{base}/ResourceTypes/{found.id}")
    return [found]


def schemas(base: str) -> list[Schema]:
    """Of users and of their extension."""
    found = [User.to_schema(), Account.to_schema()]
    for schema in found:
        schema.meta = Meta(resource_type="Schema", location=f"{base}/Schemas/{schema.id}")
    return found


def _read(kind: Any, body: bytes, context: Context) -> Any:  # noqa: ANN401 - of the kind given
    """A body of this kind; what is wrong is told by its place, as its value may be somebody's name."""
    try:
        return kind.model_validate_json(body, scim_ctx=context, scim_policy=LENIENT)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
        if first["type"] == "json_invalid":
            raise InvalidSyntaxException(detail="this is no JSON") from None
        if "mutability" in first["type"].lower():
            raise MutabilityException(detail=f"{place or 'this'} cannot be changed") from None
        raise InvalidValueException(detail=f"{place or 'this'} is missing, or is not what it should be") from None


def _neutral(row: Row, base: str) -> User:
    """The user as it is, without a word on whether it is active: so what is said of that was said by the directory."""
    user = user_of(row, base)
    user.active = None
    return user


def _wish(row: Row, before: User, after: User) -> Wish:
    was, is_now = before[Account], after[Account]
    if after.active is False:
        return Wish(close=True)
    if after.active is True and row.state != OPEN:
        raise MutabilityException(detail="two officers make somebody active, at the sign-in door")
    if after.external_id != before.external_id or after.user_name != before.user_name:
        raise MutabilityException(detail="whose an account is, and its handle, stay; close it and ask for another one")
    if is_now is None or was is None or (is_now.agency, is_now.segment) != (was.agency, was.segment):
        raise MutabilityException(detail="an account's agency and segment stay; close it and ask for another one")
    return Wish(role=None if is_now.role == was.role else is_now.role)
