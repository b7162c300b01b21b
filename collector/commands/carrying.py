"""Enrolment by files that are carried across an air gap: a request for an invitation, and the response to it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from collector import enrolment, requested
from collector import waiting as waits
from collector.clock import utcnow
from collector.commands.asking import confirm, load_or_make, show_enrolled
from collector.enrolling import Offered, Waiting, command, enrolment_request, next_step, pin, take_any
from collector.leaving import CARRIED, Destination, Kind, Leaving
from collector.terminal import show
from shared.encoding import digest_text, format_time, sha256
from shared.errors import Code, ConfigError, StateError
from shared.keyfile import write_public
from shared.keys import key_from_spki

if TYPE_CHECKING:
    from pathlib import Path

    from collector.commands.asking import Place
    from shared.keys import Signer


def ask_by_file(place: Place, invitation: Path, request: Path, receiver_key: str | None, output: str) -> None:
    """Write the request for an invitation; the same one again where the same invitation is given again."""
    if request.exists():
        raise ConfigError(f"{request} exists already", "choose another path; nothing was overwritten")
    found = waits.read_invitation(invitation)
    offered = Offered(key_from_spki(found.keyring.root_spki).key_id, found.keyring.root_spki, found.keyring.versions)
    believed = pin(offered, receiver_key or confirm(offered.fingerprint))
    signer = load_or_make(place.key)
    waiting = next((one for one in waits.load(place.state_dir) if _same(one, found.token, offered, signer)), None)
    if waiting is None:
        now = utcnow()
        made = enrolment_request(found.token, believed, signer, now=now, random=secrets.token_bytes)
        digest = digest_text(sha256(found.token.encode()))
        waiting = Waiting(found.name, digest, now, *believed, made)
        waits.save(place.state_dir, waiting)
    audience = waiting.keyring.audience
    to = Destination(CARRIED, audience.receiver, audience.workspace)
    content = waiting.request.to_bytes()
    requested.note(place.state_dir, Leaving(Kind.ENROLMENT_REQUEST, waiting.request.id, len(content)), to, utcnow())
    write_public(request, content)
    show(
        output,
        {
            "request": str(request),
            "requestId": digest_text(waiting.request.id),
            "name": waiting.name,
            "keyId": signer.public.key_id,
            "receiver": audience.receiver,
            "workspace": audience.workspace,
            "rootKey": waiting.keyring.root.key_id,
            "validUntil": format_time(found.expires_at),
        },
        f"carry {request} to the receiver until {format_time(found.expires_at)}; its admin confirms this fingerprint:\n"
        f"key  {signer.public.key_id}\nroot {waiting.keyring.root.key_id} (pinned)\n"
        f"then: {next_step(waiting, place.given)[1]}",
    )


def take_by_file(place: Place, response: Path, receiver_key: str | None, output: str) -> None:
    """Take the response to whichever request of this host it is to; makes nothing where none waits."""
    waiting = tuple(one for one in waits.load(place.state_dir) if one.url is None)
    if not waiting:
        raise StateError(
            Code.NOT_FOUND,
            f"no request of this host waits for a response in {place.state_dir}",
            f"begin with {command(place.given, '--invitation FILE --request FILE')}",
        )
    place.key.check("the request was made with one: give this host its key back")
    signer = place.key.load()
    if signer is None:
        raise ConfigError(f"there is no key: {place.key.place}", "the request was made with one: give it back")
    found, enrolled = take_any(waiting, waits.read_response(response), signer.public, receiver_key)
    enrolment.save(place.state_dir, enrolled)
    leaving = Leaving(Kind.ENROLMENT_REQUEST, found.request.id, len(found.request.to_bytes()))
    requested.note_answered(place.state_dir, leaving)
    waits.forget(place.state_dir)
    show_enrolled(enrolled, signer, output)


def _same(waiting: Waiting, token: str, offered: Offered, signer: Signer) -> bool:
    return (
        waiting.url is None
        and waiting.token_digest == digest_text(sha256(token.encode()))
        and waiting.keyring.root.key_id == offered.fingerprint
        and waiting.request.key_id == signer.public.key_id
    )
