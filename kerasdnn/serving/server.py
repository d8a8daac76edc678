"""Run the application of a model with uvicorn until the process is told to stop."""

import signal
import socket
import sys
from os import PathLike

from .service import Limits as Limits
from .service import Service


def run(
    path: str | PathLike, host: str = "127.0.0.1", port: int = 8000,
    limits: Limits | None = None, *, quiet: bool = False,
) -> None:  # fmt: skip
    """Serve a model file until SIGINT or SIGTERM; requests that are being answered are finished.

    Args:
        path: str or Path of a file that `model.save` wrote.
        host: str, address to listen at. Default: this machine only.
        port: int; 0 chooses a free port, which a line on stderr names. Default: 8000.
        limits: `Limits` of a request; `seconds` is also how long a stop waits for requests. None
            means the defaults of `Limits`.
        quiet: bool, whether nothing but errors is printed. Default: False.

    Raises:
        ImportError: starlette or uvicorn is not installed.
        OSError: the address is in use, or is not one of this machine.
        ValueError: the file is not a model that can be served.

    Example:
        from kerasdnn.serving.server import run

        if __name__ == "__main__":
            run("model.kerasdnn", port=8000)
    """
    try:
        import uvicorn

        from .app import make_app
    except ImportError as error:
        message = "Serving needs starlette and uvicorn: pip install 'kerasdnn[serve]'"
        raise ImportError(message) from error
    limits = limits or Limits()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    service = Service.of_file(path, limits)
    config = uvicorn.Config(
        make_app(service), log_level="error", access_log=False, server_header=False,
        timeout_graceful_shutdown=max(1, round(limits.seconds)), backlog=2048,
    )  # fmt: skip
    if not quiet:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"
        print(f"Serving {path} at {address}; {address}/openapi.json describes it. Ctrl-C stops it.",
              file=sys.stderr, flush=True)  # fmt: skip
    # uvicorn sends itself the signal again after it has stopped: it would end the process.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])
    if not quiet:
        print("Stopped.", file=sys.stderr, flush=True)
