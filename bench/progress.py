"""A line for each step, with the seconds since the start."""

import time

_BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {text}", flush=True)
