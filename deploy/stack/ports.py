"""Free TCP ports of the loopback interface."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections, or one could be taken between the look
# and the use.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A server on all interfaces does not always stop us from binding to one of them.
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Ports:
    """Hands out ports that are free and that it has not handed out before."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def pick(self, wanted: int | None = None) -> int:
        """`wanted` if it is free, else another one."""
        if wanted is not None and wanted not in self._given and is_free(wanted):
            self._given.add(wanted)
            return wanted
        while True:
            port = random.randrange(_FIRST, _LAST)
            if port not in self._given and is_free(port):
                self._given.add(port)
                return port
