"""`carnet verify`: its exit says one thing, its first line the decision, and it opens no socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.bundle import emit_bundle
from shared.encoding import b64encode, digest_text, format_time, sha256
from shared.joining import emit_keyring
from tests.helpers.build import NOW, root_signer, signer
from tests.helpers.build_passports import ARTIFACT, World, keyring_that_revokes, world
from tests.helpers.offline import watched
from tests.helpers.pipelines import carnet, environment
from tests.helpers.programs import command
from tests.helpers.replayable import Judged

PINNED = root_signer().public.key_id
FOR = ["--service", "checkout-api", "--environment", "production", "--artifact", ARTIFACT]
THEN = ["--at", format_time(NOW + timedelta(hours=1))]


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def carnet_verify(*words: str | Path) -> Done:
    run = carnet(environment(), "verify", *map(str, words))
    return Done(run.returncode, run.stdout, run.stderr)


def exported(folder: Path, made: World | None = None, **overrides: object) -> Path:
    path = folder / "passport.bundle"
    path.write_bytes(emit_bundle((made or world()).bundle(**overrides)))
    return path


def test_an_allowing_passport_for_exactly_this_exits_0_and_says_the_decision_first(tmp_path: Path) -> None:
    done = carnet_verify(exported(tmp_path), "--key", PINNED, *FOR, *THEN)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("ALLOW   checkout-api -> production")
    assert "revocations known as of" in done.out
    assert "not checked" in done.out


def test_an_authentic_passport_for_something_else_exits_1(tmp_path: Path) -> None:
    bundle = exported(tmp_path)
    other = [*FOR[:-1], "sha256:" + "ab" * 32]
    done = carnet_verify(bundle, "--key", PINNED, *other, *THEN)
    assert done.status == 1
    assert "no: it is for the artifact" in done.out
    assert carnet_verify(bundle, "--key", PINNED, *FOR, "--at", format_time(NOW + timedelta(days=2))).status == 1
    assert carnet_verify(bundle, "--key", PINNED, *FOR).status == 1, "it ended long ago"


def test_the_artifact_may_be_the_file_itself(tmp_path: Path) -> None:
    bundle, file = exported(tmp_path), tmp_path / "checkout.tar.gz"
    file.write_bytes(b"another artifact")
    done = carnet_verify(bundle, "--key", PINNED, *FOR[:-1], file, *THEN)
    assert (done.status, "no: it is for the artifact" in done.out) == (1, True)
    done = carnet_verify(
        exported(tmp_path, artifact=digest_text(sha256(b"another artifact"))), "--key", PINNED, *FOR[:-1], file, *THEN
    )
    assert (done.status, done.out.split()[0]) == (0, "ALLOW")
    named = tmp_path / ARTIFACT.removeprefix("sha256:")
    named.write_bytes(b"not what it is called")
    done = carnet_verify(bundle, "--key", PINNED, *FOR[:-1], named, *THEN)
    assert (done.status, "no: it is for the artifact" in done.out) == (1, True)
    done = carnet_verify(bundle, "--key", PINNED, *FOR[:-1], tmp_path / "nowhere", *THEN)
    assert (done.status, "neither sha256: and 64 hex digits nor a file" in done.err) == (2, True)


def test_a_decision_counts_and_not_whether_the_pipeline_went_on(tmp_path: Path) -> None:
    bundle = exported(tmp_path, decision="HOLD", mode="shadow", proceed=True)
    done = carnet_verify(bundle, "--key", PINNED, *FOR, *THEN)
    assert (done.status, done.out.split()[0]) == (1, "HOLD")
    assert carnet_verify(bundle, "--key", PINNED, "--authentic").status == 0


def test_a_canary_must_be_said(tmp_path: Path) -> None:
    bundle = exported(tmp_path, decision="ALLOW_WITH_CANARY")
    assert carnet_verify(bundle, "--key", PINNED, *FOR, *THEN).status == 1
    assert carnet_verify(bundle, "--key", PINNED, *FOR, *THEN, "--canary").status == 0


def test_a_passport_whose_inputs_are_not_all_in_the_file_allows_nothing_and_says_so(tmp_path: Path) -> None:
    bundle = exported(tmp_path, inputs_omitted=3)
    done = carnet_verify(bundle, "--key", PINNED, *FOR, *THEN)
    assert (done.status, done.out.split()[0]) == (1, "ALLOW")
    assert "no: 3 of its inputs are not here" in done.out
    authentic = carnet_verify(bundle, "--key", PINNED, "--authentic")
    assert authentic.status == 0
    assert "not checked: 3 more inputs" in authentic.out


def test_what_is_not_authentic_exits_77_and_says_why(tmp_path: Path) -> None:
    bundle = exported(tmp_path)
    done = carnet_verify(bundle, "--key", signer(66).public.key_id, *FOR, *THEN)
    assert done.status == 77
    assert done.out.startswith("NOT AUTHENTIC\n")
    bundle.write_bytes(bundle.read_bytes().replace(b"carol", b"carla"))
    assert carnet_verify(bundle, "--key", PINNED, "--authentic").status == 77
    bundle.write_bytes(b"\xff")
    assert carnet_verify(bundle, "--key", PINNED, "--authentic").status == 77
    assert carnet_verify(bundle).status == 77


def test_an_envelope_that_is_gone_and_a_foreign_workspace_with_the_same_names_exit_77(tmp_path: Path) -> None:
    made, foreign = world(), World(root=signer(66), decision=signer(67))
    foreign.report()
    whole, stranger = made.bundle(), foreign.bundle()
    path = tmp_path / "passport.bundle"
    for bundle in (replace(whole, inputs=whole.inputs[1:]), stranger):
        path.write_bytes(emit_bundle(bundle))
        assert carnet_verify(path, "--key", PINNED, *FOR, *THEN).status == 77
    path.write_bytes(emit_bundle(stranger))
    assert carnet_verify(path, "--key", signer(66).public.key_id, "--authentic").status == 0


def test_without_a_key_it_shows_the_fingerprint_to_compare_and_exits_2(tmp_path: Path) -> None:
    done = carnet_verify(exported(tmp_path), *FOR, *THEN)
    assert done.status == 2
    assert PINNED in done.out
    assert "ALLOW" not in done.out


@pytest.mark.parametrize(
    "words",
    [
        [],
        FOR[:4],
        FOR[2:],
        [*FOR, "--key", "sha256:1"],
        [*FOR, "--at", "tomorrow"],
        [*FOR[:-1], "abc"],
        [*FOR, "--surely"],
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, words: list[str]) -> None:
    assert carnet_verify(exported(tmp_path), "--key", PINNED, *words).status == 2
    assert carnet_verify(tmp_path / "none", "--key", PINNED, *FOR).status == 2


def test_the_root_key_is_a_fingerprint_or_a_key_or_a_file_that_holds_one(tmp_path: Path) -> None:
    bundle, spki = exported(tmp_path), b64encode(root_signer().public.spki)
    files = {
        "fingerprint": PINNED + "\n",
        "key": spki,
        "pem": f"-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    for key in (PINNED, spki, *(str(tmp_path / name) for name in files)):
        assert carnet_verify(bundle, "--key", key, "--authentic").status == 0
    (tmp_path / "secret").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    done = carnet_verify(bundle, "--key", tmp_path / "secret", "--authentic")
    assert (done.status, "AAAA" in done.err) == (2, False)


def test_a_newer_keyring_that_calls_a_key_compromised_exits_77_and_one_that_does_not_is_named(tmp_path: Path) -> None:
    made = world()
    bundle = exported(tmp_path, made)
    for since, status in ((NOW, 77), (NOW + timedelta(days=1), 0)):
        newer = keyring_that_revokes(made, since).to_bytes()
        answers = {
            "alone": newer + b"\n",
            "all": emit_keyring([made.keyrings[0].to_bytes(), newer], root_signer().public.spki),
        }
        for name, content in answers.items():
            (tmp_path / name).write_bytes(content)
            words = [*FOR, *THEN, "--keyring", str(tmp_path / name)]
            done = carnet_verify(bundle, "--key", PINNED, *words)
            assert done.status == status
            assert ("keyring version 2" in done.out) == (status == 0)


def test_programs_get_one_line_of_json(tmp_path: Path) -> None:
    bundle = exported(tmp_path)
    done = carnet_verify(bundle, "--key", PINNED, *FOR, *THEN, "--output", "json")
    said = json.loads(done.out)
    assert (said["decision"], said["authentic"], said["allowed"], said["objections"]) == ("ALLOW", True, True, [])
    assert said["roots"] == [PINNED]
    other = json.loads(carnet_verify(bundle, "--key", signer(66).public.key_id, *FOR, "--output", "json").out)
    assert (other["authentic"], other["code"]) == (False, "unknown_key")
    authentic = json.loads(carnet_verify(bundle, "--key", PINNED, "--authentic", "--output", "json").out)
    assert (authentic["authentic"], authentic["allowed"]) == (True, False)


def test_replay_judges_again_and_another_answer_or_another_engine_has_an_exit_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "passport.bundle"
    for overrides, status in (({}, 0), ({"headline": "All is well."}, 77), ({"engine": "1"}, 75)):
        path.write_bytes(emit_bundle(Judged().bundle(**overrides)))
        assert carnet_verify(path, "--key", PINNED, *FOR, *THEN).status == 0
        done = carnet_verify(path, "--key", PINNED, *FOR, *THEN, "--replay")
        assert done.status == status
        assert ("judged again by engine" in done.out) == (status == 0)
        assert ("headline" in done.out) == (status == 77)
        assert ("version 1 of the engine" in done.err) == (status == 75)


def test_it_opens_no_socket(tmp_path: Path) -> None:
    words = [command("carnet"), "verify", str(exported(tmp_path)), "--key", PINNED, *FOR, *THEN]
    run = watched(words, tmp_path / "trace")
    assert run.status == 0, run.err
    run.opened_no_socket()
