"""The plugin's side of the protocol, of the standard library alone.

What the bell does stands in plugin.py. This file serves it over HTTP, checks who asks, keeps events on the disk until the
platform has them, and stops in order.
"""

import base64
import contextlib
import contextvars
import hashlib
import hmac
import http.client
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
import urllib.parse
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

log = logging.getLogger("hap")

MOST_BODY = 1 << 20
MOST_CONNECTIONS = 128
MOST_WAITING = 1000
# Seconds before an event is sent again; the last one holds from there on.
PAUSES = [1, 5, 30, 120, 600, 1800]
# Seconds that events which still wait are given at a stop. What is left lies on the disk.
LAST_ATTEMPTS = 3
# The platform takes these for good, or never.
DONE = {202, 400, 413, 415}
# Means: do not start me again until somebody has mended my configuration.
EX_CONFIG = 78

# The trace of the request that is answered, so that the events of a command belong to it.
trace = contextvars.ContextVar("trace", default=None)


class Refusal(Exception):
    """Why a request is refused: an HTTP status, a name for programs, and a text for people."""

    def __init__(self, status, code, text):
        super().__init__(text)
        self.status, self.code = status, code


class Gone(Exception):
    """The client sends no more."""


class Fields:
    """Reads the fields of an object one by one, and refuses what does not fit."""

    def __init__(self, fields, code):
        if not isinstance(fields, dict):
            raise Refusal(422, code, "expected an object")
        self._fields, self._code = dict(fields), code

    def whole_number(self, name, least, most, default):
        value = self._fields.pop(name, default)
        # A bool is an int in Python, and not in JSON.
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refusal(422, self._code, f"`{name}`: expected a whole number from {least} to {most}")
        return value

    def end(self):
        for name in self._fields:
            raise Refusal(422, self._code, f"`{name[:100]}`: there is no such field")


class Plugin:
    """What plugin.py fills in. Its methods are called on many threads at the same time."""

    # The names of the commands, and the methods that carry them out. Each takes the parameters, an object, and returns
    # the result.
    commands = {}

    def __init__(self, emit):
        """`emit(type, data)` tells the platform that something happened."""
        self.emit = emit

    def configure(self, settings):
        """Puts settings in force in place of all of before, or raises a Refusal and changes nothing."""
        Fields(settings, "invalid_config").end()

    def status(self):
        return {}


def run(make):
    """Serves the plugin that `make(emit)` makes until SIGTERM or Ctrl-C, and ends the process."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        port = int(os.environ.get("PORT") or 8000)
        outbox = Outbox.from_environment(os.environ)
        # Without a token anybody may ask, so it is for this machine alone.
        address = "0.0.0.0" if os.environ.get("HAP_API_TOKEN") else "127.0.0.1"
    except (OSError, ValueError) as error:
        log.error("cannot start: %s", error)
        sys.exit(EX_CONFIG)
    server = Server((address, port), make(outbox.emit))
    # A handler runs in the midst of what waits here, and may touch nothing with a lock: not an Event.
    stops = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stops.put(number))
    threading.Thread(target=outbox.send_all, daemon=True).start()
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    log.info("listening on %s:%d", address, port)
    stops.get()
    server.stop()
    outbox.stop(LAST_ATTEMPTS)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address, plugin):
        super().__init__(address, Handler)
        self.plugin = plugin
        self.plugin_id = os.environ.get("PLUGIN_ID", "hap-new-id")
        self.token = os.environ.get("HAP_API_TOKEN", "")
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        # Guards the two below.
        self._changed = threading.Condition()
        self._running = 0
        self._stopping = False

    def process_request(self, request, client_address):
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request, client_address):
        # A client that went away is no news.
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("a connection ended")

    @contextlib.contextmanager
    def at_work(self):
        """Goes around what a stop has to wait for."""
        with self._changed:
            if self._stopping:
                raise Refusal(503, "stopping", "the plugin is stopping")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def stop(self):
        """Takes nothing new, and waits for what runs."""
        with self._changed:
            self._stopping = True
            self._changed.wait_for(lambda: self._running == 0)
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Seconds that a client may keep a connection silent.
    timeout = 30

    def log_message(self, *_):
        """Requests are not logged: their headers hold the token."""

    def do_GET(self):
        try:
            status, reply = 200, self.reply(self.body())
        except Refusal as refusal:
            status = refusal.status
            reply = {"success": False, "error": str(refusal), "code": refusal.code}
        except Gone:
            self.close_connection = True
            return
        except Exception:
            log.exception("%s %s failed", self.command, self.path)
            status = 500
            reply = {"success": False, "error": "internal error", "code": "internal"}
        self.send(status, reply)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def send(self, status, reply):
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def reply(self, body):
        if self.path == "/health":
            self.expect("GET")
            return {"status": "healthy", "plugin_id": self.server.plugin_id}
        self.check_caller()
        plugin = self.server.plugin
        trace.set(self.headers.get("traceparent"))
        if self.path == "/status":
            self.expect("GET")
            return {"plugin_id": self.server.plugin_id, "status": "running", "data": plugin.status()}
        if self.path == "/command":
            self.expect("POST")
            with self.server.at_work():
                return {"success": True, "result": self.carry_out(parse(body))}
        if self.path == "/config":
            self.expect("POST")
            with self.server.at_work():
                plugin.configure(parse(body))
            return {"success": True, "message": "Configuration updated"}
        raise Refusal(404, "not_found", "there is no such path")

    def carry_out(self, request):
        if not isinstance(request, dict) or not isinstance(request.get("command"), str):
            raise Refusal(422, "invalid_command", 'expected {"command": "name", "params": {...}}')
        params = request.get("params")
        params = {} if params is None else params
        if self.headers.get("x-request-timeout-ms") == "0":
            raise Refusal(504, "timeout", "nobody waits for it any more")
        plugin = self.server.plugin
        method = plugin.commands.get(request["command"])
        if method is None:
            known = ", ".join(sorted(plugin.commands))
            raise Refusal(404, "unknown_command", f"there is no such command; there are: {known}")
        if not isinstance(params, dict):
            raise Refusal(422, "invalid_params", "`params`: expected an object")
        return method(plugin, params)

    def body(self):
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or "transfer-encoding" in self.headers:
            self.close_connection = True
            raise Refusal(411, "length_required", "content-length: expected a whole number")
        if int(length[:20]) > MOST_BODY:
            self.close_connection = True
            raise Refusal(413, "body_too_long", "the body may have at most 1 MiB")
        try:
            body = self.rfile.read(int(length))
        except OSError:
            raise Gone from None
        if len(body) < int(length):
            raise Gone
        return body

    def expect(self, method):
        if self.command != method:
            raise Refusal(405, "method_not_allowed", f"{self.path} takes {method}")

    def check_caller(self):
        token = self.server.token
        if not token:
            # Somebody tries it out. Pages of other sites are not meant.
            if "origin" in self.headers or self.headers.get("sec-fetch-site", "none") != "none":
                raise Refusal(403, "cross_site", "pages of other sites are not answered")
            return
        shown = self.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            raise Refusal(401, "unauthorized", "the token of HAP_API_TOKEN is needed")


def parse(body):
    def refuse(text):
        raise ValueError(f"{text} is no JSON")

    try:
        return json.loads(body.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_json", "the body is no JSON") from None


class Outbox:
    """Sends events in their order, each until the platform has it.

    Where there is a data directory each one is a file there until then, so it outlives the process.
    """

    def __init__(self, plugin_id, url=None, secret="", folder=None):
        self._plugin_id, self._secret, self._folder = plugin_id, secret, folder
        self._url = urllib.parse.urlsplit(url) if url else None
        self._changed = threading.Condition()
        # Guarded by it, as is all below.
        self._waiting = {}
        self._stopping = False
        self._last = 0
        if folder:
            folder.mkdir(exist_ok=True)
            for file in sorted(folder.glob("*.json")):
                self._waiting[file.stem] = file.read_bytes()

    @classmethod
    def from_environment(cls, environment):
        url, secret = environment.get("PLATFORM_API_URL"), environment.get("HAP_WEBHOOK_SECRET", "")
        folder = environment.get("HAP_DATA_DIR")
        if url and not secret:
            raise ValueError("PLATFORM_API_URL is set and HAP_WEBHOOK_SECRET is not")
        folder = Path(folder, "outbox") if folder else None
        return cls(environment.get("PLUGIN_ID", "hap-new-id"), url, secret, folder)

    def emit(self, kind, data):
        """Returns when the event is on the disk, or in memory where there is none."""
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"/plugins/{self._plugin_id}",
            "type": kind,
            "time": datetime.now(timezone.utc).isoformat(),
            "data": data,
        }
        if trace.get():
            event["traceparent"] = trace.get()
        if self._url is None:
            log.info("no PLATFORM_API_URL, so this goes nowhere: %s %s", kind, json.dumps(data))
            return
        body = json.dumps(event).encode()
        with self._changed:
            # Names sort as their events came, also where the clock stands still.
            self._last = max(time.time_ns(), self._last + 1)
            name = f"{self._last:020}-{event['id']}"
            if self._folder:
                write(self._folder / f"{name}.json", body)
            while len(self._waiting) >= MOST_WAITING:
                log.error("too many events wait; the oldest is lost")
                self._remove(next(iter(self._waiting)))
            self._waiting[name] = body
            self._changed.notify_all()

    def send_all(self):
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                name, body = next(iter(self._waiting.items()))
            is_done, asked = self._send(name, body)
            with self._changed:
                if is_done:
                    failures = 0
                    self._remove(name)
                    self._changed.notify_all()
                    continue
                pause = max(PAUSES[min(failures, len(PAUSES) - 1)], asked)
                failures += 1
                if self._stopping:
                    return
                # The last attempt is made at the stop, without the rest of the pause.
                self._changed.wait_for(lambda: self._stopping, timeout=pause)

    def stop(self, seconds):
        """Gives what waits one more chance."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, timeout=seconds)
            if self._waiting:
                log.warning("%d events wait for the next start", len(self._waiting))

    def _remove(self, name):
        self._waiting.pop(name, None)
        if self._folder:
            (self._folder / f"{name}.json").unlink(missing_ok=True)

    def _send(self, name, body):
        """Whether the event is done with, and for how many seconds the platform does not want it again."""
        message = name.partition("-")[2]
        now = str(int(time.time()))
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": message,
            "webhook-timestamp": now,
            "webhook-signature": sign(self._secret, message, now, body),
        }
        try:
            connection = http.client.HTTPConnection(self._url.netloc, timeout=15)
            try:
                connection.request("POST", f"{self._url.path}/events", body, headers)
                answer = connection.getresponse()
                text = answer.read(64 * 1024)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            log.warning("an event was not delivered, and is sent again: %s", error)
            return False, 0
        is_done = answer.status in DONE or (answer.status == 403 and b'"foreign_source"' in text)
        if is_done and answer.status != 202:
            log.error("the platform does not take an event (%d): %r", answer.status, text[:500])
        if not is_done:
            log.warning("an event was answered with %d, and is sent again", answer.status)
        after = answer.getheader("retry-after", "")
        return is_done, min(int(after), 3600) if after.isascii() and after.isdigit() else 0


def sign(secret, message, timestamp, body):
    """The header `webhook-signature`, as Standard Webhooks has it. The key is the decoded secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def write(file, data):
    """Writes a file that is there as a whole or not at all, whoever is killed meanwhile."""
    part = file.with_suffix(".part")
    with open(part, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    part.rename(file)
