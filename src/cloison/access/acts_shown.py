"""An act in words, for whoever is asked to sign it: what it does, who asks, what it adds to what can be taken. No I/O.

The rules:
  1. Everything that is signed is shown: details that have no place in the sentence follow by their names.
  2. Details are somebody's text, so they cannot play with the page: characters that are not printed, or that turn the
     direction of writing, are shown by their numbers. Nothing is cut short: what matters would stand at the end.
  3. What is added comes as a figure; "not known" is a figure that counts as too large.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC

import msgspec

from cloison.access.acts import REQUIRED, Act, ActKind, Needed

SENTENCES: Mapping[str, Mapping[ActKind, str]] = {
    "en": {
        ActKind.ACCOUNT_CREATE: "Create the account {handle} as {role}, agency {agency}, segment {segment}.",
        ActKind.ACCOUNT_ELEVATE: "Make the account {handle} ({account}) {role}.",
        ActKind.ACCOUNT_RECOVER: "Freeze the passkeys of {handle} ({account}) and let new ones be registered.",
        ActKind.ACCOUNT_UNFREEZE: "Lift the freeze of {handle} ({account}). Reason: {reason}.",
        ActKind.AGREEMENT_MAKE: "Agree on the segments {segments}, the roles {roles} and {accounts} accounts, "
        "until {until}.",
        ActKind.AGREEMENT_END: "End the organisation's agreement: all its accounts stop at once. Reason: {reason}.",
        ActKind.GRANT_BREAK_GLASS: "Let whoever asks open one person whom they have no relation with, "
        "for {hours} hours; it counts against your budget too. Reason: {reason}.",
        ActKind.GRANT_REINSTATE: "Let {handle} ({account}) ask for strangers again, after an emergency that nobody "
        "approved in time. Reason: {reason}.",
        ActKind.GRANT_CAMPAIGN: "Let each account of the agency {agency}, segment {segment}, open {people} more people "
        "of its own caseload a day, for {days} days. Reason: {reason}.",
        ActKind.GRANT_BULK: "Let {handle} ({executor}) export {compartments} of {people} people of the segments "
        "{segments} within {hours} hours, written for the key {recipient}. Purpose: {purpose}. Reason: {reason}.",
        ActKind.GRANT_DISCLOSURE: "Let {handle} ({executor}) disclose {compartments} of the record {person} to "
        "{authority} within {hours} hours, written for the key {recipient}. Legal basis: {legal_basis}. "
        "Reference: {reference}.",
        ActKind.STAFF_IMPORT: "Import the file of {accounts} accounts with the SHA-256 {sha256}.",
        ActKind.FEED_OPEN: "Open the source {name} ({source}): what it writes explains consultations. "
        "SHA-256 of its key: {thumbprint}.",
        ActKind.CLIENT_REGISTER: "Register the system {name} for {uses}. SHA-256 of its key: {thumbprint}.",
        ActKind.PROTECTION_LIFT: "Lift the protection {protection}: ordinary relations reach the person again.",
        ActKind.ACCOUNT_FORGET_HOLDER: "Forget whose record the holder of {handle} ({account}) is: the account may "
        "open it from then on. Reason: {reason}.",
        ActKind.LIMIT_SET: "Set the limit {limit} of relations to {value}.",
        ActKind.INVESTIGATION_ACCOUNT: "Declare an investigation about {handle} ({account}): until {until}, people do "
        "not see what this account did, and are told that some of it may come later. Reason: {reason}.",
        ActKind.INVESTIGATION_PURPOSE: "Declare an investigation about what the organisation does for {purpose}: until "
        "{until}, people do not see it, and are told that some of it may come later. Reason: {reason}.",
        ActKind.ORGANISATION_CREATE: "Create the organisation {name}.",
    },
    "fr": {
        ActKind.ACCOUNT_CREATE: "Créer le compte {handle} comme {role}, agence {agency}, segment {segment}.",
        ActKind.ACCOUNT_ELEVATE: "Donner au compte {handle} ({account}) le rôle {role}.",
        ActKind.ACCOUNT_RECOVER: "Geler les clés d'accès de {handle} ({account}) et en laisser enregistrer "
        "de nouvelles.",
        ActKind.ACCOUNT_UNFREEZE: "Dégeler {handle} ({account}). Motif : {reason}.",
        ActKind.AGREEMENT_MAKE: "Convenir des segments {segments}, des rôles {roles} et de {accounts} comptes, "
        "jusqu'au {until}.",
        ActKind.AGREEMENT_END: "Mettre fin à la convention de l'organisme : tous ses comptes s'arrêtent aussitôt. "
        "Motif : {reason}.",
        ActKind.GRANT_BREAK_GLASS: "Laisser qui le demande ouvrir une personne sans relation avec "
        "lui, pendant {hours} heures ; elle compte aussi dans votre budget. Motif : {reason}.",
        ActKind.GRANT_REINSTATE: "Laisser {handle} ({account}) demander de nouveau à ouvrir des inconnus, après une "
        "urgence que personne n'a approuvée à temps. Motif : {reason}.",
        ActKind.GRANT_CAMPAIGN: "Laisser chaque compte de l'agence {agency}, segment {segment}, ouvrir {people} "
        "personnes de plus par jour de son propre portefeuille, pendant {days} jours. Motif : {reason}.",
        ActKind.GRANT_BULK: "Laisser {handle} ({executor}) exporter {compartments} de {people} personnes des segments "
        "{segments} en {hours} heures, pour la clé {recipient}. Finalité : {purpose}. Motif : {reason}.",
        ActKind.GRANT_DISCLOSURE: "Laisser {handle} ({executor}) communiquer {compartments} du dossier {person} à "
        "{authority} en {hours} heures, pour la clé {recipient}. Base légale : {legal_basis}. "
        "Référence : {reference}.",
        ActKind.STAFF_IMPORT: "Importer le fichier de {accounts} comptes dont le SHA-256 est {sha256}.",
        ActKind.FEED_OPEN: "Ouvrir la source {name} ({source}) : ce qu'elle écrit explique des consultations. "
        "SHA-256 de sa clé : {thumbprint}.",
        ActKind.CLIENT_REGISTER: "Inscrire le système {name} pour {uses}. SHA-256 de sa clé : {thumbprint}.",
        ActKind.PROTECTION_LIFT: "Lever la protection {protection} : les relations ordinaires atteignent de nouveau "
        "la personne.",
        ActKind.ACCOUNT_FORGET_HOLDER: "Oublier quel dossier est celui du titulaire de {handle} ({account}) : le "
        "compte peut l'ouvrir dès lors. Motif : {reason}.",
        ActKind.LIMIT_SET: "Porter la limite {limit} des relations à {value}.",
        ActKind.INVESTIGATION_ACCOUNT: "Déclarer une enquête sur {handle} ({account}) : jusqu'au {until}, les "
        "personnes ne voient pas ce que ce compte a fait, et sont averties que cela pourra venir plus tard. "
        "Motif : {reason}.",
        ActKind.INVESTIGATION_PURPOSE: "Déclarer une enquête sur ce que l'organisme fait pour {purpose} : jusqu'au "
        "{until}, les personnes ne le voient pas, et sont averties que cela pourra venir plus tard. Motif : {reason}.",
        ActKind.ORGANISATION_CREATE: "Créer l'organisme {name}.",
    },
}
AROUND: Mapping[str, Mapping[str, str]] = {
    "en": {
        "asked": "Asked by {asker} for {organisation}; to be signed before {until} (UTC).",
        "operator": "the operator of the machine",
        "added": "It may add {added} people to those who can be taken in a day.",
        "nobody": "It adds nobody to those who can be taken in a day.",
        "unknown": "Nobody knows how many people it adds to those who can be taken in a day.",
        "needed": "It takes {people} people; then it holds at once.",
        "delayed": "It takes {people} people, and waits {hours} hours after the last of them signed.",
    },
    "fr": {
        "asked": "Demandé par {asker} pour {organisation} ; à signer avant le {until} (UTC).",
        "operator": "l'exploitant de la machine",
        "added": "Cela peut ajouter {added} personnes à celles qui peuvent être prises en un jour.",
        "nobody": "Cela n'ajoute personne à celles qui peuvent être prises en un jour.",
        "unknown": "On ne sait pas combien de personnes cela ajoute à celles qui peuvent être prises en un jour.",
        "needed": "Il y faut {people} personnes ; cela vaut ensuite aussitôt.",
        "delayed": "Il y faut {people} personnes, puis {hours} heures d'attente après la dernière signature.",
    },
}


class Around(msgspec.Struct, frozen=True):
    """What is told beside the act: names of its asker (None: the operator) and organisation, and what it adds."""

    asker: str | None
    organisation: str
    added_people: int | None
    needed: Needed


class Shown(msgspec.Struct, frozen=True):
    """An act for people: one sentence of what it does, and the lines below it."""

    what: str
    lines: list[str]


def shown(act: Act, around: Around, language: str) -> Shown:
    """The act in one of our languages, English for any other; raises ValueError for an act that cannot be signed."""
    if any(name not in act.details for name in REQUIRED[act.kind]):
        raise ValueError(f"{act.kind} lacks details")
    language = language if language in SENTENCES else "en"
    said = {name: _plain(value) for name, value in act.details.items()}
    texts, added = AROUND[language], around.added_people
    asker = texts["operator"] if around.asker is None else _plain(around.asker)
    until = act.expires_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    lines = [texts["asked"].format(asker=asker, organisation=_plain(around.organisation), until=until)]
    lines += [f"{_plain(name)}: {said[name]}" for name in sorted(set(said) - set(REQUIRED[act.kind]))]
    lines.append(texts["unknown" if added is None else "added" if added > 0 else "nobody"].format(added=added))
    hours = around.needed.delay_seconds // 3_600
    lines.append(texts["delayed" if hours else "needed"].format(people=around.needed.people, hours=hours))
    return Shown(SENTENCES[language][act.kind].format(**said), lines)


def _plain(value: object) -> str:
    """Rule 2; a list as its items, an object as its names and values."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(name)} = {_plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value)
    return "".join(each if each == " " or _printed(each) else f"<{ord(each):04X}>" for each in str(value))


def _printed(character: str) -> bool:
    return unicodedata.category(character)[0] not in {"C", "Z"}
