"""The ASGI application: limits on the body, one prediction at a time, errors as JSON."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from .requests import Invalid, problem
from .service import Service, to_json

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError as error:  # pragma: no cover
    raise ImportError(
        "Serving needs starlette and uvicorn: pip install 'kerasdnn[serve]'"
    ) from error


def make_app(service: Service) -> Any:
    """The ASGI application of a service.

    Args:
        service: `Service`.

    Returns:
        `starlette.applications.Starlette` with `/predict`, `/health`, `/version` and
        `/openapi.json`.

    Example:
        app = make_app(Service.of_file("model.kerasdnn"))       # uvicorn module:app
    """
    worker = ThreadPoolExecutor(1, "predict")  # the encoder and warnings are not for two threads

    async def predict(request):
        try:
            check_headers(request, service.limits.bytes)
            body = await read_body(request, service.limits)
        except Invalid as error:
            return answer({"detail": error.problems}, error.status)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(worker, lambda: answered(service, body))

    async def health(request):
        return answer({"status": "ok"})

    async def version(request):
        return answer(service.version())

    async def describe(request):
        return answer(service.openapi())

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        worker.shutdown()

    return Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
            Route("/version", version, methods=["GET"]),
            Route("/openapi.json", describe, methods=["GET"]),
        ],
        exception_handlers={HTTPException: not_found},
        lifespan=lifespan,
    )


def answer(content: Any, status: int = 200, headers: Any = None) -> Any:
    return Response(to_json(content), status, headers, media_type="application/json")


def answered(service, body):
    status, content = service.answer(body)
    return answer(content, status)


async def not_found(request: Request, error: Exception) -> Response:
    """The answer to an unknown path or method."""
    status = getattr(error, "status_code", 400)
    message = f"{getattr(error, 'detail', error)}: POST /predict, GET /health, GET /version and "
    message += "GET /openapi.json are there."
    return answer({"detail": [problem(message, kind="http")]}, status,
                  getattr(error, "headers", None))  # fmt: skip


def check_headers(request, max_bytes):
    """Reject a body by its headers.

    Raises:
        Invalid: another type than JSON, a compressed body, or too many bytes.
    """
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        message = "The body must be application/json."
        raise Invalid(415, [problem(message, kind="content_type")])
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Invalid(415, [problem("The body must not be compressed.", kind="content_encoding")])
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise too_large(max_bytes)


async def read_body(request, limits):
    """The body of a request.

    Raises:
        Invalid: it is too large, or does not arrive in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.bytes:
                    raise too_large(limits.bytes)
    except TimeoutError:
        message = f"The body must arrive within {limits.seconds:g} seconds."
        raise Invalid(408, [problem(message, kind="timeout")]) from None
    except ClientDisconnect:
        raise Invalid(400, [problem("The client has disconnected.", kind="disconnect")]) from None
    return bytes(body)


def too_large(max_bytes):
    message = f"The body must have at most {max_bytes:,} bytes."
    return Invalid(413, [problem(message, kind="too_large")])
