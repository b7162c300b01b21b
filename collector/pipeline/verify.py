"""`carnet verify`: whether a passport is authentic and allows what somebody is about to do, with no network at all.

Exits: 0 it does, 1 authentic but it does not, 2 wrong usage, 75 decided by another engine (`--replay`), 77 not
authentic. Rests on `decision`, never on `proceed`. What does not bring all of its inputs along allows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.clock import utcnow
from collector.pipeline.options import DIGEST, FILE
from collector.pipeline.rootkeys import read_fingerprint
from collector.pipeline.telling import missing
from collector.terminal import output_option, show
from shared import dsse
from shared.bundle import MAX_BUNDLE_BYTES, parse_bundle
from shared.encoding import digest_text, format_time, parse_time
from shared.errors import CarnetError, Code, MalformedError, UntrustedError
from shared.joining import parse_keyring
from shared.verify import Wanted, authenticate, objections

if TYPE_CHECKING:
    from datetime import datetime

    from shared.bundle import Bundle
    from shared.dsse import Envelope
    from shared.encoding import JsonObject
    from shared.verify import Authentic

GOOD, NOT_THAT, USAGE, NOT_AUTHENTIC = 0, 1, 2, 77


class _Moment(click.ParamType["datetime"]):
    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read RFC 3339 in UTC."""
        try:
            return parse_time(str(value))
        except CarnetError as error:
            self.fail(f"{error.detail}: {error.hint}", param, ctx)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks: `wanted` None is whether it is authentic, and nothing else."""

    wanted: Wanted | None
    at: datetime
    replayed: bool
    output: str


@click.command(short_help="Check a passport offline: is it authentic, and does it allow this?")
@click.argument("bundle", metavar="BUNDLE", type=FILE)
@click.option("--key", metavar="ROOT", help="The workspace's root key: its fingerprint, or a file that holds the key.")
@click.option("--service", metavar="NAME", help="The service that is about to be deployed.")
@click.option("--environment", metavar="NAME", help="Where to.")
@click.option("--artifact", type=DIGEST, help="What is about to be deployed: sha256:... of it, or the file itself.")
@click.option("--namespace", metavar="NAME", help="The namespace, where the service is in several.")
@click.option("--canary", is_flag=True, help="It is a canary: ALLOW_WITH_CANARY is enough.")
@click.option("--keyring", type=FILE, help="A newer keyring, as GET /api/v1/keyring answers it.")
@click.option("--at", metavar="TIME", type=_Moment(), help="As of when, instead of now: 2026-01-31T09:30:00Z.")
@click.option("--replay", is_flag=True, help="Judge again from the file alone, and compare (needs carnet[verify]).")
@click.option("--authentic", is_flag=True, help="Only whether it is authentic, whatever it decided.")
@output_option
@click.pass_context
def verify(  # noqa: PLR0913 - click's way
    ctx: click.Context,
    *,
    bundle: Path,
    key: str | None,
    service: str | None,
    environment: str | None,
    artifact: str | None,
    namespace: str | None,
    canary: bool,
    keyring: Path | None,
    at: datetime | None,
    replay: bool,
    authentic: bool,
    output: str,
) -> None:
    """Check a passport's bundle with nothing but its bytes and the root key of the workspace that it is from.

    Exit 0: it is authentic, decided ALLOW for exactly this service, environment and artifact, and has not ended. 1: it
    is authentic, but not that. 75: --replay, and another engine judged. 77: it is not authentic. Without --key the
    fingerprint to compare is shown.
    """
    if key is None:
        ctx.exit(_show_fingerprint(bundle, output))
    pinned = read_fingerprint(key)
    wanted = None if authentic else _wanted(service, environment, artifact, namespace, canary=canary)
    asked = _Asked(wanted, at or utcnow(), replay, output)
    try:
        read = _read(bundle)
        found = authenticate(read, pinned, [] if keyring is None else _read_keyrings(keyring))
        if replay:
            _replay(read, found)
    except (MalformedError, UntrustedError) as error:
        ctx.exit(_refuse(error, output))
    ctx.exit(_answer(found, asked))


def _wanted(
    service: str | None, environment: str | None, artifact: str | None, namespace: str | None, *, canary: bool
) -> Wanted:
    if service is None or environment is None or artifact is None:
        msg = "give --service, --environment and --artifact, or --authentic"
        raise click.UsageError(msg)
    return Wanted(service, environment, f"sha256:{artifact}", namespace, canary)


def _read(path: Path) -> Bundle:
    return parse_bundle(_bytes(path))


def _read_keyrings(path: Path) -> list[Envelope]:
    """Read a keyring's versions, oldest first, or one version alone."""
    data = _bytes(path)
    if data.lstrip().startswith(b'{"payload"'):
        return [dsse.parse(data.strip())]
    return [dsse.parse(one) for one in parse_keyring(data).versions]


def _replay(bundle: Bundle, found: Authentic) -> None:
    """Judge again; raises `UntrustedError` where the answer is another one, `TryLaterError` where it cannot be had."""
    try:
        from shared.judging.replay import differences, replay  # noqa: PLC0415 - only this needs CEL and YAML
    except ModuleNotFoundError as error:
        raise missing(error, "carnet[verify] to judge again") from None
    others = differences(found.passport.verdict, replay(bundle, found))
    if others:
        raise UntrustedError(
            Code.CONFLICT,
            f"judged again from the same facts it says otherwise: {', '.join(others)}",
            "do not rely on this passport; tell the workspace's owner",
        )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BUNDLE_BYTES:
        raise MalformedError(Code.TOO_LARGE, f"{path} has more than {MAX_BUNDLE_BYTES} bytes", "is it a bundle?")
    return data


def _show_fingerprint(path: Path, output: str) -> int:
    try:
        root = _read(path).root.key_id
    except (MalformedError, UntrustedError) as error:
        return _refuse(error, output)
    text = (
        f"The root key that this says it stands under:\n\n  {root}\n\n"
        "Nothing was checked. Compare it with what the workspace's owner told you, then say --key with it."
    )
    show(output, {"rootKey": root, "checked": False}, text)
    return USAGE


def _refuse(error: CarnetError, output: str) -> int:
    fields: JsonObject = {"authentic": False, "code": error.code.value, "detail": error.detail, "hint": error.hint}
    hint = "" if error.hint is None else f"\n  do: {error.hint}"
    show(output, fields, f"NOT AUTHENTIC\n  {error.detail}{hint}")
    return NOT_AUTHENTIC


def _answer(found: Authentic, asked: _Asked) -> int:
    against = () if asked.wanted is None else objections(found.passport, asked.wanted, asked.at)
    allowed = asked.wanted is not None and not against
    show(asked.output, _fields(found, asked, against, allowed=allowed), _text(found, asked, against))
    return NOT_THAT if against else GOOD


def _fields(found: Authentic, asked: _Asked, against: tuple[str, ...], *, allowed: bool) -> JsonObject:
    passport = found.passport
    return {
        "decision": passport.decision,
        "authentic": True,
        "allowed": allowed,
        "objections": list(against),
        "passportId": passport.passport_id,
        "attestationId": digest_text(found.id),
        "target": passport.target.to_wire(),
        "artifact": passport.artifact,
        "mode": passport.mode,
        "headline": passport.headline,
        "evaluatedAt": format_time(passport.evaluated_at),
        "validUntil": format_time(passport.valid_until),
        "at": format_time(asked.at),
        "audience": passport.audience.to_wire(),
        "roots": list(found.roots),
        "keyringVersion": found.keyring.version,
        "revocationsKnownAsOf": format_time(found.keyring.issued_at),
        "inputs": len(found.inputs),
        "inputsByCollectors": found.by_collectors,
        "inputsOmitted": passport.inputs_omitted,
        "replayed": asked.replayed,
    }


def _text(found: Authentic, asked: _Asked, against: tuple[str, ...]) -> str:
    passport, target = found.passport, found.passport.target
    lines = [
        f"{passport.decision}   {target.service} -> {target.environment}   {passport.mode}   {passport.passport_id}",
        passport.headline,
        "",
    ]
    lines += [f"  no: {one}" for one in against]
    if asked.wanted is not None and not against:
        lines.append("  yes: it is for exactly this, and has not ended")
    others = len(found.inputs) - found.by_collectors
    lines += [
        f"  artifact   {passport.artifact}",
        f"  evaluated  {format_time(passport.evaluated_at)}, good until {format_time(passport.valid_until)}",
        f"  signed     for {passport.audience.receiver}/{passport.audience.workspace}, under {found.roots[-1]}",
        f"  checked    {len(found.inputs)} envelopes: {found.by_collectors} of collectors, {others} of the receiver",
        f"  policies   {', '.join(f'{one.name} v{one.version}' for one in passport.policies)}",
        f"  revocations known as of {format_time(found.keyring.issued_at)} (keyring version {found.keyring.version})",
        "  not checked: that it is in the log, and that no newer passport replaced it",
    ]
    if asked.replayed:
        lines.append(f"  replayed   judged again by engine {passport.engine} from this file: the same answer")
    if passport.inputs_omitted:
        lines.append(f"  not checked: {passport.inputs_omitted} more inputs, which the passport names by number alone")
    return "\n".join(lines)
