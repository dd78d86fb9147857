"""The native stack: it ends only what it started, leaves nothing outside its folder, and keeps what was committed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from stack.account import Account, Place
from stack.plan import plan_in
from stack.ports import Ports, is_free
from stack.processes import Process, spawn
from stack.progress import StackError
from stack.provision import provide_database
from stack.secrets import secrets_in
from stack.services import unready
from tests.servers import Servers

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_started_process_is_remembered_and_ended(tmp_path: Path) -> None:
    process = spawn(SLEEP, log=tmp_path / "log", environment={}, folder=tmp_path)
    process.save(tmp_path / "pid.json")
    remembered = Process.load(tmp_path / "pid.json")
    assert remembered is not None
    assert remembered.alive()
    remembered.stop()
    assert not remembered.alive()


def test_ended_process_leaves_no_zombie_that_would_keep_its_lock_file(tmp_path: Path) -> None:
    process = spawn(SLEEP, log=tmp_path / "log", environment={}, folder=tmp_path)
    process.send(signal.SIGKILL)
    while process.alive():
        time.sleep(0.01)
    assert process.gone_within(1)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_process_that_got_an_old_pid_is_never_ended(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        real = Process.of(stranger.pid, log=tmp_path / "log")
        assert real is not None
        remembered = Process(pid=stranger.pid, start_ticks=real.start_ticks - 1, log="")
        assert not remembered.alive()
        remembered.stop()
        remembered.send(signal.SIGKILL)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_answer_of_a_stranger_on_our_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    port = Ports().pick()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    stranger = spawn(command, log=tmp_path / "stranger", environment={}, folder=tmp_path)
    ours = spawn(SLEEP, log=tmp_path / "ours", environment={}, folder=tmp_path)
    try:
        while unready(f"http://127.0.0.1:{port}/") is not None:
            assert stranger.alive()
        assert stranger.listens(port)
        assert not ours.listens(port)
    finally:
        stranger.stop()
        ours.stop()


def test_failure_shows_the_last_lines_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    report = StackError("It did not start.", log=log).report(lines=3)
    assert report.startswith("It did not start.")
    assert report.splitlines()[-3:] == ["line 97", "line 98", "line 99"]


def test_ports_are_kept_unless_somebody_else_has_taken_them(tmp_path: Path) -> None:
    before = plan_in(tmp_path / "ports.json", keep=())
    assert plan_in(tmp_path / "ports.json", keep=()) == before
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", str(before.ports["postgres"]), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as stranger:
        try:
            while is_free(before.ports["postgres"]):
                assert stranger.poll() is None
            after = plan_in(tmp_path / "ports.json", keep=())
        finally:
            stranger.kill()
    assert after.ports["postgres"] != before.ports["postgres"]
    assert {**after.ports, "postgres": 0} == {**before.ports, "postgres": 0}


def test_no_port_is_handed_out_twice() -> None:
    ports = Ports()
    picked = [ports.pick(8001) for _ in range(50)]
    assert len(set(picked)) == 50


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    made = secrets_in(tmp_path / "secrets.json")
    assert secrets_in(tmp_path / "secrets.json") == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    passwords = [*made.databases.values(), *made.broker_users.values(), made.database_admin, made.broker_admin]
    assert len(set(passwords)) == len(passwords)


class ShutOut(Account):
    """An account that may not enter the folder of the checkout."""

    def can_enter(self, folder: Path) -> bool:
        return False


def test_data_in_a_closed_checkout_move_out_for_the_run_and_come_home(tmp_path: Path) -> None:
    place = Place(tmp_path / "postgres", ShutOut(()))
    running = place.enter()
    (running / "data").write_text("kept")
    assert running.is_relative_to("/var/tmp")
    assert Place(tmp_path / "postgres", ShutOut(())).enter() == running, "after a crash it is found again"
    place.leave()
    assert (tmp_path / "postgres" / "data").read_text() == "kept"
    assert not running.parent.exists()
    assert sorted(os.listdir(tmp_path)) == ["postgres"]


async def test_no_service_may_enter_the_database_of_another(servers: Servers) -> None:
    names = [f"rights_{os.urandom(3).hex()}" for _ in range(2)]
    admin = await asyncpg.connect(servers.database_url)
    try:
        for name in names:
            await provide_database(servers.database_url, database=name, role=name, password="test")
        own = await asyncpg.connect(servers.database(names[0], role=names[0]))
        assert (
            await own.fetchval("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = user")
            is False
        )
        await own.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(servers.database(names[1], role=names[0]))
    finally:
        for name in names:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await admin.execute(f'DROP ROLE IF EXISTS "{name}"')
        await admin.close()
