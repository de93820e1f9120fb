"""A forward proxy on the way: says what the test wants to CONNECT, and where that is 200 passes bytes on to `server`, whatever
host was asked for."""
import contextlib
import re
import socket
import threading


class ForwardProxy:
    def __init__(self, answer, server):
        self.answer, self.server = answer, server
        self.heads = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    @staticmethod
    def _start(target, *arguments):
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            self.heads.append(head)
            client.sendall(self.answer)
            if re.match(rb"HTTP/1\.. 2", self.answer):
                with socket.create_connection(("127.0.0.1", self.server.port)) as server:
                    self._start(self._pass, server, client)
                    self._pass(client, server)

    @staticmethod
    def _pass(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        # shutdown() wakes accept() on Linux
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
