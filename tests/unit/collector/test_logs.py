"""The log shows an operator the ids of keys and envelopes, which are public, and no secret, however it looks."""

import json
from typing import Any

import pytest

from collector.logs import json_teller
from collector.masking import PublicId
from shared.secretrules import secret_rules
from tests.helpers.build import NOW

HEX = "7b657fba960de5ffa3d553b0827a13e02fed7fee226156d5918be90b7894f3dc"
ID = f"sha256:{HEX}"


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - a function
    def line(event: str, **facts: object) -> dict[str, Any]:
        json_teller(lambda: NOW, secret_rules())(event, **facts)
        found = json.loads(capsys.readouterr().err)
        assert isinstance(found, dict)
        return found

    return line


def test_ids_of_keys_and_envelopes_are_readable(logged: Any) -> None:  # noqa: ANN401
    found = logged("key_rotated", old=PublicId(ID), new=PublicId(ID), both=[PublicId(ID), 7])
    assert (found["old"], found["new"], found["both"]) == (ID, ID, [ID, 7])


@pytest.mark.parametrize(
    "text",
    [f"api_key={HEX}", f"token: {HEX}", f"password={HEX}", f"key sha256:{HEX}"],
)
def test_the_same_digits_in_any_other_text_are_masked_where_a_rule_says_so(logged: Any, text: str) -> None:  # noqa: ANN401
    shown = logged("not_delivered", detail=text, old=text, id=text)
    assert [HEX in shown[name] for name in ("detail", "old", "id")] == [False] * 3


@pytest.mark.parametrize("text", [HEX, f"{ID} ", f"sha256:{HEX.upper()}", f"{ID}\n", f"x{ID}", "sha256:", f"{ID}0"])
def test_nothing_but_an_id_in_its_one_spelling_is_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        PublicId(text)
