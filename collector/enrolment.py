"""The file that says for whom this host collects: audience, collector id, root key, keyrings; written whole or not.

Invariants: what is read was signed: every keyring is verified under the root that is pinned here, each time it is
loaded. The file is replaced by rename and synced with its directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.durable import replace_private
from collector.trust import Enrolled
from shared import dsse
from shared.encoding import b64decode, b64encode, canonical, parse_object
from shared.errors import CarnetError, ConfigError
from shared.keyfile import read_secret
from shared.keyring import open_keyring
from shared.keys import key_from_spki

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "enrolment.json"
_AGAIN = "put it back from a backup of this host, or enrol it anew with a new state directory"


def load(state_dir: Path) -> Enrolled | None:
    """Load the file; None where this host is not enrolled; raises `ConfigError` where it does not prove itself."""
    path = state_dir / FILE_NAME
    if not path.exists():
        return None
    raw = read_secret(path, _AGAIN)
    try:
        fields = parse_object(raw)
        root = key_from_spki(b64decode(str(fields["rootKey"])))
        envelope = str(fields["keyring"]).encode("ascii")
        return Enrolled(
            collector_id=str(fields["collectorId"]),
            keyring=open_keyring(dsse.parse(envelope), root),
            envelope=envelope,
            enrolment=str(fields["enrolment"]).encode("ascii"),
        )
    except (CarnetError, KeyError, UnicodeEncodeError):
        raise ConfigError(f"{path} is damaged", _AGAIN) from None


def save(state_dir: Path, enrolled: Enrolled) -> None:
    """Replace the file as a whole; raises `ConfigError` where it cannot be written."""
    content = canonical(
        {
            "collectorId": enrolled.collector_id,
            "rootKey": b64encode(enrolled.keyring.root.spki),
            "keyring": enrolled.envelope.decode("ascii"),
            "enrolment": enrolled.enrolment.decode("ascii"),
        }
    )
    replace_private(state_dir / FILE_NAME, content)
