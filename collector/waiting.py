"""The requests whose answer has not come: one file in the state directory, and what it takes to believe an answer.

There is one for each invitation, for as long as this host is not enrolled: which of them an admin confirms, nobody here
knows. Invariants: the invitation's token is not kept, only its digest; the keyring is verified under the root that was
pinned each time it is loaded; the file is replaced by rename and synced with its directory.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from collector.durable import replace_private, sync_folder
from collector.enrolling import Waiting
from shared import dsse
from shared.encoding import b64decode, b64encode, canonical, format_time, parse_object, parse_time
from shared.errors import CarnetError, ConfigError
from shared.keyfile import read_secret
from shared.keyring import open_keyring
from shared.keys import key_from_spki
from shared.offline import MAX_FILE_BYTES, parse_invitation, parse_response

if TYPE_CHECKING:
    from pathlib import Path

    from shared.encoding import JsonObject, JsonValue
    from shared.offline import OfflineInvitation, OfflineResponse

FILE_NAME = "enrolment-waiting.json"
_AGAIN = "enrol this host with its invitation once more"
_KEPT = 32
"""Requests; older ones make room, so that the file can always be read."""


def load(state_dir: Path) -> tuple[Waiting, ...]:
    """Load the requests that wait, oldest first; raises `ConfigError` where the file is damaged."""
    path = state_dir / FILE_NAME
    if not path.exists():
        return ()
    raw = read_secret(path, _AGAIN)
    try:
        found = parse_object(raw)["requests"]
        return tuple(_read(one) for one in found) if isinstance(found, list) else ()
    except (CarnetError, KeyError, TypeError, UnicodeEncodeError):
        raise ConfigError(f"{path} is damaged", f"remove it and {_AGAIN}") from None


def _read(fields: JsonValue) -> Waiting:
    if not isinstance(fields, dict):
        raise TypeError
    envelope = str(fields["keyring"]).encode("ascii")
    url = fields["url"]
    return Waiting(
        name=str(fields["name"]),
        token_digest=str(fields["tokenDigest"]),
        asked_at=parse_time(str(fields["askedAt"])),
        keyring=open_keyring(dsse.parse(envelope), key_from_spki(b64decode(str(fields["rootKey"])))),
        envelope=envelope,
        request=dsse.parse(str(fields["request"]).encode("ascii")),
        url=None if url is None else str(url),
    )


def save(state_dir: Path, waiting: Waiting) -> None:
    """Keep a request before it is carried out, in place of an older one with its invitation; raises `ConfigError`."""
    others = [one for one in load(state_dir) if one.token_digest != waiting.token_digest]
    kept: list[JsonValue] = [_fields(one) for one in (*others, waiting)[-_KEPT:]]
    replace_private(state_dir / FILE_NAME, canonical({"requests": kept}))


def _fields(waiting: Waiting) -> JsonObject:
    return {
        "url": waiting.url,
        "name": waiting.name,
        "tokenDigest": waiting.token_digest,
        "askedAt": format_time(waiting.asked_at),
        "rootKey": b64encode(waiting.keyring.root.spki),
        "keyring": waiting.envelope.decode("ascii"),
        "request": waiting.request.to_bytes().decode("ascii"),
    }


def forget(state_dir: Path) -> None:
    """Drop the file once this host is enrolled; one that stays is passed over."""
    with suppress(OSError):
        (state_dir / FILE_NAME).unlink(missing_ok=True)
        sync_folder(state_dir)


def read_invitation(path: Path) -> OfflineInvitation:
    """Read an invitation that was carried in; raises `ConfigError`, or `MalformedError` where it is none."""
    return parse_invitation(_read_carried(path, "the invitation"))


def read_response(path: Path) -> OfflineResponse:
    """Read a response that was carried in; raises `ConfigError`, or `MalformedError` where it is none."""
    return parse_response(_read_carried(path, "the response"))


def _read_carried(path: Path, what: str) -> bytes:
    if path.exists() and not path.is_file():  # opening a pipe would wait for whoever writes into it
        raise ConfigError(f"{path} is not a regular file", f"give {what} that was carried in")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is no path"
        raise ConfigError(f"{path} cannot be read: {why}", f"give {what} that was carried in") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES} bytes", f"give {what} that was carried in")
    return content
