"""A dcache node and a Redis server beside each other: where they are, a Redis server of one's own, and what they say as trees.
Not here: what is asked, and what counts as alike."""
import argparse
import contextlib
import socket
import subprocess
import tempfile
import time


def options(doc):
    """The options that all comparisons have."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--dcache", required=True)
    parser.add_argument("--redis", help="none: `redis-server` from the PATH is started, and ended again")
    parser.add_argument("--seed", type=int, default=1)
    return parser


@contextlib.contextmanager
def redis_server(address):
    """The address, or that of a server that lives as long as this."""
    if address:
        yield address
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        words = ["--port", str(port), "--save", "", "--dir", home, "--hash-max-listpack-entries", "128"]
        process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


class Server:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, commands):
        out = bytearray()
        for command in commands:
            out += b"*%d\r\n" % len(command)
            for word in command:
                out += b"$%d\r\n%s\r\n" % (len(word), word)
        self.socket.sendall(out)

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += data

    def line(self):
        while True:
            end = self.buffer.find(b"\r\n")
            if end >= 0:
                line, self.buffer = self.buffer[:end], self.buffer[end + 2:]
                return line
            self.more()

    def value(self):
        """A reply as a tree: (kind, value)."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in b"+-:_,#(":
            return (kind, rest)
        if kind in b"$=":
            length = int(rest)
            if length < 0:
                return (b"_", b"2$")
            while len(self.buffer) < length + 2:
                self.more()
            text, self.buffer = self.buffer[:length], self.buffer[length + 2:]
            return (kind, text)
        count = int(rest)
        if count < 0:
            return (b"_", b"2*")
        return (kind, [self.value() for _ in range(count * (2 if kind == b"%" else 1))])

    def call(self, *command):
        self.send([[word if isinstance(word, bytes) else str(word).encode() for word in command]])
        return self.value()
