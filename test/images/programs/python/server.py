"""The Python program of the test images: it answers "hello" on port 8080 and ends on SIGTERM. $PLANT has the names of faults,
with commas between.
"""

import http.server
import os
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


def zombie():
    """A child has ended, and nobody waits for it."""
    if os.fork() == 0:
        os._exit(0)


def deleted():
    """A file of 2 MB is open, and has no name."""
    fd = os.open("/spool/gone", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, bytes(2_000_000))
    os.unlink("/spool/gone")


def memory():
    """A child was killed by the kernel for want of memory."""
    child = os.fork()
    if child == 0:
        grown = []
        while True:
            grown.append(b"1" * (1 << 20))
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        raise RuntimeError("the child was not killed")


def busy():
    """It only takes time of the processor."""
    while True:
        pass


for fault in filter(None, os.environ.get("PLANT", "").split(",")):
    {"zombie": zombie, "deleted": deleted, "memory": memory, "busy": busy}[fault]()

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", 8080), Hello).serve_forever()
