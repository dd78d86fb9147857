"""A process says in one line which setting is wrong, and never prints a secret."""

import pytest
from pydantic import SecretStr

from common.runtime.settings import ServiceSettings, load

GOOD = {
    "DATABASE_URL": "postgresql://points:hush@localhost:5432/points",
    "RABBITMQ_URL": "amqp://points:hush@localhost/",
}


class MailSettings(ServiceSettings):
    api_port: int = 8003
    smtp_host: str
    smtp_timeout_seconds: float = 10.0


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServiceSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def refused(
    settings: type[ServiceSettings], capsys: pytest.CaptureFixture[str], needs: tuple[str, ...] = ()
) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        load(settings, needs=needs)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_settings_come_from_unprefixed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "8002")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    settings = load(ServiceSettings)
    assert (settings.api_port, settings.log_level, settings.batch_size, settings.prefetch) == (
        8002,
        "warning",
        500,
        1000,
    )
    assert settings.database_url == SecretStr(GOOD["DATABASE_URL"])


def test_a_missing_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    assert refused(ServiceSettings, capsys) == ["settings: DATABASE_URL is missing"]


def test_each_wrong_setting_has_its_own_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_PORT", "eighty")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    lines = refused(MailSettings, capsys)
    assert [line.split(" is ")[0] for line in lines] == [
        "settings: API_PORT",
        "settings: LOG_LEVEL",
        "settings: SMTP_HOST",
    ]


def test_a_wrong_address_is_refused_without_showing_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hush@localhost/points")
    (line,) = refused(ServiceSettings, capsys)
    assert line.startswith("settings: DATABASE_URL is wrong: must start with postgresql://")
    assert "hush" not in line


def test_an_empty_variable_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    monkeypatch.setenv("BATCH_SIZE", "")
    settings = load(ServiceSettings)
    assert (settings.otel_exporter_otlp_endpoint, settings.batch_size) == ("", 500)


def test_only_a_worker_needs_the_broker(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("RABBITMQ_URL")
    assert load(ServiceSettings).rabbitmq_url.get_secret_value() == ""
    assert refused(ServiceSettings, capsys, needs=("rabbitmq_url",)) == ["settings: RABBITMQ_URL is missing"]


def test_printed_settings_show_no_secret() -> None:
    assert "hush" not in repr(load(ServiceSettings))
