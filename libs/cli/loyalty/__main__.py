"""`loyalty` and `python -m loyalty`."""

import sys

from loyalty.main import app


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                encoding="utf-8", errors="replace"
            )  # names are Chinese whatever the terminal's locale says
    app(prog_name="loyalty")


if __name__ == "__main__":
    main()
