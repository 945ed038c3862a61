from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import HereRuns

NOBODY = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("send",), "either a url or --endpoint"),
        (("send", "http://127.0.0.1:1/", "--endpoint", "ep_1"), "either a url or --endpoint"),
        (("send", "http://127.0.0.1:1/", "--data", "hello"), "'\"hello\"'"),
        (("send", "http://127.0.0.1:1/", "--data", ""), "not valid JSON"),
        (("send", "http://127.0.0.1:1/", "--file", "gone.json"), "gone.json: No such file"),
        (("send", "http://127.0.0.1:1/", "--file", "a", "--data", "1"), "not both"),
        (("send", "http://127.0.0.1:1/", "--header", "X-Shop 7"), "'Name: value'"),
        (("send", "http://127.0.0.1:1/", "--timeout", "-1"), "--timeout"),
        (("send", "http://127.0.0.1:1/", "--nope"), "--nope"),
        (("sned",), "No such command 'sned'"),
        (("status",), "ID"),
        (("endpoints", "update", "ep_1"), "nothing to change"),
        (("endpoints", "update", "ep_1", "--rate", "1", "--clear", "rate"), "--clear rate"),
        (("endpoints", "create", "a", "http://x/", "--metadata", "b"), "key=value"),
        (("endpoints", "create", "a", "http://x/", "--retry-schedule", "1,b"), "5,60,600"),
        (("endpoints", "create", "http://x/", "a"), "the name comes first"),
        (("endpoints", "delete", "ep_1"), "--yes"),
        (("sink", "--behaviour", "odd"), "ok, slow, failing"),
        (("sink", "--secret", "whsec_!"), "--secret"),
        (("sink", "--ledger", "gone/ledger"), "gone/ledger: No such file"),
    ],
)
def test_wrong_usage_is_explained_with_exit_code_2(
    here: HereRuns, arguments: tuple[str, ...], complaint: str
) -> None:
    ran = here(*arguments, SURESHOT_URL=NOBODY, SURESHOT_API_TOKEN="t")
    assert ran.code == 2
    assert complaint in ran.err
    assert ran.out == ""


def test_without_a_service_it_says_how_to_start_one(here: HereRuns) -> None:
    ran = here("status", "wh_1", SURESHOT_URL=NOBODY, SURESHOT_API_TOKEN="t")
    assert ran.code == 3
    assert f"no service at {NOBODY} " in ran.err
    assert "sureshot serve" in ran.err


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:8080", "http://", "http://[::1", "http://x:abc", "http://x?y"]
)
def test_an_address_that_is_none_is_a_wrong_setting(here: HereRuns, url: str) -> None:
    ran = here("status", "wh_1", SURESHOT_URL=url, SURESHOT_API_TOKEN="t")
    assert ran.code == 2
    assert "SURESHOT_URL=" in ran.err


def test_without_a_token_it_says_where_it_looked(here: HereRuns) -> None:
    ran = here("status", "wh_1")
    assert ran.code == 2
    assert "SURESHOT_API_TOKEN" in ran.err
    assert "data/tokens.env" in ran.err


@pytest.mark.parametrize(
    ("arguments", "variables", "complaint"),
    [
        (("--role", "api"), {}, "memory:// lives inside one process"),
        (("--role", "worker"), {}, "memory:// lives inside one process"),
        (("--role", "boss"), {}, "boss"),
        (("--port", "70000"), {}, "--port=70000: must be a whole number from 0 to 65535"),
        (("--port", "x"), {}, "--port"),
        ((), {"SURESHOT_PROT": "1"}, "did you mean SURESHOT_PORT?"),
        ((), {"SURESHOT_CONFIG": "gone.toml"}, "SURESHOT_CONFIG=gone.toml"),
    ],
)
def test_a_wrong_start_is_explained_with_exit_code_2(
    here: HereRuns, arguments: tuple[str, ...], variables: dict[str, str], complaint: str
) -> None:
    ran = here("serve", "--port", "0", *arguments, **variables)
    assert ran.code == 2
    assert complaint in ran.err


def test_config_shows_every_setting_with_its_origin_and_no_secret(
    here: HereRuns, tmp_path: Path
) -> None:
    (tmp_path / "sureshot.toml").write_text("lease_s = 90\n")
    given = {"SURESHOT_PORT": "9000", "SURESHOT_API_TOKEN": "hidden"}
    as_json, table = here("config", "--json", **given), here("config", **given)
    rows = {row["name"]: row for row in as_json.json}
    assert (rows["port"]["value"], rows["port"]["origin"]) == ("9000", "environment")
    assert (rows["lease_s"]["value"], rows["lease_s"]["origin"]) == ("90", "sureshot.toml")
    assert (rows["drain_s"]["unit"], rows["drain_s"]["origin"]) == ("s", "default")
    for row in rows.values():
        assert row["setting"] in table.out
        assert row["meaning"] in table.out
    assert "hidden" not in as_json.out + table.out


def test_tokens_before_the_first_start_are_none(here: HereRuns) -> None:
    ran = here("tokens", "show")
    assert ran.code == 1
    assert "sureshot serve" in ran.err


def test_the_version_is_printed(here: HereRuns) -> None:
    plain, as_json = here("version"), here("version", "--json")
    assert plain.out.startswith(f"sureshot {as_json.json['version']} ")
