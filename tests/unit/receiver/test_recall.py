"""What envelopes say is read once while it is kept, and nothing that is needed now is forgotten."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from receiver.core.recall import Recall
from shared import dsse, predicates, statement
from shared.judging.pieces import Told, heard
from shared.statement import Statement, subject_commit
from tests.helpers import build
from tests.helpers.build import COMMIT, NOW, signer

ALL = {
    one.verified.id_text: one
    for one in (
        statement.read(
            dsse.verify(
                statement.sign(
                    predicates.COLLECTED, (subject_commit(COMMIT),), build.collected(None, salt=f"{at:032x}"), signer()
                ),
                signer().public,
            )
        )
        for at in range(4)
    )
}
A, B, C, D = ALL


class Shelf:
    """Where statements are read; it remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []

    def read(self, ids: Collection[str]) -> dict[str, Statement]:
        self.asked.append(set(ids))
        return {one: ALL[one] for one in ids}


def test_only_what_is_not_kept_is_read() -> None:
    recall, shelf = Recall(1_000_000), Shelf()
    for ids in ({A, B}, {A, B}, {B, C}):
        recall.need(ids, shelf.read)
    assert shelf.asked == [{A, B}, {C}]
    assert recall.statements == {one: ALL[one] for one in (A, B, C)}


def test_what_was_not_needed_for_long_is_forgotten_and_nothing_that_is_needed_now() -> None:
    recall, shelf = Recall(1), Shelf()
    recall.need({A, B}, shelf.read)
    recall.need({B, C}, shelf.read)
    assert recall.statements.keys() == {B, C}
    recall.need({A, B, C, D}, shelf.read)
    assert recall.statements.keys() == {A, B, C, D}
    assert shelf.asked == [{A, B}, {C}, {A, D}]


def test_evidence_is_heard_as_each_release_was_told_of_it() -> None:
    recall = Recall(1_000_000)
    for told in (Told(NOW), Told(NOW, "forked", 3), Told(NOW + timedelta(hours=1), None, 3)):
        assert recall.hear(ALL[A], told) == heard(ALL[A], told)
