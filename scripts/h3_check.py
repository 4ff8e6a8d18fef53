"""Starts Charon with HTTP/3 and holds it to the MUSTs of RFC 9114 and RFC 9204, and some of RFC 9000, with aioquic.

Usage: h3_check.py path/to/charon. Needs aioquic. Each case has a connection of its own, and says where it stands.
"""

import asyncio
import http.server
import pathlib
import ssl
import sys
import tempfile
import threading

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from pylsqpack import Encoder

from running import charon, wait_for

HOST = "check.example.com"
PATIENCE = 10

NO_ERROR, STREAM_CREATION, CLOSED_CRITICAL, UNEXPECTED, FRAME = 0x100, 0x103, 0x104, 0x105, 0x106
ID, SETTINGS, MISSING_SETTINGS, INCOMPLETE, MESSAGE = 0x108, 0x109, 0x10A, 0x10D, 0x10E
DECOMPRESSION, ENCODER, DECODER = 0x200, 0x201, 0x202

GET = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", HOST.encode()), (b":path", b"/")]


def frame(kind, payload=b""):
    return encode_uint_var(kind) + encode_uint_var(len(payload)) + payload


def section(fields):
    # Without room for a dynamic table; strings in Huffman code where that is shorter.
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=0, blocked_streams=0)
    return encoder.encode(0, fields)[1]


def headers(fields):
    return frame(0x01, section(fields))


class Client(QuicConnectionProtocol):
    """Sees what comes, and understands none of it."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.ended = asyncio.get_event_loop().create_future()
        self.came, self.changed = [], asyncio.Event()

    def quic_event_received(self, event):
        if isinstance(event, events.ConnectionTerminated) and not self.ended.done():
            self.ended.set_result(event.error_code)
        self.came.append(event)
        self.changed.set()

    async def until(self, found):
        while True:
            for event in self.came:
                if (value := found(event)) is not None:
                    return value
            self.changed.clear()
            await self.changed.wait()


def session(port, **more):
    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=HOST, verify_mode=ssl.CERT_NONE)
    return connect("127.0.0.1", port, configuration=configuration, **more)


async def connection_error(port, one_way=(), request=None, ends=False):
    """The code by which the connection is ended for what is sent."""
    async with session(port, create_protocol=Client) as client:
        quic = client._quic
        for stream, (data, fin) in enumerate(one_way):
            quic.send_stream_data(4 * stream + 2, data, fin)
        if request is not None:
            quic.send_stream_data(0, request, ends)
        client.transmit()
        return await asyncio.wait_for(client.ended, PATIENCE)


async def stream_error(port, request):
    """The code by which the request's stream is reset, or the status of an answer."""
    async with session(port, create_protocol=Client) as client:
        client._quic.send_stream_data(0, request, True)
        client.transmit()

        def found(event):
            if isinstance(event, events.StreamReset):
                return event.error_code
            if isinstance(event, events.ConnectionTerminated):
                return f"the connection ended with {event.error_code:#x}"
            if isinstance(event, events.StreamDataReceived) and event.stream_id == 0:
                return "an answer"
            return None

        return await asyncio.wait_for(client.until(found), PATIENCE)


class Browser(QuicConnectionProtocol):
    """A client of HTTP/3, by aioquic's own reading of it."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.http = H3Connection(self._quic)
        self.answers = {}

    def quic_event_received(self, event):
        for found in self.http.handle_event(event):
            if isinstance(found, (HeadersReceived, DataReceived)):
                answer = self.answers[found.stream_id]
                if isinstance(found, HeadersReceived):
                    answer["headers"] = dict(found.headers)
                else:
                    answer["body"] += found.data
                if found.stream_ended:
                    answer["done"].set()

    async def fetch(self, fields, body=None):
        stream = self._quic.get_next_available_stream_id()
        answer = self.answers[stream] = {"headers": {}, "body": b"", "done": asyncio.Event()}
        self.http.send_headers(stream, fields, end_stream=body is None)
        if body is not None:
            self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        await asyncio.wait_for(answer["done"].wait(), PATIENCE)
        return answer["headers"][b":status"], answer["headers"], answer["body"]


def control(*frames, fin=False):
    return [(b"\x00" + frame(0x04) + b"".join(frames), fin)]


# Where it stands, what is sent, and the code by which the connection has to end.
ENDS_CONNECTION = [
    ("RFC 9114 6.2.1 a second control stream", dict(one_way=control() + control()), STREAM_CREATION),
    ("RFC 9114 6.2.1 the control stream closed", dict(one_way=control(fin=True)), CLOSED_CRITICAL),
    ("RFC 9114 6.2.1 no SETTINGS first", dict(one_way=[(b"\x00" + frame(0x0D, b"\x01"), False)]), MISSING_SETTINGS),
    ("RFC 9114 6.2.2 a push stream by a client", dict(one_way=[(b"\x01\x00", False)]), STREAM_CREATION),
    ("RFC 9114 4.1 DATA before HEADERS", dict(request=frame(0x00, b"x")), UNEXPECTED),
    ("RFC 9114 4.1 DATA behind trailers", dict(request=headers(GET) + headers([]) + frame(0x00, b"x")), UNEXPECTED),
    ("RFC 9114 4.1 HEADERS behind trailers", dict(request=headers(GET) + headers([]) + headers([])), UNEXPECTED),
    ("RFC 9114 7.1 a frame cut off", dict(request=b"\x01\x20\x00", ends=True), FRAME),
    ("RFC 9114 7.1 a payload too long for its frame", dict(one_way=control(frame(0x07, b"\x00\x00"))), FRAME),
    ("RFC 9114 7.1 a payload too short for its frame", dict(one_way=control(frame(0x07, b"\x40"))), FRAME),
    ("RFC 9114 7.2.1 DATA on the control stream", dict(one_way=control(frame(0x00, b"x"))), UNEXPECTED),
    ("RFC 9114 7.2.2 HEADERS on the control stream", dict(one_way=control(headers(GET))), UNEXPECTED),
    ("RFC 9114 7.2.3 CANCEL_PUSH on a request stream", dict(request=frame(0x03, b"\x00")), UNEXPECTED),
    ("RFC 9114 7.2.3 CANCEL_PUSH of no push", dict(one_way=control(frame(0x03, b"\x00"))), ID),
    ("RFC 9114 7.2.4 SETTINGS twice", dict(one_way=control(frame(0x04))), UNEXPECTED),
    ("RFC 9114 7.2.4 SETTINGS on a request stream", dict(request=frame(0x04)), UNEXPECTED),
    ("RFC 9114 7.2.4 a setting twice", dict(one_way=[(b"\x00" + frame(0x04, b"\x06\x01\x06\x01"), False)]), SETTINGS),
    ("RFC 9114 7.2.5 PUSH_PROMISE by a client", dict(one_way=control(frame(0x05, b"\x00"))), UNEXPECTED),
    ("RFC 9114 7.2.5 PUSH_PROMISE on a request stream", dict(request=frame(0x05, b"\x00")), UNEXPECTED),
    ("RFC 9114 7.2.6 GOAWAY on a request stream", dict(request=frame(0x07, b"\x00")), UNEXPECTED),
    ("RFC 9114 5.2 GOAWAY that grows", dict(one_way=control(frame(0x07, b"\x00"), frame(0x07, b"\x01"))), ID),
    ("RFC 9114 7.2.7 MAX_PUSH_ID on a request stream", dict(request=frame(0x0D, b"\x00")), UNEXPECTED),
    ("RFC 9114 7.2.7 MAX_PUSH_ID that falls", dict(one_way=control(frame(0x0D, b"\x02"), frame(0x0D, b"\x01"))), ID),
    ("RFC 9204 2.2 an entry of the dynamic table", dict(request=frame(0x01, b"\x02\x00\x80")), DECOMPRESSION),
    ("RFC 9204 2.2.1 an entry that is not there", dict(request=frame(0x01, b"\x00\x00\x80")), DECOMPRESSION),
    ("RFC 9204 3.1 a static entry that is not there", dict(request=frame(0x01, b"\x00\x00\xff\x24")), DECOMPRESSION),
    ("RFC 9204 4.5.1.2 a base below none", dict(request=frame(0x01, b"\x00\x80\xd1")), DECOMPRESSION),
    ("RFC 9204 4.5 a section cut off", dict(request=frame(0x01, b"\x00")), DECOMPRESSION),
    ("RFC 9204 4.2 a second encoder stream", dict(one_way=control() + [(b"\x02", False)] * 2), STREAM_CREATION),
    ("RFC 9204 4.2 a second decoder stream", dict(one_way=control() + [(b"\x03", False)] * 2), STREAM_CREATION),
    ("RFC 9204 4.2 the encoder stream closed", dict(one_way=control() + [(b"\x02", True)]), CLOSED_CRITICAL),
    ("RFC 9204 4.2 the decoder stream closed", dict(one_way=control() + [(b"\x03", True)]), CLOSED_CRITICAL),
    ("RFC 9204 3.2.3 a table above what was granted", dict(one_way=control() + [(b"\x02\x3f\x01", False)]), ENCODER),
    ("RFC 9204 3.2.2 an entry without room", dict(one_way=control() + [(b"\x02\xc0\x01x", False)]), ENCODER),
    ("RFC 9204 4.4.1 an acknowledgement of nothing", dict(one_way=control() + [(b"\x03\x80", False)]), DECODER),
    ("RFC 9204 4.4.3 an increment of nothing", dict(one_way=control() + [(b"\x03\x00", False)]), DECODER),
    ("RFC 9204 4.4.3 an increment of what was not sent", dict(one_way=control() + [(b"\x03\x05", False)]), DECODER),
]
for kind in (0x02, 0x06, 0x08, 0x09):
    name = f"RFC 9114 7.2.8 the frame {kind:#x} of HTTP/2"
    ENDS_CONNECTION.append((f"{name} on a request stream", dict(request=frame(kind)), UNEXPECTED))
    ENDS_CONNECTION.append((f"{name} on the control stream", dict(one_way=control(frame(kind))), UNEXPECTED))
for kind in (0x02, 0x03, 0x04, 0x05):
    sent = [(b"\x00" + frame(0x04, bytes([kind, 0])), False)]
    ENDS_CONNECTION.append((f"RFC 9114 7.2.4.1 the setting {kind:#x} of HTTP/2", dict(one_way=sent), SETTINGS))


def without(name):
    return headers([field for field in GET if field[0] != name])


# Where it stands, what is sent on a request stream, and the code by which that is reset.
RESETS_STREAM = [
    ("RFC 9114 4.1 a stream without a request", b"", INCOMPLETE),
    ("RFC 9114 4.1.2 a body below its Content-Length", headers(GET + [(b"content-length", b"5")]), MESSAGE),
    ("RFC 9114 4.2 a name in upper case", headers(GET + [(b"X-Upper", b"x")]), MESSAGE),
    ("RFC 9114 4.2 te with more than trailers", headers(GET + [(b"te", b"gzip")]), MESSAGE),
    ("RFC 9114 4.3 an unknown pseudo-header", headers(GET + [(b":unknown", b"x")]), MESSAGE),
    ("RFC 9114 4.3 a pseudo-header of answers", headers(GET + [(b":status", b"200")]), MESSAGE),
    ("RFC 9114 4.3 a pseudo-header behind a header", headers(GET[:3] + [(b"x", b"y")] + GET[3:]), MESSAGE),
    ("RFC 9114 4.3.1 :method twice", headers(GET + [(b":method", b"GET")]), MESSAGE),
    ("RFC 9114 4.3.1 no :method", without(b":method"), MESSAGE),
    ("RFC 9114 4.3.1 no :scheme", without(b":scheme"), MESSAGE),
    ("RFC 9114 4.3.1 no :path", without(b":path"), MESSAGE),
    ("RFC 9114 4.3.1 an empty :path", headers(GET[:3] + [(b":path", b"")]), MESSAGE),
    ("RFC 9114 4.3.1 an empty :authority", headers(GET[:2] + [(b":authority", b"")] + GET[3:]), MESSAGE),
    ("RFC 9114 4.4 a CONNECT with a :path", headers([(b":method", b"CONNECT")] + GET[1:]), MESSAGE),
    ("RFC 9114 10.3 a line break in a value", headers(GET + [(b"x", b"a\r\nb: c")]), MESSAGE),
    ("RFC 9114 10.3 a null in a value", headers(GET + [(b"x", b"a\0b")]), MESSAGE),
]

# Malformed too, and answered with 400 before the stream ends (RFC 9114, section 4.1.2).
ANSWERS_400 = [
    ("RFC 9114 4.2 the header connection", GET + [(b"connection", b"close")]),
    ("RFC 9114 4.2 the header transfer-encoding", GET + [(b"transfer-encoding", b"chunked")]),
    ("RFC 9114 4.2 the header upgrade", GET + [(b"upgrade", b"h2c")]),
    ("RFC 9114 4.3.1 :authority and another host", GET + [(b"host", b"other.example.com")]),
    ("RFC 9114 4.3.1 no authority", [field for field in GET if field[0] != b":authority"]),
]


async def check_good(port):
    """What has no meaning is passed over, what is right is answered, and a client may change its port."""
    faults = []

    def expect(name, condition):
        print(f"h3-check: {name}: {'as it must be' if condition else 'WRONG'}")
        if not condition:
            faults.append(name)

    reserved = frame(0x21, b"anything")
    async with session(port, create_protocol=Client) as client:
        quic = client._quic
        quic.send_stream_data(2, b"\x00" + frame(0x04, b"\x21\x05") + reserved)
        quic.send_stream_data(6, b"\x21anything", True)
        quic.send_stream_data(10, b"", True)
        quic.send_stream_data(0, reserved + headers(GET) + reserved + frame(0x00) + reserved, True)
        client.transmit()
        ended = await asyncio.wait_for(client.until(
            lambda event: event if isinstance(event, events.StreamDataReceived)
            and event.stream_id == 0 and event.end_stream else None), PATIENCE)
        expect("RFC 9114 9 reserved frames, settings and streams are ignored", ended is not None)
        first = next(event for event in client.came
                     if isinstance(event, events.StreamDataReceived) and event.stream_id == 3)
        expect("RFC 9114 6.2.1 the server's control stream begins with SETTINGS", first.data[:2] == b"\x00\x04")
    async with session(port, create_protocol=Browser) as browser:
        status, _, body = await browser.fetch(GET)
        expect("a GET is answered", (status, body) == (b"200", b"GET"))
        post = [(b":method", b"POST")] + GET[1:]
        payload = b"x" * 200_000
        status, _, body = await browser.fetch(post, payload)
        expect("a POST of 200 kB comes back", (status, body) == (b"200", payload))
        for name, fields in ANSWERS_400:
            status, _, _ = await browser.fetch(fields)
            expect(name, status == b"400")
        browser._transport.close()
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: browser, local_addr=("::", 0))
        status, _, body = await browser.fetch(GET)
        expect("RFC 9000 9 a client on another port goes on", (status, body) == (b"200", b"GET"))
    return faults


async def check(port):
    faults = await check_good(port)
    for name, sent, expected in ENDS_CONNECTION:
        try:
            code = await connection_error(port, **sent)
        except asyncio.TimeoutError:
            code = -1
        if code != expected:
            faults.append(name)
            print(f"h3-check: {name}: ended with {code:#x} and not {expected:#x}")
    for name, sent, expected in RESETS_STREAM:
        try:
            code = await stream_error(port, sent)
        except asyncio.TimeoutError:
            code = "nothing"
        if code != expected:
            faults.append(name)
            print(f"h3-check: {name}: {code} and not {expected:#x}")
    rules = len(ENDS_CONNECTION) + len(RESETS_STREAM) + len(ANSWERS_400)
    print(f"h3-check: {rules} breaches of the standards tried, {len(faults)} faults")
    return len(faults)


class Target(http.server.BaseHTTPRequestHandler):
    """Answers with the method, or with the body."""

    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"GET")

    def do_POST(self):
        body = b""
        while length := int(self.rfile.readline(), 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        self.answer(body)

    def log_message(self, *_):
        pass


class Targets(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Some of the requests are broken off on purpose."""


def main():
    program = str(pathlib.Path(sys.argv[1]).absolute())
    target = Targets(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="charon-h3-check-") as folder:
        with charon(program, pathlib.Path(folder)) as it:
            host = {
                "domain_names": HOST, "forward_scheme": "http", "forward_host": "127.0.0.1",
                "forward_port": target.server_port,
            }
            it.call("POST", "/proxy-hosts", host)
            it.call("PUT", "/settings", {"proxy.http3": True})

            def address():
                listeners = it.call("GET", "/system/info")["listeners"]
                return next((one["address"] for one in listeners
                             if (one["purpose"], one["state"]) == ("http3", "listening")), None)

            port = int(wait_for("HTTP/3 is listened on", address).rsplit(":", 1)[1])
            faults = asyncio.run(check(port))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
