"""Ways out of an instance whose network is off.

facts: port, of TCP and UDP listeners on the loopback of the host; name, of an abstract socket;
socket, the path of another.
"""

import os
import socket
import struct

from attempts import Refused, require, words_of

MPTCP = 262
VSOCK = 40
PREFIXES = (b"eth", b"en", b"wl", b"docker", b"veth", b"br-", b"tap")
"""Of names that no new network namespace has by itself."""


def _connect(family, address, protocol=0, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind, protocol) as client:
        client.settimeout(2)
        client.connect(address)


def connections(facts):
    port = facts["port"]

    def udp():
        # Answered: that a datagram could be sent proves nothing.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            client.sendto(b"ping", ("127.0.0.1", port))
            require(client.recv(16))

    def fast_open():
        with socket.socket(socket.AF_INET) as client:
            client.settimeout(2)
            client.sendto(b"x", 0x20000000, ("127.0.0.1", port))  # MSG_FASTOPEN

    return words_of(
        [
            ("TCP", lambda: _connect(socket.AF_INET, ("127.0.0.1", port))),
            ("TCP fast open", fast_open),
            ("MPTCP", lambda: _connect(socket.AF_INET, ("127.0.0.1", port), MPTCP)),
            ("UDP", udp),
            ("IPv6", lambda: _connect(socket.AF_INET6, ("::1", port))),
            ("IPv4 in IPv6", lambda: _connect(socket.AF_INET6, ("::ffff:127.0.0.1", port))),
        ]
    )


def route(facts):
    """A datagram to an address for documentation, which no network has (RFC 5737)."""

    def attempt():
        _connect(socket.AF_INET, ("192.0.2.1", 53), 0, socket.SOCK_DGRAM)

    return words_of([("a route out", attempt)])


def unix_sockets(facts):
    def sends(address):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"x", address)

    name, path = "\0" + facts["name"] + ".host", facts["socket"]
    return words_of(
        [
            ("abstract", lambda: _connect(socket.AF_UNIX, name)),
            ("abstract datagram", lambda: sends(name + ".datagram")),
            ("pathname", lambda: _connect(socket.AF_UNIX, path)),
        ]
    )


def vsock(facts):
    def make():
        socket.socket(VSOCK, socket.SOCK_STREAM).close()

    def device():
        os.close(os.open("/dev/vsock", os.O_RDONLY))

    return words_of([("a socket", make), ("the device", device)])


def addresses(facts):
    """Which networks the host has: through netlink, /proc and /sys."""

    def netlink():
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as client:
            client.settimeout(2)
            client.send(struct.pack("=IHHIIBxxx", 20, 0x12, 0x301, 1, 0, 0))  # RTM_GETLINK, dump
            answer = client.recv(65536)
            while answer[4:6] != b"\x03\0":  # NLMSG_DONE, on little-endian machines
                # struct rtattr: a type of 3, IFLA_IFNAME, stands before each name.
                if any(b"\x03\0" + prefix in answer for prefix in PREFIXES):
                    return
                answer = client.recv(65536)
        raise Refused

    def from_file():
        with open("/proc/net/dev", "rb") as file:
            require(_has_other_name(line.split(b":")[0].strip() for line in list(file)[2:]))

    def from_sys():
        require(_has_other_name(name.encode() for name in os.listdir("/sys/class/net")))

    def sockets():
        with open("/proc/net/unix", "rb") as file:
            require(facts["name"].encode() + b".host" in file.read())

    def interfaces():
        require(_has_other_name(name.encode() for _, name in socket.if_nameindex()))

    def connections_of_host():
        with open("/proc/net/tcp") as file:
            require(f":{facts['port']:04X} " in file.read())

    return words_of(
        [
            ("netlink", netlink),
            ("if_nameindex", interfaces),
            ("/proc/net/dev", from_file),
            ("/sys/class/net", from_sys),
            ("sockets", sockets),
            ("connections", connections_of_host),
        ]
    )


def _has_other_name(names):
    return any(name.startswith(PREFIXES) for name in names)


def namespaces(facts):
    """Into a network that is on: that of any other process."""

    def attempt():
        import ctypes

        libc = ctypes.CDLL(None)
        own = os.stat("/proc/self/ns/net").st_ino
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    fd = os.open(f"/proc/{name}/ns/net", os.O_RDONLY)
                except OSError:
                    continue
                if facts["level"] == "none" or os.fstat(fd).st_ino != own:
                    require(libc.setns(fd, 0x40000000) == 0)
                    return
        raise Refused

    return words_of([("setns", attempt)])


ATTACKS = {
    "network off: internet": connections,
    "network off: route": route,
    "network off: unix sockets": unix_sockets,
    "network off: vsock": vsock,
    "network off: addresses of the host": addresses,
    "network off: namespaces of others": namespaces,
}
