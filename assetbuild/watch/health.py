"""Health: a file, and a port on loopback, that say how the watcher is; for a container's probes.

The file holds one JSON object and is replaced as a whole:

    {"state": "building", "time": "2026-01-31T06:00:00Z", "pid": 7, "failing": [], "next_tick": null}

``state`` is ``starting``, ``building``, ``fresh``, ``failing``, ``broken`` or ``stopped``. The port answers every
request with the same object: status 503 while it is ``broken`` or ``starting``, else 200.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Health"]

_BEAT_S = 10.0


class Health:
    """Tells how the watcher is; a thread says again and again that it lives."""

    def __init__(self, file: Path | None, port: int | None) -> None:
        """Write the file and open the port; raise UsageError when they cannot be."""
        self._file = file
        self._said: dict[str, Any] = {}
        self._guard = threading.Condition()
        self._is_closed = False
        self._server: ThreadingHTTPServer | None = None
        self.tell("starting")
        if file is not None and not file.exists():
            raise UsageError(Problem(f"cannot write {str(file)!r}", advice="Name another file for --health."))
        if port is not None:
            self._server = self._serve(port)
        self._thread = threading.Thread(target=self._beat, name="assetbuild-beat", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int | None:
        """The port that it listens on."""
        return None if self._server is None else int(self._server.server_address[1])

    def tell(self, state: str, failing: Sequence[str] = (), next_tick: float | None = None) -> None:
        """Say how it is now."""
        with self._guard:
            self._said = {"state": state, "failing": list(failing), "next_tick": next_tick}
            self._write()

    def close(self) -> None:
        """Say that it has stopped."""
        self.tell("stopped")
        with self._guard:
            self._is_closed = True
            self._guard.notify()
        self._thread.join()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _document(self) -> bytes:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        said = {"state": self._said["state"], "time": now, "pid": os.getpid(), **self._said}
        return json.dumps(said).encode() + b"\n"

    def _write(self) -> None:
        if self._file is None:
            return
        staged = self._file.with_name(f".{self._file.name}.{os.getpid()}.tmp")
        with suppress(OSError):  # a full disk: the time in the old file tells
            staged.write_bytes(self._document())
            staged.replace(self._file)

    def _beat(self) -> None:
        while True:
            with self._guard:
                self._guard.wait(_BEAT_S)
                if self._is_closed:
                    return
                self._write()

    def _serve(self, port: int) -> ThreadingHTTPServer:
        from http.server import ThreadingHTTPServer  # noqa: PLC0415  # only who asks for a port pays for it

        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            problem = Problem(f"cannot listen on port {port}: {error.strerror}", advice="Name another port.")
            raise UsageError(problem) from error
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="assetbuild-health", daemon=True).start()
        return server

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        from http.server import BaseHTTPRequestHandler  # noqa: PLC0415

        health = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                document = health._document()
                self.send_response(503 if health._said["state"] in {"starting", "broken"} else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002  # the library's name
                """Say nothing."""

        return Handler
