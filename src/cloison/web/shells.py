"""Pages: static shells in French and English, and the scripts that fill them. Nothing of a person is in any of them.

What is about somebody a script asks of the JSON API, with the device's proof: whoever fetches a page without a session
has the words of a form. The rules:

1. Pages are rendered when the door starts, once a language; an answer depends on Accept-Language alone.
2. A page runs scripts of its own origin only, none in its text, and no text becomes one (`trusted-types 'none'`).
3. It speaks to its own origin, and to the one address beside it that it names.
4. It sends no form: without its script nothing that was typed gets into an address.
5. Where passkeys have no business the browser is told so: a script in the desk's page cannot ask for a touch.
"""

from collections.abc import Mapping, Sequence
from importlib import resources

import jinja2
import msgspec
from litestar import Response

from cloison.errors import NotFoundError
from cloison.web.bodies import DeskRequest
from cloison.web.language import ENGLISH, TRANSLATED, chosen, translate

ACRONYMS = frozenset({"nir", "dpo"})
SCRIPT_TYPE = "text/javascript"
NOWHERE = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")  # no page of ours wants them
PASSKEYS = ("publickey-credentials-get", "publickey-credentials-create")


class Shells(msgspec.Struct, frozen=True):
    """The rendered pages of one door by name and language, its scripts by name, and the headers of its pages."""

    pages: Mapping[tuple[str, str], bytes]
    scripts: Mapping[str, bytes]
    headers: Mapping[str, str]


def shells(
    pages: Sequence[str], scripts: Sequence[str], values: Mapping[str, object], *, speaks_to: str = "", passkeys: bool
) -> Shells:
    """Render `pages` with `values`; `speaks_to`: an address beside the own origin; `passkeys`: whether they ask any."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cloison.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rendered = {
        (name, language): _rendered(environment, name, language, values)
        for name in pages
        for language in (ENGLISH, *TRANSLATED)
    }
    folder = resources.files("cloison.web") / "static"
    return Shells(rendered, {name: (folder / name).read_bytes() for name in scripts}, _headers(speaks_to, passkeys))


def page(request: DeskRequest, name: str) -> Response[bytes]:
    """The page in the reader's language."""
    found: Shells = request.app.state.shells
    language = chosen(request.headers.get("accept-language"))
    headers = {**found.headers, "Content-Language": language}
    return Response(found.pages[name, language], media_type="text/html", headers=headers)


def script(request: DeskRequest, name: str) -> Response[bytes]:
    """A script of this door; raises NotFoundError."""
    found: Shells = request.app.state.shells
    if name not in found.scripts:
        raise NotFoundError
    return Response(found.scripts[name], media_type=SCRIPT_TYPE)


def spoken(name: str) -> str:
    """A word of the profile as people write it: `follow_up` is "Follow up", `nir` is "NIR"."""
    return name.upper() if name in ACRONYMS else name.replace("_", " ").capitalize()


def _rendered(environment: jinja2.Environment, name: str, language: str, values: Mapping[str, object]) -> bytes:
    def said(text: str) -> str:
        return translate(text, language)

    template = environment.get_template(f"{name}.html")
    return template.render(**values, _=said, spoken=lambda each: said(spoken(each)), language=language).encode()


def _headers(speaks_to: str, passkeys: bool) -> dict[str, str]:  # noqa: FBT001 - as `shells` was told
    allowed = "self" if passkeys else ""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "connect-src": f"'self' {speaks_to}".rstrip(),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": ", ".join(
            [f"{name}=()" for name in NOWHERE] + [f"{name}=({allowed})" for name in PASSKEYS]
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Vary": "Accept-Language",
    }
