"""What this machine can do at all: the libraries alone, at which our own figures are held."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

from collector.spool import Storage
from collector.spool.sqlite import dbapi

STATEMENT_BYTES = 1_500
_ROUNDS = 5
_ROUND_SECONDS = 0.3


def sign_rate() -> float:
    """Ed25519 signatures a second by PyNaCl over statements of 1.5 kB, one core."""
    message, (_, secret) = os.urandom(STATEMENT_BYTES), crypto_sign_seed_keypair(os.urandom(32))
    return _usual_rate(lambda: crypto_sign(message, secret))


def verify_rate() -> float:
    """Ed25519 verifications a second by PyNaCl over statements of 1.5 kB, one core."""
    public, secret = crypto_sign_seed_keypair(os.urandom(32))
    signed = crypto_sign(os.urandom(STATEMENT_BYTES), secret)
    return _usual_rate(lambda: crypto_sign_open(signed, public))


def commit_rate(path: Path, mode: Storage) -> float:
    """Commits of one row a second into a fresh file at `path`, by the library and in the mode of another one."""
    connection = dbapi.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode.journal}")
    connection.execute(f"PRAGMA synchronous = {mode.synchronous}")
    connection.execute("CREATE TABLE entry (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")
    row = (os.urandom(STATEMENT_BYTES),)

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO entry (bytes) VALUES (?)", row)
        connection.execute("COMMIT")

    try:
        return _usual_rate(commit)
    finally:
        connection.close()


def _usual_rate(act: Callable[[], object]) -> float:
    """Calls a second in the middle one of some rounds: our own figures have no best round to be held against."""
    return median(_rate(act) for _ in range(_ROUNDS))


def _rate(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    until = began + _ROUND_SECONDS
    count = 0
    while time.perf_counter() < until:
        act()
        count += 1
    return count / (time.perf_counter() - began)
