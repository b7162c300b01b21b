"""Writes the committed vectors of statements: `python -m tests.vectors.make`.

Everything comes from fixed seeds, salts and times, so the files never change unless the contract does. A vector is one
JSON object: `name`, a sentence `about`, the `envelope` as a string (its exact bytes), the public key `signedBy` to
verify it under (SubjectPublicKeyInfo, base64; `alsoSignedBy` is that of a second signature), and `expect`: the
predicate type of a good one, or the reason code with which a reader refuses it. Changing one is a change of the wire
and needs a decision record.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared import dsse, predicates
from shared.dsse import Envelope
from shared.encoding import JsonObject, b64encode, canonical, digest_text, parse_payload
from shared.errors import Code
from shared.keys import Ed25519Signer
from tests.helpers import build, build_acts, build_passports

FOLDER = Path(__file__).resolve().parent / "statements"
UNDERSTOOD, NOT_UNDERSTOOD = "", Code.NOT_UNDERSTOOD.value


@dataclass(frozen=True)
class Vector:
    """A statement, the key to verify it under, and what a reader makes of it."""

    name: str
    about: str
    envelope: bytes
    signed_by: bytes
    expect: str
    not_understood: tuple[str, ...] = ()
    also_signed_by: bytes | None = None

    def to_json(self) -> bytes:
        """Write the vector as it is committed."""
        fields: dict[str, Any] = {
            "name": self.name,
            "about": self.about,
            "expect": self.expect,
            "notUnderstood": list(self.not_understood),
            "signedBy": b64encode(self.signed_by),
            **({} if self.also_signed_by is None else {"alsoSignedBy": b64encode(self.also_signed_by)}),
            "envelope": self.envelope.decode("ascii"),
        }
        return (json.dumps(fields, indent=2, ensure_ascii=True) + "\n").encode()


def _good() -> Iterator[tuple[str, str, Envelope, Ed25519Signer]]:
    collector, root = build.signer(), build.root_signer()
    run = build.collected_run(3)
    yield "collected-first", "the first report of a stream: previous is null", run[0], collector
    yield "collected-linked", "the third report of a stream, linked to the second", run[2], collector
    bare = build.collected_envelope(
        context={}, context_from={}, claim=build.claim(passed=False, evidence={"unreadable": "truncated"})
    )
    yield "collected-unreadable", "a report that could not be read to its end, of an unknown run", bare, collector
    texts = build.collected_envelope(
        claim=build.claim(name="Prüfung \U0001f680 \u2028 a b", evidence={"ratio": 0.5, "none": None, "": []})
    )
    yield "collected-unicode", "names beyond ASCII and the BMP, a fraction, a null and an empty name", texts, collector
    yield "heartbeat", "a collector with nothing to deliver", build.heartbeat_envelope(), collector
    busy = build.heartbeat_envelope(
        beat=7,
        stream={"id": build.STREAM_ID, "epoch": build.EPOCH, "high_water": 2, "head": _text(run[2])},
        last_receipt={"id": build.digest("receipt"), "received_at": build.NOW - timedelta(minutes=2)},
        spool={"depth": 3, "oldest_seconds": 41},
        quarantined=[{"sequence": 1, "id": _text(run[1]), "reason": "unknown_key"}],
        ended_omitted=4,
        closed=True,
    )
    yield "heartbeat-busy", "a heartbeat with everything that it may say", busy, collector
    obedient = build.heartbeat_envelope(
        beat=8,
        obeyed=[
            {"kind": "rotate-key", "before": build.NOW + timedelta(days=30), "outcome": "under-way"},
            {"kind": "resend", "since_sequence": 2, "outcome": "partly"},
        ],
    )
    yield "heartbeat-obeyed", "a heartbeat that answers what receipts asked", obedient, collector
    yield "access", "a request for a bearer token", build.access_envelope(), collector
    yield "enrolment-request", "possession of a new key, proved", build.enrolment_request_envelope(), collector
    yield "claimed", "an attestation that came with a token", build.claimed_envelope(), build.claim_signer()
    corrected = build.claimed_envelope(
        record="deployment",
        source_key=build.digest("source"),
        claim={"type": "CUSTOM", "name": "Deployment", "passed": False, "evidence": {"status": "FAILURE"}},
        details={"source": "jenkins"},
        cut=["description"],
        supersedes=build.digest("before"),
    )
    yield "claimed-corrected", "a deployment that corrects another one", corrected, build.claim_signer()
    yield "enrolment", "the record of an enrolment", build.enrolment_envelope(), build.decision_signer()
    acts = {
        "revocation": (predicates.REVOCATION, build_acts.revocation()),
        "revocation-always": (
            predicates.REVOCATION,
            build_acts.revocation(what="collector", id=build.COLLECTOR_ID, since=None),
        ),
        "release": (predicates.RELEASE, build_acts.release()),
        "gap-closed": (predicates.GAP_CLOSED, build_acts.gap_closed()),
        "missing": (predicates.MISSING, build_acts.missing()),
        "policy": (predicates.POLICY, build_passports.policy()),
        "approval": (predicates.APPROVAL, build_passports.approval()),
        "waiver": (predicates.WAIVER, build_passports.waiver()),
        "passport": (predicates.PASSPORT, build_passports.passport()),
        "passport-held": (predicates.PASSPORT, build_passports.held_passport()),
        "verification-summary": (predicates.SUMMARY, build_passports.summary()),
    }
    for name, (uri, predicate) in acts.items():
        yield (
            name,
            "an act of a workspace",
            build.signed(uri, predicate, build.decision_signer()),
            build.decision_signer(),
        )
    receipt = build.receipt_for(
        run,
        statuses=[("accepted", None), ("held", "key_revoked"), ("refused", "unknown_key")],
        streams=[build.mark(0, 2), build.mark(None, 5, "6b" * 16)],
        requests=[{"kind": "heartbeat", "seconds": 300}, {"kind": "resend", "since_sequence": 0}],
    )
    yield "receipt", "a receipt with accepted, held and refused entries", receipt, build.receipt_signer()
    first = build.keyring()
    yield "keyring-first", "version 1 of a keyring: previous is null", first, root
    yield "keyring-second", "version 2, linked to version 1", build.keyring(version=2, previous=first.id), root
    ended = build.keyring(
        version=2,
        previous=first.id,
        revocations=[collector.public.key_id],
        ended=[
            {"key_id": collector.public.key_id, "number": 7, "since": build.NOW},
            {"key_id": collector.public.key_id, "number": 8, "since": None},
        ],
    )
    yield "keyring-ended", "a keyring that says since when a collector's key is not good", ended, root


def _text(envelope: Envelope) -> str:
    return digest_text(envelope.id)


def _signed(payload: bytes, key: Ed25519Signer | None = None) -> Envelope:
    return dsse.sign(payload, key or build.signer())


def _change(path: str, value: object) -> Callable[[JsonObject], None]:
    """Set the member at a path of names and indexes parted by dots; `DROP` takes it away."""

    def act(fields: JsonObject) -> None:
        at: Any = fields
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in parents:
            at = at[part]
        if value is DROP:
            del at[last]
        else:
            at[last] = value

    return act


DROP = object()

# Each row changes one thing of a good `collected` statement and signs it anew.
_BAD: Mapping[str, tuple[str, object]] = {
    "type-missing": ("_type", DROP),
    "type-other": ("_type", "https://in-toto.io/Statement/v0.1"),
    "type-null": ("_type", None),
    "subject-missing": ("subject", DROP),
    "subject-null": ("subject", None),
    "subject-empty": ("subject", []),
    "subject-object": ("subject", {"digest": {"sha256": "a" * 64}}),
    "subject-without-digest": ("subject.0", {"name": "file"}),
    "subject-digest-empty": ("subject.0.digest", {}),
    "subject-digest-string": ("subject.0.digest", "a" * 64),
    "subject-digest-number": ("subject.0.digest", {"sha256": 1}),
    "subject-digest-capitals": ("subject.0.digest", {"sha256": "A" * 64}),
    "subject-digest-short": ("subject.0.digest", {"sha256": "a" * 63}),
    "subject-digest-zero": ("subject.0.digest", {"sha256": "0" * 64}),
    "subject-commit-abbreviated": ("subject.0.digest", {"gitCommit": "a" * 12}),
    "subject-name-number": ("subject.0.name", 1),
    "subject-second-bad": ("subject", [{"digest": {"sha256": "a" * 64}}, None]),
    "predicate-missing": ("predicate", DROP),
    "predicate-null": ("predicate", None),
    "predicate-list": ("predicate", []),
    "predicate-string": ("predicate", "{}"),
    "audience-missing": ("predicate.audience", DROP),
    "audience-null": ("predicate.audience", None),
    "audience-without-workspace": ("predicate.audience.workspace", DROP),
    "audience-empty-receiver": ("predicate.audience.receiver", ""),
    "audience-receiver-with-slash": ("predicate.audience.receiver", "rcv/../x"),
    "audience-receiver-with-line-end": ("predicate.audience.receiver", "rcv_1\n"),
    "key-id-missing": ("predicate.keyId", DROP),
    "key-id-by-another-name": ("predicate.key_id", build.signer().public.key_id),
    "key-id-of-another-key": ("predicate.keyId", build.signer(2).public.key_id),
    "key-id-capitals": ("predicate.keyId", build.signer().public.key_id.upper()),
    "salt-missing": ("predicate.salt", DROP),
    "salt-short": ("predicate.salt", "00" * 15),
    "salt-capitals": ("predicate.salt", "AB" * 16),
    "crit-null": ("predicate.crit", None),
    "crit-string": ("predicate.crit", "claim"),
    "crit-of-numbers": ("predicate.crit", [1]),
    "time-number": ("predicate.observedAt", 1772472270),
    "time-null": ("predicate.observedAt", None),
    "time-with-offset": ("predicate.observedAt", "2026-03-02T17:24:30+00:00"),
    "time-without-zone": ("predicate.observedAt", "2026-03-02T17:24:30"),
    "time-impossible": ("predicate.observedAt", "2026-02-30T17:24:30Z"),
    "collector-id-number": ("predicate.collector.id", 7),
    "collector-id-long": ("predicate.collector.id", "c" * 101),
    "collector-config-digest-bare": ("predicate.collector.configDigest", "a" * 64),
    "sequence-string": ("predicate.stream.sequence", "0"),
    "sequence-true": ("predicate.stream.sequence", True),
    "sequence-fraction": ("predicate.stream.sequence", 0.5),
    "sequence-integral-fraction": ("predicate.stream.sequence", 1.0),
    "sequence-negative": ("predicate.stream.sequence", -1),
    "sequence-null": ("predicate.stream.sequence", None),
    "sequence-missing": ("predicate.stream.sequence", DROP),
    "previous-missing": ("predicate.stream.previous", DROP),
    "previous-bare": ("predicate.stream.previous", "a" * 64),
    "previous-capitals": ("predicate.stream.previous", "sha256:" + "A" * 64),
    "previous-number": ("predicate.stream.previous", 0),
    "stream-id-dashes": ("predicate.stream.id", "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a"),
    "epoch-missing": ("predicate.stream.epoch", DROP),
    "observation-id-missing": ("predicate.observationId", DROP),
    "source-bytes-string": ("predicate.source.bytes", "8"),
    "source-bytes-true": ("predicate.source.bytes", True),
    "source-null": ("predicate.source", None),
    "context-missing": ("predicate.context", DROP),
    "context-commit-short": ("predicate.context.commit", "9f3c8b"),
    "context-commit-capitals": ("predicate.context.commit", build.COMMIT.upper()),
    "context-pr-zero": ("predicate.context.prNumber", 0),
    "context-pr-string": ("predicate.context.prNumber", "17"),
    "context-repository-empty": ("predicate.context.repository", ""),
    "context-repository-with-nul": ("predicate.context.repository", "acme/\x00"),
    "context-branch-with-escape": ("predicate.context.branch", "\x1b[2Jmain"),
    "context-from-unknown-place": ("predicate.contextFrom", {"commit": "guess"}),
    "context-from-null": ("predicate.contextFrom", None),
    "claim-type-unknown": ("predicate.claim.type", "TESTS"),
    "claim-type-lower-case": ("predicate.claim.type", "test_results"),
    "claim-type-null": ("predicate.claim.type", None),
    "claim-name-empty": ("predicate.claim.name", ""),
    "claim-name-long": ("predicate.claim.name", "n" * 201),
    "claim-name-with-line-end": ("predicate.claim.name", "Unit\nTests"),
    "claim-basis-posted": ("predicate.claim.basis", "posted"),
    "claim-passed-number": ("predicate.claim.passed", 1),
    "claim-passed-string": ("predicate.claim.passed", "true"),
    "claim-passed-null": ("predicate.claim.passed", None),
    "claim-evidence-list": ("predicate.claim.evidence", []),
    "claim-evidence-null": ("predicate.claim.evidence", None),
    "disclosure-level-unknown": ("predicate.disclosure.level", "everything"),
    "disclosure-cut-string": ("predicate.disclosure.cut", "branch"),
}


def _collected_fields() -> JsonObject:
    return parse_payload(build.collected_envelope().payload)


def _changed() -> Iterator[tuple[str, str, bytes]]:
    for name, (path, value) in _BAD.items():
        fields = _collected_fields()
        _change(path, value)(fields)
        if name == "key-id-by-another-name":
            _change("predicate.keyId", DROP)(fields)
        act = "taken away" if value is DROP else f"set to {json.dumps(value)[:60]}"
        yield name, f"{path} is {act}", canonical(fields)


def _spelled() -> Iterator[tuple[str, str, bytes]]:
    good = build.collected_envelope().payload
    yield (
        "keys-not-sorted",
        "the keys are in another order",
        json.dumps(dict(reversed(_collected_fields().items())), separators=(",", ":")).encode(),
    )
    yield "white-space", "a space behind each comma", good.replace(b'","', b'", "')
    yield "line-end", "a line end behind the payload", good + b"\n"
    yield "byte-order-mark", "a byte-order mark in front", b"\xef\xbb\xbf" + good
    yield "latin-1", "a byte that is not UTF-8", good.replace(b"Unit Tests", b"Unit T\xe9sts")
    yield "key-twice", "passed stands twice", good.replace(b'"passed":true', b'"passed":false,"passed":true')
    yield (
        "key-twice-escaped",
        "passed stands twice, once escaped",
        good.replace(b'"passed":true', b'"passed":true,"\\u0070assed":true'),
    )
    yield "nan", "a count that is NaN", good.replace(b'"failed":0', b'"failed":NaN')
    yield "large-number", "a count beyond 2^53", good.replace(b'"failed":0', b'"failed":9007199254740993')
    yield "half-a-pair", "half of a surrogate pair", good.replace(b"Unit Tests", b"\\ud800")
    yield "too-deep", "evidence nested 101 deep", good.replace(b'"failed":0', b'"failed":' + b"[" * 98 + b"]" * 98)
    yield "no-object", "a list where a statement is due", b"[" + good + b"]"
    yield "empty", "no payload at all", b""


def _vectors() -> Iterator[Vector]:
    collector = build.signer().public
    for name, about, envelope, key in _good():
        kind = str(parse_payload(envelope.payload)["predicateType"])
        yield Vector(f"good-{name}", about, envelope.to_bytes(), key.public.spki, kind)
    roots = (b64encode(build.root_signer().public.spki), b64encode(build.signer(9).public.spki))
    bringing = build.keyring(version=2, previous=build.keyring().id, roots=roots)
    both = dsse.sign(bringing.payload, build.root_signer(), build.signer(9)).to_bytes()
    about = "version 2, which brings the next root: both signed"
    yield Vector(
        "good-keyring-new-root", about, both, build.root_signer().public.spki, predicates.KEYRING, (),
        build.signer(9).public.spki,
    )  # fmt: skip
    rotation, successor = build_acts.key_rotation_envelope().to_bytes(), build.signer(9).public.spki
    about = "a new key, signed by the old one and by itself"
    yield Vector("good-key-rotation", about, rotation, collector.spki, predicates.KEY_ROTATION, (), successor)
    yield from _open(collector.spki)
    for name, about, payload in (*_changed(), *_spelled()):
        data = _signed(payload).to_bytes()
        yield Vector(f"bad-{name}", about, data, collector.spki, Code.MALFORMED_STATEMENT.value)
    yield from _refused(collector.spki)


def _open(spki: bytes) -> Iterator[Vector]:
    fields = _collected_fields()
    for path in ("new", "predicate.new", "predicate.stream.new", "predicate.claim.new", "subject.0.new"):
        _change(path, {"of": "a later version"})(fields)
    data = _signed(canonical(fields)).to_bytes()
    yield Vector("good-unknown-fields", "fields of a later version", data, spki, predicates.COLLECTED)
    for name, crit, lacking in (
        ("good-crit-known", ["claim", "keyId"], ()),
        ("good-crit-unknown", ["claim", "new", "newer"], ("new", "newer")),
        ("good-crit-by-another-name", ["key_id"], ("key_id",)),
    ):
        fields = _collected_fields()
        _change("predicate.crit", crit)(fields)
        data = _signed(canonical(fields)).to_bytes()
        yield Vector(name, f"crit names {crit}", data, spki, predicates.COLLECTED, lacking)


def _refused(spki: bytes) -> Iterator[Vector]:
    for name, uri in (
        ("unknown", "urn:carnet:unheard-of:v1"),
        ("later", "urn:carnet:collected:v2"),
        ("capitals", predicates.COLLECTED.upper()),
        ("null", None),
        ("list", [predicates.COLLECTED]),
    ):
        fields = _collected_fields()
        _change("predicateType", uri)(fields)
        data = _signed(canonical(fields)).to_bytes()
        yield Vector(f"bad-predicate-type-{name}", f"the type is {uri!r}", data, spki, Code.WRONG_TYPE.value)
    good = build.collected_envelope()
    forged = Envelope(good.payload.replace(b'"failed":0', b'"failed":1'), good.signatures)
    yield Vector("bad-altered", "one byte of the payload altered", forged.to_bytes(), spki, Code.BAD_SIGNATURE.value)
    other = _signed(good.payload, build.signer(2)).to_bytes()
    yield Vector("bad-signer", "signed by another key", other, spki, Code.BAD_SIGNATURE.value)
    spaced = good.to_bytes().replace(b'","', b'", "')
    yield Vector("bad-envelope-spaced", "white space in the envelope", spaced, spki, Code.MALFORMED_ENVELOPE.value)


def made() -> dict[str, bytes]:
    """Everything that belongs into the folder: file name to content."""
    vectors = list(_vectors())
    files = {f"{vector.name}.json": vector.to_json() for vector in vectors}
    if len(files) != len(vectors):
        msg = "two vectors of one name"
        raise ValueError(msg)
    return files


def main() -> None:
    """Write the folder anew."""
    FOLDER.mkdir(exist_ok=True)
    files = made()
    for old in FOLDER.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
