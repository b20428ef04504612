"""A web server that sends parts of files, as Python's own does not."""

import http.server
import re
from pathlib import Path
from urllib.parse import unquote


class WebServer(http.server.ThreadingHTTPServer):
    """Serves the files of a folder.

    Attributes:
        folder, url: what is served, and where.
        requests: path and Range header of each request.
        ranges: whether parts of files are sent.
        status: a status to answer everything with.
        missing_bytes: how much to hold back of what is announced.
    """

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = Path(folder)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests = []
        self.ranges = True
        self.status = None
        self.missing_bytes = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        path = unquote(self.path.partition("?")[0])
        file = self.server.folder / path.lstrip("/")
        if self.server.status or not file.is_file():
            self._answer(self.server.status or 404)
            return
        content = file.read_bytes()
        if not wanted or not self.server.ranges:
            self._answer(200, content)
            return
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted).groups())
        part = content[first : last + 1]
        self._answer(206 if part else 416, part)

    def _answer(self, status, content=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - self.server.missing_bytes])
        self.close_connection = True

    def log_message(self, *_):
        pass
