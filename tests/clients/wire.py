"""Requests as bytes on a socket and their replies, in both versions of the protocol, for sequences that real clients send."""
import socket


class Error(str):
    """An error reply."""


class Push(list):
    """What the server tells unasked (RESP3)."""


class Wire:
    def __init__(self, address, timeout=10):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.reader = self.socket.makefile("rb")

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))

    def read(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection is closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind in b"$=":
            if rest == "-1":
                return None
            value = self.reader.read(int(rest) + 2)[:-2].decode("utf-8", "surrogateescape")
            return value[4:] if kind == b"=" else value
        if kind in b"*~>":
            if rest == "-1":
                return None
            items = [self.read() for _ in range(int(rest))]
            return Push(items) if kind == b">" else items
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        if kind == b":":
            return int(rest)
        if kind == b",":
            return float(rest)
        if kind == b"#":
            return rest == "t"
        if kind == b"_":
            return None
        if kind == b"-":
            return Error(rest)
        if kind == b"+":
            return rest
        raise ValueError(f"a reply that begins with {line!r}")

    def __call__(self, *words):
        self.send(*words)
        return self.read()

    def pipeline(self, *requests):
        for words in requests:
            self.send(*words)
        return [self.read() for _ in requests]

    def close(self):
        self.socket.close()


def info(text):
    """The fields of INFO."""
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
