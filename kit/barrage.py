#!/usr/bin/env python3
"""A client of barrage.v1 in Python, made from docs/protocol.md, frames.schema.json and the transcripts alone.

It needs nothing but Python 3.8. A Room connects, comes back and resumes, hands on each message once and in order, and
sends under an id until it has its answer. One thread may use it.

    room = Room("127.0.0.1:9000", "42", "ann", "t")
    room.send("hello")
    for message in room.listen(10):
        print(message["seq"], message["user_id"], message["body"])

"barrage.py ADDR" has a conversation with a node, and says "ok"; "barrage.py ADDR transcripts/*.txt" has those of the
files, frame by frame.
"""
import base64, hashlib, json, os, random, re, socket, struct, sys, time
from urllib.parse import quote, urlencode

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONGEST = 1 << 20  # bytes of a frame, the protocol's
FOR_GOOD = {1002, 1003, 1007, 1009, 4400, 4401, 4403, 4410}  # closes after which one does not come back by oneself


class Closed(Exception):
    """The connection has ended; code is the close code, 1006 for none."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}".strip())
        self.code = code


class Refused(Exception):
    """The server did not do what was asked for."""

    def __init__(self, frame):
        super().__init__(f"{frame['code']}: {frame['message']}")
        self.code, self.retry_after_ms = frame["code"], frame["retry_after_ms"]


class Socket:
    """A WebSocket as RFC 6455 has it, for text, of one thread."""

    def __init__(self, addr, path, protocols, timeout):
        host, port = addr.rsplit(":", 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.raw = socket.create_connection((host, int(port)), timeout)
        self.rest = b""
        self.raw.sendall((f"GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {', '.join(protocols)}\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        want = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())
        if b" 101 " not in head.split(b"\r\n")[0] + b" " or want not in head:
            raise Closed(int(head.split()[1]), "before it opened")

    def more(self):
        data = self.raw.recv(65536)
        if not data:
            raise Closed(1006)
        self.rest += data

    def take(self, n):
        while len(self.rest) < n:
            self.more()
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def send(self, data, opcode=1):
        mask = os.urandom(4)
        size = bytes([128 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data)) if len(data) < 65536 else b"\xff" + struct.pack(">Q", len(data))
        self.raw.sendall(bytes([128 | opcode]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def next(self, timeout):
        """next is the next text; None where none came in time."""
        text = b""
        self.raw.settimeout(timeout)
        try:
            self.rest or self.more()
        except (socket.timeout, TimeoutError):
            return None
        self.raw.settimeout(30)
        while True:
            first, second = self.take(2)
            opcode, size = first & 15, second & 127
            if size > 125:
                size = struct.unpack(">H" if size == 126 else ">Q", self.take(2 if size == 126 else 8))[0]
            if size + len(text) > LONGEST:
                raise Closed(1009)
            data = self.take(size)
            if opcode == 8:
                raise Closed(struct.unpack(">H", data[:2])[0] if len(data) > 1 else 1005, data[2:].decode())
            if opcode == 9:
                self.send(data, 10)
            elif opcode in (0, 1):
                text += data
                if first & 128:
                    return text.decode()
            if opcode in (9, 10) and not text:
                return None

    def close(self):
        self.raw.close()


class Room:
    def __init__(self, addr, room, user_id, token="t"):
        self.addr, self.room, self.user_id, self.token = addr, room, user_id, token
        self.epoch, self.seq, self.ts, self.recovered = None, 0, 0, False
        self.seen, self.inbox, self.answers, self.gaps, self.gone = {}, [], {}, [], []
        self.online = self.likes = 0
        self.ids, self.prefix = 0, "%012x" % random.getrandbits(48)
        self.socket = None

    def connect(self):
        """connect opens a socket, from where the room has got."""
        query = {"user_id": self.user_id}
        if self.epoch is not None:
            query.update(epoch=self.epoch, since=self.seq, **({"ts": self.ts} if self.ts else {}))
        bearer = base64.urlsafe_b64encode(self.token.encode()).decode().rstrip("=")
        self.socket = Socket(self.addr, f"/v1/rooms/{quote(self.room, safe='')}/ws?{urlencode(query)}", ["barrage.v1", "bearer." + bearer], 15)
        while not self.step(15):
            pass  # the first frame is the welcome

    def step(self, timeout):
        """step takes the next frame; False where none came in time. A connection that has ended is made anew."""
        if self.socket is None:
            return self.again()
        try:
            text = self.socket.next(timeout)
        except (Closed, OSError) as err:
            self.socket.close()
            self.socket = None
            if getattr(err, "code", 0) in FOR_GOOD:
                raise
            return False
        if text is not None:
            self.hear(json.loads(text))
        return text is not None

    def again(self):
        bound = 1.0
        while True:
            try:
                self.connect()
                return True
            except (Closed, OSError) as err:
                code = getattr(err, "code", 0)
                if code in FOR_GOOD or 400 <= code < 500 and code not in (408, 429):
                    raise
                time.sleep(random.random() * bound)
                bound = min(30, 2 * bound)

    def hear(self, f):
        t = f["t"]
        if t == "welcome":
            self.user_id, self.online, self.likes, self.recovered = f["user_id"] or self.user_id, f["online"], f["likes"], f["recovered"]
            for r in f["recalled"]:
                self.take_back(r)
            if self.epoch == f["epoch"] and not f["recovered"]:
                first = min((m["seq"] for m in f["messages"] if m["seq"]), default=f["seq"] + 1)
                if first > self.seq + 1:
                    self.gaps.append((self.seq + 1, first - 1))
            self.epoch = f["epoch"]
            for m in f["messages"]:
                self.deliver(m)
            if self.seq != f["seq"]:
                self.seq, self.ts = f["seq"], 0
        elif t == "batch":
            self.epoch = f["epoch"]
            for m in f["messages"]:
                self.deliver(m)
        elif t == "epoch":
            self.epoch, self.seq, self.ts = f["epoch"], f["seq"], f["ts"]
        elif t == "gap":
            self.gaps.append((f["from"], f["to"]))
            self.seq, self.ts = max(self.seq, f["to"]), 0
        elif t == "recalled":
            self.take_back(f)
        elif t in ("ack", "refused", "done", "auth"):
            self.answers[f["id"]] = f
        elif t == "counters":
            self.online, self.likes = f["online"], f["likes"]
        elif t == "reconnect":
            time.sleep(random.random() * f["after_ms"] / 1000)
            self.socket.close()
            self.socket = None
        # other frames are passed over

    def deliver(self, m):
        if m["seq"]:
            self.seq, self.ts = m["seq"], m.get("ts", 0)
        if m.get("recalled"):
            return
        key = (m["user_id"], m["id"]) if m.get("id") else (m["user_id"], m["ts"], m["body"])
        if key not in self.seen:
            self.seen[key] = m["ts"]
            self.inbox.append(m)
            while len(self.seen) > 8192:
                del self.seen[next(iter(self.seen))]

    def take_back(self, r):
        self.gone.append(r)
        self.inbox = [m for m in self.inbox if (m["user_id"], m.get("id", "")) != (r["user_id"], r["id"])]

    def listen(self, seconds):
        """listen gives messages as they come, for so long."""
        end = time.monotonic() + seconds
        while True:
            while self.inbox:
                yield self.inbox.pop(0)
            left = end - time.monotonic()
            if left <= 0:
                return
            self.step(left)

    def ask(self, op, seconds=30):
        """ask says op until it has its answer, with the same id on each connection."""
        self.ids += 1
        op.setdefault("id", f"{self.prefix}-{self.ids}")
        end, said = time.monotonic() + seconds, None
        while time.monotonic() < end:
            if self.socket is None:
                self.again()
            if said is not self.socket:
                said = self.socket
                try:
                    said.send(json.dumps(op).encode())
                except OSError:
                    pass  # step finds out
            answer = self.answers.pop(op["id"], None)
            if answer is None:
                self.step(1)
            elif answer["t"] == "refused" and answer["code"] in ("unconfirmed", "rate_limited", "busy"):
                time.sleep(answer["retry_after_ms"] / 1000)
                said = None
            elif answer["t"] == "refused":
                raise Refused(answer)
            else:
                return answer
        raise TimeoutError(f"no answer to {op['t']} within {seconds} s")

    def send(self, body, **more):
        return self.ask({"t": "send", "body": body, **more})

    def recall(self, seq, epoch=None):
        return self.ask({"t": "recall", "seq": seq, "epoch": self.epoch if epoch is None else epoch})

    def close(self):
        if self.socket:
            self.socket.close()


def converse(addr):
    """converse is what the transcripts have, by this client."""
    name = "python-" + os.urandom(6).hex()
    ann, bob = Room(addr, name, "ann"), Room(addr, name, "bob")
    first = ann.send("hello 弹 \u0000 \"quoted\"", ext={"a": [1, None]})
    assert first["seq"] == 1, first
    assert [m["body"] for m in bob.listen(0.5)] == ["hello 弹 \u0000 \"quoted\""], "the welcome has it"
    assert [m["id"] for m in ann.listen(0.5)] == [first["id"]], "one's own comes once"
    bob.socket.close()  # a cut that nobody has announced
    for n in range(5):
        ann.send(f"meanwhile {n}")
    assert [m["body"] for m in bob.listen(3)] == [f"meanwhile {n}" for n in range(5)] and bob.recovered and not bob.gaps, "it resumed"
    again = ann.send("once", id="mine")
    ann.socket.close()
    assert ann.send("once", id="mine")["seq"] == again["seq"], "the same id is the same message"
    list(ann.listen(0.5))
    try:
        bob.recall(first["seq"])
        raise AssertionError("somebody else's was taken back")
    except Refused as err:
        assert err.code == "forbidden", err
    ann.recall(first["seq"])
    list(bob.listen(0.5))
    assert bob.gone[-1]["id"] == first["id"], bob.gone
    assert Room(addr, name, "cat").send("last")["seq"] == 8
    for room in (ann, bob):
        room.close()
    print("ok")


class Transcript:
    """A transcript's conversation, in a room of its own: README.md says what its lines mean."""

    def __init__(self, addr):
        self.addr, self.known, self.sockets = addr, {"room": "python-" + os.urandom(6).hex()}, {}

    def open(self, query):
        path = "/v1/rooms/" + self.known["room"] + "/ws" + self.fill(query)
        return Socket(self.addr, path, ["barrage.v1", "bearer.dA"], 15)

    def fill(self, text):
        """fill puts values in place of names: of "$n" as JSON, of $n as they are."""
        return re.sub(r'"\$(\w+)"|\$(\w+)', lambda m: json.dumps(self.known[m[1]]) if m[1] else str(self.known[m[2]]), text)

    def match(self, want, got, known):
        """match tells whether got has what want has; known gets the values of names."""
        if isinstance(want, str) and want.startswith("$"):
            return want == "$_" or known.setdefault(want[1:], got) == got
        if isinstance(want, dict):
            return isinstance(got, dict) and all(k in got and self.match(want[k], got[k], known) for k in sorted(want))
        if isinstance(want, list):
            return isinstance(got, list) and len(want) == len(got) and all(self.match(w, g, known) for w, g in zip(want, got))
        return type(want) is type(got) and want == got

    def hear(self, who, wants):
        """hear takes frames until each of wants has come, in any order; counters come when they like."""
        end = time.monotonic() + 15
        while wants:
            text = self.sockets[who].next(max(0.1, end - time.monotonic()))
            assert time.monotonic() < end, f"{who} hears nothing more, want {wants}"
            frame = json.loads(text) if text is not None else {"t": "counters"}
            for i, want in enumerate(wants):
                known = dict(self.known)
                if self.match(want, frame, known):
                    self.known = known
                    del wants[i]
                    break
            else:
                assert frame["t"] == "counters", f"{who} hears {text}, want {wants}"

    def have(self, lines):
        steps = [line.split(" ", 2) + [""] for line in lines.read().splitlines() if line and not line.startswith("#")]
        for i, (who, does, what, *_) in enumerate(steps):
            if does == "open":
                self.sockets[who] = self.open(what)
            elif does == "refused":
                status, _, query = what.partition(" ")
                try:
                    self.open(query)
                    raise AssertionError(f"the handshake with {query} was taken, want {status}")
                except Closed as err:
                    assert err.code == int(status), err
            elif does == "->":
                self.sockets[who].send(self.fill(what).encode())
            elif does == "<-":
                if i == 0 or steps[i - 1][:2] != [who, does]:  # else the line before has received it, too
                    same = next((j for j in range(i, len(steps)) if steps[j][:2] != [who, does]), len(steps))
                    self.hear(who, [json.loads(step[2]) for step in steps[i:same]])
            elif does == "cut":
                self.sockets[who].close()
            elif does == "closed":
                try:
                    while True:
                        self.sockets[who].next(15)
                except Closed as err:
                    assert err.code == int(what), err
            else:
                raise AssertionError(f"{does} is none of open, refused, ->, <-, cut and closed")
        for one in self.sockets.values():
            one.close()


if __name__ == "__main__":
    if len(sys.argv) < 2 or not sys.argv[1].rpartition(":")[2].isdigit():
        sys.exit("usage: barrage.py host:port [transcript ...], as barrage.py 127.0.0.1:9000 transcripts/*.txt")
    for name in sys.argv[2:]:
        try:
            with open(name, encoding="utf-8") as lines:
                Transcript(sys.argv[1]).have(lines)
        except (AssertionError, OSError, Closed) as err:
            sys.exit(f"cannot have the conversation of {name}: {err}")
        print("ok   ", os.path.basename(name))
    if len(sys.argv) == 2:
        converse(sys.argv[1])
