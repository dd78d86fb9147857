"""Files that must agree with one another: locks, Dockerfiles, docker-compose.yml, the Makefile's help."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import points.metrics  # noqa: F401  a service's own figures are known once it is imported
from common.runtime.metrics import REGISTRY
from stack import compose
from stack.paths import COMPOSE_FILE, ROOT
from stack.plan import plan_in
from stack.provision import SERVICES
from stack.secrets import secrets_in

LOCK = ROOT / "requirements.lock"
IMAGE_LOCKS = [*ROOT.glob("libs/*/requirements.lock"), *ROOT.glob("services/*/requirements.lock")]
IMAGE_LOCKS += [*ROOT.glob("deploy/*/requirements.lock")]
PROJECTS = [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]


def versions_of(lock: Path) -> set[str]:
    return set(re.findall(r"^([A-Za-z0-9._-]+==[^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def names_of(lock: Path) -> set[str]:
    return {canonicalize_name(pinned.partition("==")[0]) for pinned in versions_of(lock)}


@pytest.mark.parametrize("lock", IMAGE_LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_image_has_the_versions_that_were_tested(lock: Path) -> None:
    assert versions_of(lock) <= versions_of(LOCK), "run `make lock`"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.parent.name)
def test_every_declared_dependency_is_locked(project: Path) -> None:
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {canonicalize_name(Requirement(line).name) for line in declared}
    theirs = {name for name in names if not name.startswith("loyalty-")}
    assert theirs <= names_of(LOCK), "run `make lock`"
    if (image := project.with_name("requirements.lock")).exists():
        assert theirs <= names_of(image), "run `make lock`"


@pytest.mark.parametrize(
    "lock", [ROOT / "requirements.lock", *IMAGE_LOCKS], ids=lambda lock: str(lock.relative_to(ROOT))
)
def test_lock_names_hashes_and_no_addresses(lock: Path) -> None:
    content = lock.read_text(encoding="utf-8")
    assert "://" not in content
    assert "--index" not in content
    assert len(re.findall(r"==[^\n]*\\\n\s+--hash", content)) == len(re.findall(r"^[^\s#]+==", content, re.MULTILINE))


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return content


def test_each_service_migrates_before_it_runs(described: dict[str, Any]) -> None:
    for service in SERVICES:
        migrate = described["services"][f"{service}-migrate"]
        assert migrate["build"]["dockerfile"] == f"services/{service}/Dockerfile"
        assert migrate["depends_on"]["provision"]["condition"] == "service_completed_successfully"
        for kind in ("api", "worker"):
            part = described["services"][f"{service}-{kind}"]
            assert part["image"] == migrate["image"]
            assert part["depends_on"][f"{service}-migrate"]["condition"] == "service_completed_successfully"


def test_only_services_that_keep_personal_data_have_the_master_keys(described: dict[str, Any]) -> None:
    holders = {name.partition("-")[0] for name, part in described["services"].items() if "MASTER_KEYS" in str(part)}
    assert holders == {"members", "points", "notify"}


def test_ports_are_published_on_loopback_only(described: dict[str, Any]) -> None:
    published = [port for part in described["services"].values() for port in part.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_is_told_everything_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "COMPOSE_ENVIRONMENT", tmp_path / "compose.env")
    compose.write_environment(plan_in(tmp_path / "ports.json", keep=()), secrets_in(tmp_path / "secrets.json"))
    told = {line.partition("=")[0] for line in (tmp_path / "compose.env").read_text(encoding="utf-8").splitlines()}
    asked = set(re.findall(r"\$\{([A-Z_]+):\?\}", COMPOSE_FILE.read_text(encoding="utf-8")))
    assert asked <= told
    assert (tmp_path / "compose.env").stat().st_mode & 0o777 == 0o600


def test_make_alone_lists_every_command() -> None:
    helped = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    commands = [
        "up",
        "down",
        "status",
        "demo",
        "test",
        "test-<room>",
        "check",
        "lint",
        "bench",
        "faults",
        "trace",
        "clean",
        "lock",
    ]
    assert [command for command in commands if not re.search(rf"^  {command}\s", helped, re.MULTILINE)] == []


def test_service_images_run_as_nobody_special_and_tell_their_health() -> None:
    for service in SERVICES:
        content = (ROOT / "services" / service / "Dockerfile").read_text(encoding="utf-8")
        assert "USER 10001:10001" in content
        assert "HEALTHCHECK" in content


def test_alerts_and_dashboard_ask_for_figures_that_exist() -> None:
    exposed = {name for metric in [*REGISTRY.collect()] for name in _series_of(metric.name, metric.type)}
    watched = [ROOT / "deploy" / "monitoring" / name for name in ("alerts.yml", "dashboard.json")]
    asked = {name for file in watched for name in re.findall(r"loyalty_[a-z_]+", file.read_text(encoding="utf-8"))}
    assert asked
    assert asked <= exposed


def _series_of(name: str, kind: str) -> list[str]:
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(kind, [""])
    return [name + suffix for suffix in suffixes]
