"""How requests are read: strictly, within a size and a time, by the words of the profile.

A body is decoded once, straight into the type that its handler asks for: a number is no text, an unknown name is an
error. The content type is not looked at; what is no JSON is refused as such.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import GenericAlias, NoneType
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

import msgspec
from litestar import Request
from msgspec import UNSET, Meta, UnsetType

from cloison.client import changes
from cloison.client.wire import (
    INTERACTIONS_A_CALL,
    Fact,
    OpenRequests,
    PersonRequest,
    SearchRequest,
    ToldInteraction,
    ToldInteractions,
)
from cloison.errors import SlowRequestError
from cloison.register.profile import FieldType, Profile
from cloison.web.problems import malformed

# A body that is not there by then is held back on purpose, or the line is broken. Less than the 10 seconds which a desk
# that is told to stop has for the requests under way.
BODY_SECONDS = 5
DAY = Meta(description="A day: 1985-07-14")

Body = TypeVar("Body", bound=msgspec.Struct)


class DeskRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded into the type of its handler's parameter `data`."""

    async def body(self) -> bytes:
        """The body; raises SlowRequestError if it does not arrive in time."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await super().body()
        except TimeoutError as error:
            raise SlowRequestError(seconds=BODY_SECONDS) from error

    async def json(self) -> Any:  # noqa: ANN401 - the type depends on the handler
        """The decoded body; raises MalformedRequestError, which says where it is wrong."""
        wanted = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        try:
            return _decoder(wanted).decode(await self.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(error, _names(wanted)) from None


def search_request(profile: Profile) -> type[SearchRequest]:
    """The body of a search: the profile's purposes, and every fact that one of its searches takes."""
    facts = dict.fromkeys(name for search in profile.searches for name in (search.name, *search.fields))
    fields = {"purpose": _one_of(profile.purposes), **{name: _told(profile, name, Fact) | None for name in facts}}
    return _narrowed(SearchRequest, fields)


def open_requests(profile: Profile) -> type[OpenRequests]:
    """The body of an opening: the profile's compartments and purposes."""
    compartments = _list_of(_one_of(profile.compartments), Meta(min_length=1, max_length=len(profile.compartments)))
    person = _narrowed(PersonRequest, {"compartments": compartments, "purpose": _one_of(profile.purposes)})
    return _narrowed(OpenRequests, {"requests": _list_of(person, Meta(min_length=1))})


def change_requests(profile: Profile) -> dict[str, type[msgspec.Struct]]:
    """The bodies of changes, by name: the profile's purposes and fields."""
    purpose = {"purpose": _one_of(profile.purposes)}
    values = {name: _told(profile, name, changes.Value) for name in profile.fields}
    whole = _narrowed(changes.NewFields, {name: kind | UnsetType for name, kind in values.items()})
    some = _narrowed(changes.ChangedFields, {name: kind | None | UnsetType for name, kind in values.items()})
    bodies: list[type[msgspec.Struct]] = [
        _narrowed(changes.CreateRequest, {**purpose, "fields": whole}),
        _narrowed(changes.ChangeRequest, {**purpose, "fields": some}),
        *(
            _narrowed(base, purpose)
            for base in (
                changes.DayRequest,
                changes.ResumeRequest,
                changes.MergeRequest,
                changes.SplitRequest,
                changes.RepresentativeRequest,
            )
        ),
    ]
    return {body.__name__: body for body in bodies}


def told_interactions(profile: Profile) -> type[ToldInteractions]:
    """The body of what a source tells: the profile's locators, of which each interaction has one."""
    told = _narrowed(ToldInteraction, dict.fromkeys(profile.locators, Fact | None))
    most = Meta(min_length=1, max_length=INTERACTIONS_A_CALL)
    return _narrowed(ToldInteractions, {"interactions": _list_of(told, most)})


def _narrowed(base: type[Body], fields: Mapping[str, Any]) -> type[Body]:
    """`base` with these fields, of these types; what may be None, or unset, is optional."""
    made = msgspec.defstruct(
        base.__name__,
        [_optional(name, kind) for name, kind in fields.items()],
        bases=(base,),
        module=__name__,
        namespace={"__doc__": base.__doc__},
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return cast("type[Body]", made)


def _optional(name: str, kind: Any) -> tuple[str, Any] | tuple[str, Any, Any]:  # noqa: ANN401 - as below
    if UnsetType in get_args(kind):
        return (name, kind, UNSET)
    return (name, kind, None) if NoneType in get_args(kind) else (name, kind)


def _told(profile: Profile, name: str, kind: Any) -> Any:  # noqa: ANN401 - as below
    """`kind`, the document saying of a date how it is written."""
    field = profile.fields.get(name)
    return Annotated[kind, DAY] if field is not None and field.type is FieldType.DATE else kind


def _one_of(words: Sequence[str]) -> Any:  # noqa: ANN401 - a type made at run time is none to the checker
    """The type of text that is one of `words`."""
    return Literal[tuple(words)]


def _list_of(kind: Any, meta: Meta) -> Any:  # noqa: ANN401 - as above
    """The type of a list of `kind`, within the limits of `meta`."""
    return Annotated[GenericAlias(list, (kind,)), meta]


@lru_cache
def _decoder(wanted: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)


@lru_cache
def _names(wanted: type) -> frozenset[str]:
    """The names that a path in a body of this type can have."""
    _, components = msgspec.json.schema_components([wanted])
    return frozenset(name for schema in components.values() for name in schema.get("properties", {}))
