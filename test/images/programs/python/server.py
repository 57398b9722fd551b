"""The Python program of the test images: it answers "hello" on port 8080 and ends on SIGTERM."""

import http.server
import signal
import sys


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *args):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", 8080), Hello).serve_forever()
