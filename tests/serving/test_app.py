"""The application and the server: limits, paths, headers, many clients, and a graceful end."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from kerasdnn import DNNClassifier
from kerasdnn.serving.app import make_app
from kerasdnn.serving.service import Limits, Service

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = pd.DataFrame({"age": RNG.normal(40, 10, 80), "city": RNG.choice(["Oslo", "Bonn"], 80)})
BODY = {"rows": [{"age": 41.0, "city": "Oslo"}]}


@pytest.fixture(scope="module")
def model():
    y = np.where(X["age"] + RNG.normal(0, 5, 80) > 40, "yes", "no")
    return DNNClassifier("standard", hidden_units=(8,), epochs=2, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def service(model):
    return Service(model, Limits(rows=10, bytes=2_000, seconds=0.3), "abc")


def call(service, method="POST", path="/predict", parts=(), headers=(), pause=0.0):
    """Call the ASGI application as a server does; returns the status and the JSON."""
    sent = []

    async def one():
        chunks = list(parts)

        async def receive():
            await asyncio.sleep(pause)
            chunk = chunks.pop(0) if chunks else b""
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(),
                 "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
                 "headers": [(k.encode(), v.encode()) for k, v in headers]}  # fmt: skip
        await make_app(service)(scope, receive, send)

    asyncio.run(one())
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body)


def test_paths_answer(service):
    assert call(service, "GET", "/health") == (200, {"status": "ok"})
    status, found = call(service, "GET", "/version")
    assert status == 200
    assert found["model"]["sha256"] == "abc"
    assert found["versions"]["keras"]
    assert call(service, "GET", "/openapi.json")[1]["openapi"] == "3.1.0"
    status, found = call(service, parts=[json.dumps(BODY).encode()])
    assert status == 200
    assert found["predictions"] == service.model.predict(BODY["rows"]).tolist()


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"method": "GET"}, 405, "POST /predict"),
        ({"path": "/../etc/passwd"}, 404, "POST /predict"),
        ({"parts": [b"x" * 1_500, b"x" * 1_500]}, 413, "at most 2,000 bytes"),
        ({"headers": [("content-length", "999999999999")]}, 413, "at most 2,000 bytes"),
        ({"headers": [("content-type", "text/plain")]}, 415, "application/json"),
        ({"headers": [("content-encoding", "gzip")]}, 415, "compressed"),
        ({"parts": [b"{", b"}"], "pause": 0.5}, 408, "0.3 seconds"),
        ({"parts": [b"\x00"]}, 400, "not JSON"),
        ({"parts": [b'{"rows": [{"age": 1}]}']}, 422, "'city' is missing"),
    ],
)
def test_limits_and_wrong_requests_get_4xx_with_a_reason(service, request_, status, words):
    found = call(service, **request_)
    assert found[0] == status
    assert words in found[1]["detail"][0]["msg"]


class Server:
    """`kerasdnn serve` in a process of its own."""

    def __init__(self, path, *options):
        command = [sys.executable, "-m", "kerasdnn", "serve", str(path), "--port", "0", *options]
        path = os.pathsep.join([str(ROOT), *sys.path])
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        lines = []  # of TensorFlow, before that of the server; at the end there is an empty one
        while "Serving" not in (line := self.process.stderr.readline()):
            lines.append(line)
            assert line, "".join(lines)
        self.port = int(line.split("http://127.0.0.1:")[1].split(";")[0])

    def ask(self, rows):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/predict", json.dumps({"rows": rows}).encode(),
                           {"Content-Type": "application/json"})  # fmt: skip
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_server_answers_many_clients_and_stops_gracefully(model, tmp_path):
    path = tmp_path / "m.kerasdnn"
    model.save(path)
    server = Server(path)
    try:
        expected = model.predict_proba(X)

        def client(k):
            rows = [{"age": X["age"][i], "city": X["city"][i]} for i in (k, (k + 7) % 80)]
            status, found = server.ask(rows)
            return status == 200 and found["probabilities"] == expected[[k, (k + 7) % 80]].tolist()

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(client, range(80)))
        started = time.perf_counter()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert time.perf_counter() - started < 20
        assert "Stopped." in server.process.stderr.read()
    finally:
        server.process.kill()


def test_an_address_in_use_and_a_file_that_is_no_model_are_one_line(model, tmp_path, capsys):
    import socket

    from kerasdnn.command.main import main

    path = tmp_path / "m.kerasdnn"
    model.save(path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert main(["serve", str(path), "--port", port]) == 1
        assert "in use" in capsys.readouterr().err
    path.write_bytes(b"PK no model")
    assert main(["serve", str(path), "--port", "0"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
