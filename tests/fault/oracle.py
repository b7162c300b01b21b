"""The judge of a fault test: gives out unique reports, remembers what was promised, and compares what arrived.

It never takes part in a fault. What it promises is a report that was put into the inbox whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared import dsse, statement
from shared.encoding import digest_text, sha256
from shared.errors import CarnetError
from shared.keys import PublicKey
from shared.predicates import Collected
from tests.helpers import reports


@dataclass(frozen=True)
class Verdict:
    """What came out; a promise was kept only if all four are empty."""

    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    altered: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.altered or self.unknown)

    def __str__(self) -> str:
        return (
            f"lost {len(self.lost)}, duplicated {len(self.duplicated)}, altered {len(self.altered)}, "
            f"unknown {len(self.unknown)}"
        )


@dataclass
class Oracle:
    """Numbers reports from 1, and keeps the digest of each that was promised."""

    promised: dict[str, str] = field(default_factory=dict)
    _next: int = 0

    def report(self) -> tuple[str, bytes]:
        """A report that there has not been before, and the name it goes by."""
        self._next += 1
        return f"{self._next // 200}/report-{self._next}.xml", reports.junit(self._next)

    def promise(self, name: str, content: bytes) -> None:
        """The report stands in the inbox: it has to arrive."""
        self.promised[digest_text(sha256(content))] = name

    def judge(self, arrived: Sequence[bytes], spooled: Mapping[bytes, bytes], *keys: PublicKey) -> Verdict:
        """Compare what the receiver holds with the promises, and byte for byte with what the collector signed.

        `spooled` are the collector's envelopes by attestation id, `keys` those that it has had, the first one first.
        """
        by_id = {one.key_id: one for one in keys}
        counts: Counter[str] = Counter()
        ids: Counter[bytes] = Counter()
        altered: list[str] = []
        for raw in arrived:
            try:
                envelope = dsse.parse(raw)
                verified = dsse.verify(envelope, by_id.get(envelope.signatures[0].key_id, keys[0]))
                source = statement.read(verified).as_(Collected).source.sha256
            except CarnetError as error:
                altered.append(str(error))
                continue
            counts[source] += 1
            ids[verified.id] += 1
            if spooled.get(verified.id) != raw:
                altered.append(self.promised.get(source, source))
        return Verdict(
            lost=tuple(name for digest, name in self.promised.items() if digest not in counts),
            duplicated=tuple(
                [self.promised.get(one, one) for one, count in counts.items() if count > 1]
                + [one.hex() for one, count in ids.items() if count > 1]
            ),
            altered=tuple(altered),
            unknown=tuple(one for one in counts if one not in self.promised),
        )
