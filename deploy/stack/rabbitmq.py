"""A private RabbitMQ node: own name service (epmd), cookie and ports on loopback, management and Prometheus plugins."""

import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from stack.management import Management, ManagementError
from stack.packages import rabbitmq_server
from stack.ports import Ports
from stack.processes import Process, spawn
from stack.progress import StackError

ADMIN = "operator"
_READY_SECONDS = 120.0
_HELLO = b"AMQP\x00\x00\x09\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitPorts:
    amqp: int
    management: int
    prometheus: int
    distribution: int
    epmd: int

    @classmethod
    def pick(cls, ports: Ports) -> "RabbitPorts":
        return cls(**{name: ports.pick() for name in ("amqp", "management", "prometheus", "distribution", "epmd")})


@dataclass(slots=True, kw_only=True)
class RabbitMQ:
    """`folder` holds data, settings and cookie; `pids` the pid files of the node and of its name service."""

    folder: Path
    pids: Path
    log: Path
    ports: RabbitPorts
    password: str
    vhost: str = "loyalty"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def management(self) -> Management:
        return Management(f"http://127.0.0.1:{self.ports.management}", ADMIN, self.password)

    @property
    def process(self) -> Process | None:
        found = Process.load(self._pid_file)
        return found if found is not None and found.alive() else None

    @property
    def _pid_file(self) -> Path:
        return self.pids / "rabbitmq.json"

    @property
    def _epmd_file(self) -> Path:
        return self.pids / "epmd.json"

    def launch(self) -> None:
        """Start the node if it is not running; does not wait for it."""
        if self.process is not None:
            return
        script = rabbitmq_server()
        if script is None:
            raise StackError("RabbitMQ is not installed.")
        self._end_epmd()
        self._write_settings()
        process = spawn([str(script)], log=self.log, environment=self._environment(), folder=self.folder)
        process.save(self._pid_file)

    def wait(self) -> str:
        """Wait until the AMQP listener greets and the management API answers; returns the version."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                greet("127.0.0.1", self.ports.amqp)
                version = str(self.management.get("/api/overview")["rabbitmq_version"])
                break
            except (OSError, ManagementError) as error:
                if self.process is None:
                    raise StackError("RabbitMQ ended instead of starting.", log=self.log) from error
                if time.monotonic() > deadline:
                    raise StackError(f"RabbitMQ does not answer: {error}", log=self.log) from error
            time.sleep(0.1)
        self._remember_epmd()
        return version

    def stop(self) -> None:
        """Orderly: messages are kept. Ends the node's own name service too, which would stay otherwise."""
        process = Process.load(self._pid_file)
        if process is not None:
            self._remember_epmd()
            process.stop(number=signal.SIGTERM, timeout_seconds=60)
            self._pid_file.unlink()
        self._end_epmd()

    def kill(self) -> None:
        """End it as a power cut would (-9); `launch` recovers it."""
        process = self.process
        if process is not None:
            process.send(signal.SIGKILL)
            process.gone_within(10)

    def remove(self) -> None:
        """End it without ceremony and delete its data."""
        self._remember_epmd()
        self.kill()
        self._pid_file.unlink(missing_ok=True)
        self._end_epmd()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_settings(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(os.urandom(20).hex(), encoding="ascii")
            cookie.chmod(0o400)
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self.ports.amqp}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.ports.management),
            "prometheus.tcp.ip": "127.0.0.1",
            "prometheus.tcp.port": str(self.ports.prometheus),
            "default_user": ADMIN,
            "default_pass": self.password,
            "default_vhost": self.vhost,
            "collect_statistics_interval": "1000",  # queue lengths at most one second old
            **self.settings,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        config = self.folder / "rabbitmq.conf"
        config.touch(mode=0o600)
        config.write_text(lines, encoding="utf-8")
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n", encoding="ascii")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "loyalty@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.ports.amqp),
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_LOGS": "-",  # to our log file
            "RABBITMQ_PID_FILE": str(self.folder / "node.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # The script replaces itself with the node instead of standing before it: one process, one pid.
            "RUNNING_UNDER_SYSTEMD": "true",
            # Idle schedulers sleep instead of spinning: the machine is shared with the services.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _remember_epmd(self) -> None:
        """The name service is started by the node and outlives it; it is known by the port it was given."""
        wanted = f"ERL_EPMD_PORT={self.ports.epmd}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if not (entry / "cmdline").read_bytes().split(b"\0")[0].endswith(b"epmd"):
                    continue
                if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
            except OSError:  # gone, or another user's
                continue
            process = Process.of(int(entry.name), log=self.log)
            if process is not None:
                process.save(self._epmd_file)

    def _end_epmd(self) -> None:
        process = Process.load(self._epmd_file)
        if process is not None:
            process.stop()
            self._epmd_file.unlink()


def greet(host: str, port: int) -> None:
    """Say hello in AMQP and wait for the answer: the listener is open and the node behind it works. Raises OSError."""
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(_HELLO)
        if not connection.recv(8):
            raise ConnectionError("the AMQP listener hung up")
