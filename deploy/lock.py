"""Chooses library versions: requirements.lock for development, beside each Dockerfile the part that its image needs.

Only names, versions and hashes are written, so that pip takes the files from wherever it is set up to take them.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = ("loyalty-common", "loyalty-cli")
LOCK = ROOT / "requirements.lock"
PROJECTS = sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])
IMAGES = {
    "libs/common/requirements.lock": "libs/common/pyproject.toml",
    "deploy/mailsink/requirements.lock": "deploy/mailsink/requirements.in",
    **{
        f"services/{s}/requirements.lock": f"services/{s}/pyproject.toml"
        for s in ("members", "points", "notify", "analytics")
    },
}
HEADER = "# Written by `make lock`.\n"


def compile_lock(target: Path, sources: list[str], *more: str) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"]
    command += [part for name in OWN for part in ("--no-emit-package", name)]
    command += ["--output-file", str(target), *more, *sources]
    target.write_text(
        target.read_text(encoding="utf-8").removeprefix(HEADER) if target.exists() else "", encoding="utf-8"
    )
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    target.write_text(HEADER + target.read_text(encoding="utf-8"), encoding="utf-8")


def main() -> None:
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    compile_lock(LOCK, ["requirements.in", *(str(file.relative_to(ROOT)) for file in PROJECTS)], *upgrade)
    versions = re.findall(r"^\S+==\S+(?: ;[^\\]*)?", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    limits = ROOT / ".venv" / "versions.txt"
    limits.write_text("\n".join(versions) + "\n", encoding="utf-8")
    for target, source in IMAGES.items():
        compile_lock(ROOT / target, [source], "--constraint", str(limits), "--upgrade")
        print(f"{target} from {source}")


if __name__ == "__main__":
    main()
