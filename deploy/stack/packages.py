"""Where Debian's PostgreSQL and RabbitMQ are, and how they come onto the machine when they are missing."""

import os
import shutil
import subprocess
from pathlib import Path

from stack.progress import StackError, step

_POLICY = Path("/usr/sbin/policy-rc.d")
_MINIMUM_POSTGRES = 15


def postgres_programs() -> Path | None:
    """The folder with initdb and postgres of the newest installed version (15 or later)."""
    found = [
        (int(folder.parent.name), folder)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and (folder / "initdb").exists()
    ]
    usable = [folder for version, folder in sorted(found) if version >= _MINIMUM_POSTGRES]
    return usable[-1] if usable else None


def rabbitmq_server() -> Path | None:
    """The server's own start script; the one in the path would switch to another user."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return script if script.exists() else None


def require() -> None:
    """Install what is missing. Raises StackError, which says what to install, where that is not possible."""
    missing = [
        package
        for package, there in (("postgresql", postgres_programs()), ("rabbitmq-server", rabbitmq_server()))
        if there is None
    ]
    if not missing:
        return
    advice = f"Please install PostgreSQL {_MINIMUM_POSTGRES} or later and RabbitMQ 3.10 or later, or start Docker.\n"
    command = f"On Debian or Ubuntu:  sudo apt-get install --no-install-recommends {' '.join(missing)}"
    root = _as_root()
    if shutil.which("apt-get") is None or root is None:
        raise StackError(
            f"{' and '.join(missing)} not found, and this user may not install packages.\n{advice}{command}"
        )
    with step(f"install {' and '.join(missing)} (Debian)") as line:
        line.note = _install(root, missing)
    if postgres_programs() is None or rabbitmq_server() is None:
        raise StackError(f"Installed, but not found where Debian puts it.\n{advice}{command}")


def _as_root() -> list[str] | None:
    """The prefix that makes a command run as root; None if there is no way."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def _install(root: list[str], packages: list[str]) -> str:
    """Debian starts a server when it installs one; ours are private, so that one stays down, now and after a boot."""
    held_back = not _POLICY.exists()
    if held_back:
        _run([*root, "sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' >{_POLICY} && chmod +x {_POLICY}"])
    try:
        apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        _run([*apt, "update"])
        _run([*apt, "install", "-y", "--no-install-recommends", *packages])
    finally:
        if held_back:
            _run([*root, "rm", "-f", str(_POLICY)])
    if Path("/run/systemd/system").exists():
        _run([*root, "systemctl", "disable", "--quiet", *packages])  # the units are named as the packages
    return "ok, Debian's own servers stay switched off"


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = (result.stdout + result.stderr).strip().splitlines()[-15:]
        raise StackError(f"`{' '.join(command)}` failed:\n" + "\n".join(lines))
