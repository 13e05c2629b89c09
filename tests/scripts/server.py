#!/usr/bin/env python3
"""A server on 127.0.0.1 that misbehaves by folder: server.py FILES PORT_FILE; PORT_FILE receives its port."""

import contextlib
import http.server
import sys
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, folder, name = self.path.split("/", 2)
        content = (FILES / name).read_bytes()
        if folder == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        if folder != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if folder == "good":
            self.wfile.write(content)
        elif folder == "wrong":
            self.wfile.write(content[:-1] + b"?")
        elif folder == "cut":
            self.wfile.write(content[: len(content) // 2])
        elif folder == "endless":
            with contextlib.suppress(ConnectionError):  # the other side hangs up
                for _ in range(64):
                    self.wfile.write(bytes(1 << 20))

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    FILES = Path(sys.argv[1])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Path(sys.argv[2]).write_text(f"{server.server_port}\n")
        server.serve_forever()
