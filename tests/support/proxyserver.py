"""An HTTP proxy on loopback that knows CONNECT alone, and leads every host to one port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class ProxyServer:
    """`asked` keeps ``HOST:PORT`` of each CONNECT; `login` is the ``Proxy-Authorization`` that is wanted."""

    leads_to: int
    login: str = ""
    address: str = ""
    asked: list[str] = field(default_factory=list)
    silent: bool = False  # takes the connection and never answers

    def serve(self, client: socket.socket) -> None:
        """One connection, until one side ends it."""
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (more := client.recv(4096)):
                head += more
            lines = head.decode("latin-1").split("\r\n")
            self.asked.append(lines[0].removeprefix("CONNECT ").partition(" ")[0])
            if self.silent:
                client.recv(1)
                return
            if self.login and f"proxy-authorization: {self.login}".lower() not in [line.lower() for line in lines]:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.leads_to)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


@contextmanager
def proxy_server(leads_to: int, **how: object) -> Iterator[ProxyServer]:
    """Serve until the block ends."""
    proxy = ProxyServer(leads_to, **how)  # type: ignore[arg-type]  # tests name fields freely
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy.address = f"127.0.0.1:{server.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=proxy.serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        server.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
