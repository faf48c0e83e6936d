"""A socket guard: with this folder on PYTHONPATH, Python reaches this machine and no other.

An audit hook sees every connection and every look-up of a name before it is made, whatever library asks for it, and
cannot be taken out again. Loopback and unix sockets stay open: a kernel talks to its front end through them.
"""

import ipaddress
import sys

NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", ""}
ADDRESS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getnameinfo": 0}
HOST = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}


class NetworkBlocked(OSError):
    """Somebody asked for an address that is not on this machine."""


def _address(host: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as, or None for a name."""
    try:
        return ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return None


def _guard(event: str, arguments: tuple) -> None:
    if event in HOST:
        host = arguments[HOST[event]]
        if host is None or _address(host):  # written as an address, it is not looked up
            return
    elif event in ADDRESS and isinstance(arguments[ADDRESS[event]], tuple):  # a unix socket has a path, not a tuple
        host = arguments[ADDRESS[event]][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    address = _address(host)
    if host not in NAMES and not (address and (address.is_loopback or address.is_unspecified)):
        raise NetworkBlocked(f"the network is blocked in this run: {event.partition('.')[2]} asked for {host!r}")


sys.addaudithook(_guard)
