from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.config import KNOBS, Settings, expectation, variable
from sureshot.config_sources import LoadedSettings, load_settings, origin_rows
from sureshot.domain.errors import ConfigurationError

SOURCE = Path(__file__).parent.parent / "src" / "sureshot"
OPTIONAL = ("api_token", "admin_token", "secret_key", "metrics_port", "proxy_url", "ca_file")


def load(
    environ: dict[str, str] | None = None,
    toml: Path | None = None,
    flags: dict[str, object] | None = None,
) -> LoadedSettings:
    return load_settings(environ or {}, toml, flags or {})


def complaint(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    return caught.value.detail


def toml_file(folder: Path, text: str) -> Path:
    path = folder / "sureshot.toml"
    path.write_text(text)
    return path


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    path = toml_file(tmp_path, 'port = 1\nlease_s = 40\nhost = "127.0.0.3"')
    loaded = load({"SURESHOT_PORT": "2", "SURESHOT_LEASE_S": "50"}, toml=path, flags={"port": 3})
    settings, origins = loaded.settings, loaded.origins
    assert (settings.port, origins["port"]) == (3, "flag")
    assert (settings.lease_s, origins["lease_s"]) == (50.0, "environment")
    assert (settings.host, origins["host"]) == ("127.0.0.3", str(path))
    assert (settings.drain_s, origins["drain_s"]) == (20.0, "default")


def test_without_any_source_everything_has_its_default(tmp_path: Path) -> None:
    loaded = load(toml=tmp_path / "sureshot.toml")
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("SURESHOT_PROT", "SURESHOT_PORT"),
        ("SURESHOT_TIMEOUT", "SURESHOT_TIMEOUT_S"),
        ("SURESHOT_RETRY_SCHEDULE", "SURESHOT_RETRY_SCHEDULE_S"),
        ("SURESHOT_port", "SURESHOT_PORT"),
        ("SURESHOT_URI", "SURESHOT_URL"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(given: str, nearest: str) -> None:
    assert complaint({given: "1"}) == f"{given} is no setting; did you mean {nearest}?"


def test_a_variable_like_no_other_points_to_the_list() -> None:
    assert "sureshot config" in complaint({"SURESHOT_XYZZYXYZZY": "1"})


def test_variables_of_others_and_those_of_the_command_line_are_no_settings() -> None:
    others = {"PATH": "/bin", "SURESHOT_URL": "http://x", "SURESHOT_CONFIG": "f", "SURE": "1"}
    assert load(others).settings == Settings()


def test_an_unknown_key_in_the_file_names_file_and_nearest(tmp_path: Path) -> None:
    path = toml_file(tmp_path, "prot = 1")
    with pytest.raises(ConfigurationError) as caught:
        load(toml=path)
    assert caught.value.detail == f"{path}: prot is no setting; did you mean port?"


def test_a_broken_file_is_an_error_that_names_it_and_the_place(tmp_path: Path) -> None:
    path = toml_file(tmp_path, "port = \n")
    with pytest.raises(ConfigurationError, match=f"cannot read {re.escape(str(path))}.*line 1"):
        load(toml=path)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("PORT", "abc", "'abc': must be a whole number from 0 to 65535"),
        ("PORT", "65536", "65536: must be a whole number from 0 to 65535"),
        ("PORT", "-1", "-1: must be a whole number from 0 to 65535"),
        ("PORT", "80.5", "must be a whole number from 0 to 65535"),
        ("PORT", "", "must be a whole number"),
        ("LEASE_S", "nan", "nan: must be a number from 12 to 3600 s"),
        ("RETENTION_DAYS", "inf", "inf: must be a number from 0 to 3650 days"),
        ("TIMEOUT_S", "0.5", "must be a number from 1 to 3590 s"),
        ("MAX_IN_FLIGHT", "0", "must be a whole number from 1 to 1000000"),
        ("QUEUE_LIMIT", "0", "must be a whole number of at least 1"),
        ("MAX_BODY_BYTES", "1GiB", "must be a whole number from 1 to 67108864 bytes"),
        ("EXPRESS", "maybe", "'maybe': must be true or false"),
        ("LOG_LEVEL", "loud", "loud: must be one of debug, info, warning, error"),
        ("LOG_FORMAT", "xml", "must be one of auto, console, json"),
        ("QUEUE_URL", "redis://u:hidden@broker/", "must be memory:// or amqp://"),
        ("DATABASE_URL", "sqlite:///", "must be sqlite:///path/to/file.db"),
        ("DATABASE_URL", "mysql://u:hidden@db/x", "must be sqlite:///path/to/file.db"),
        ("HOST", "", "must not be empty"),
        ("RETRY_SCHEDULE_S", "5,x", "must be numbers from 0 to 2592000 s, separated by commas"),
        ("RETRY_SCHEDULE_S", "5,-1", "must be numbers from 0 to 2592000 s, separated by commas"),
        ("ALLOWED_NETWORKS", "10.0.0.0/8,lan", "'lan' is no network"),
        ("SECRET_KEY", "aGlkZGVu", "must be the base64 of 32 bytes"),
        ("API_TOKEN", "hidden token", "must be printable ASCII without spaces"),
        ("ADMIN_TOKEN", "hidden\n", "must be printable ASCII without spaces"),
        ("PROXY_URL", "socks5://u:hidden@proxy:1080", "must be http://host:port"),
        ("PROXY_URL", "u:hidden/@proxy", "must be http://host:port"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_would_be_right(
    name: str, value: str, right: str
) -> None:
    detail = complaint({f"SURESHOT_{name}": value})
    assert detail.startswith(f"SURESHOT_{name}=")
    assert right in detail
    assert "hidden" not in detail


def test_a_wrong_value_in_the_file_or_a_flag_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = toml_file(tmp_path, 'port = "x"')
    with pytest.raises(ConfigurationError, match=rf"^{re.escape(str(path))}: port='x': must be"):
        load(toml=path)
    with pytest.raises(ConfigurationError, match=r"^--port=70000: must be"):
        load(flags={"port": 70000})


@pytest.mark.parametrize(
    ("environ", "right"),
    [
        ({"SURESHOT_TIMEOUT_S": "50.5"}, "SURESHOT_LEASE_S"),
        ({"SURESHOT_LEASE_S": "20"}, "SURESHOT_TIMEOUT_S=15"),
        ({"SURESHOT_CLIENT_KEY_FILE": "key.pem"}, "SURESHOT_CLIENT_CERT_FILE"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    environ: dict[str, str], right: str
) -> None:
    assert right in complaint(environ)


def test_the_longest_timeout_ends_ten_seconds_before_the_lease() -> None:
    assert load({"SURESHOT_TIMEOUT_S": "50"}).settings.timeout_s == 50.0


def test_lists_are_separated_by_commas_or_written_as_lists(tmp_path: Path) -> None:
    environ = {
        "SURESHOT_ALLOWED_NETWORKS": " 127.0.0.0/8, ::1/128 ,",
        "SURESHOT_RETRY_SCHEDULE_S": "1,2.5",
    }
    settings = load(environ).settings
    assert settings.allowed_networks == ("127.0.0.0/8", "::1/128")
    assert settings.retry_schedule_s == (1.0, 2.5)
    path = toml_file(tmp_path, 'allowed_networks = ["10.0.0.0/8"]\nretry_schedule_s = [1, 2.5]')
    settings = load(toml=path).settings
    assert settings.allowed_networks == ("10.0.0.0/8",)
    assert settings.retry_schedule_s == (1.0, 2.5)


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_setting_left_empty_counts_as_not_given(name: str) -> None:
    loaded = load({variable(name): ""})
    assert getattr(loaded.settings, name) is None
    assert loaded.origins[name] == "default"


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    loaded = load(
        {
            "SURESHOT_API_TOKEN": "hidden-1",
            "SURESHOT_ADMIN_TOKEN": "hidden-2",
            "SURESHOT_SECRET_KEY": "aGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVuaGk=",
            "SURESHOT_PROXY_URL": "http://user:hidden-3@proxy:3128",
        }
    )
    rows = {row[0]: row[1] for row in origin_rows(loaded)}
    for shown in (repr(loaded), repr(rows)):
        assert "hidden" not in shown
        assert "aGlkZGVu" not in shown
        assert "user" not in rows["SURESHOT_PROXY_URL"]
    assert rows["SURESHOT_PROXY_URL"] == "http://********@proxy:3128"
    assert rows["SURESHOT_API_TOKEN"] == "********"


def test_every_setting_says_what_it_means_and_what_it_accepts() -> None:
    rows = origin_rows(load())
    assert [row[0] for row in rows] == [variable(field.name) for field in fields(Settings)]
    for name, knob in KNOBS.items():
        assert knob.meaning
        assert expectation(name)
        if name.endswith(("_s", "_bytes", "_days")):
            assert knob.unit == {"s": "s", "bytes": "bytes", "days": "days"}[name.split("_")[-1]]


@given(st.integers())
def test_a_port_is_taken_exactly_when_it_is_one(port: int) -> None:
    if 0 <= port <= 65535:
        assert load({"SURESHOT_PORT": str(port)}).settings.port == port
    else:
        assert "SURESHOT_PORT" in complaint({"SURESHOT_PORT": str(port)})


def test_tokens_are_kept_beside_the_database() -> None:
    settings = load({"SURESHOT_DATABASE_URL": "sqlite:////var/lib/sureshot/db.sqlite"}).settings
    assert settings.data_dir == Path("/var/lib/sureshot")
    assert Settings().data_dir == Path("data")


def test_the_environment_is_read_in_one_place_only() -> None:
    readers = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)\b|from os import", path.read_text())
    }
    assert readers == {"cli/deployment.py"}
