"""Load `kerasdnn serve` with many clients, and check that no answer is lost or mixed up.

    scripts/run --serve scripts/load_serve.py                    # 200 clients for a minute
    scripts/run --serve scripts/load_serve.py --clients 50 --seconds 10 --restart

Every client sends requests with random rows over its own connection, one after the other, and
compares each answer bit for bit with the predictions of the model before the server was started.
With --restart, the server is killed halfway and started again; clients retry until it responds, and
requests that failed in between are counted separately. Prints throughput, latency and the memory of
the server, and fails if an answer is wrong or missing.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_model(path):
    """A model of a table with text and gaps, rows to ask for, and what it predicts for them."""
    import numpy as np
    import pandas as pd

    import kerasdnn

    rng = np.random.default_rng(0)
    X = pd.DataFrame({f"n{i}": rng.normal(size=2_000) for i in range(8)})
    X["city"] = rng.choice(["Oslo", "Bonn", "Seoul"], len(X))
    X.loc[::9, ["n0", "city"]] = None
    y = np.where(X["n1"] + (X["city"] == "Oslo") + rng.normal(0, 0.3, len(X)) > 0, "yes", "no")
    model = kerasdnn.DNNClassifier(epochs=5, random_state=0).fit(X, y)
    model.save(path)
    rows = json.loads(X.to_json(orient="records", double_precision=15))
    return rows, model.predict_proba(pd.DataFrame(rows, dtype=object)).tolist()


class Server:
    """The server in a process of its own."""

    def __init__(self, path, port=0):
        command = [sys.executable, "-m", "kerasdnn", "serve", str(path), "--port", str(port)]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
        lines = []  # of TensorFlow, before that of the server; at the end there is an empty one
        while "Serving" not in (line := self.process.stderr.readline()):
            lines.append(line)
            if not line:
                sys.exit("".join(lines))
        self.port = int(line.split("http://127.0.0.1:")[1].split(";")[0])

    def megabytes(self):
        """Resident memory now and at its peak, where the system tells it."""
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return float("nan"), float("nan")
        found = dict(line.split(":", 1) for line in text.splitlines())
        return tuple(int(found[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


class Clients:
    """What all clients share: rows, expected answers, counts and latencies."""

    def __init__(self, rows, expected, args):
        self.rows, self.expected, self.args = rows, expected, args
        self.latencies, self.wrong, self.interrupted, self.killed = [], 0, 0, False
        self.port = None

    async def one(self, number, end):
        import random

        rng, stream = random.Random(number), None
        while time.perf_counter() < end:
            chosen = rng.sample(range(len(self.rows)), self.args.rows)
            body = json.dumps({"rows": [self.rows[i] for i in chosen]}).encode()
            began = time.perf_counter()
            try:
                if stream is None:
                    stream = await asyncio.open_connection("127.0.0.1", self.port)
                status, answer = await self.ask(*stream, body)
            except (OSError, EOFError):
                if not self.killed:
                    raise
                self.interrupted, stream = self.interrupted + 1, None
                await asyncio.sleep(0.2)
                continue
            self.latencies.append(time.perf_counter() - began)
            right = [self.expected[i] for i in chosen]
            self.wrong += status != 200 or answer["probabilities"] != right

    async def ask(self, reader, writer, body):
        writer.write(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))


async def load(server, path, clients, args):
    clients.port = server.port
    end = time.perf_counter() + args.seconds
    tasks = [asyncio.create_task(clients.one(k, end)) for k in range(args.clients)]
    if args.restart:
        await asyncio.sleep(args.seconds / 2)
        clients.killed = True
        server.process.kill()
        server.process.wait()
        server = await asyncio.to_thread(Server, path, server.port)
    await asyncio.gather(*tasks)
    return server


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rows", type=int, default=1, help="rows per request (default: 1)")
    parser.add_argument("--restart", action="store_true", help="kill the server halfway")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.kerasdnn"
        rows, expected = make_model(path)
        server = Server(path)
        before = server.megabytes()[0]
        clients = Clients(rows, expected, args)
        try:
            server = asyncio.run(load(server, path, clients, args))
            now, peak = server.megabytes()
        finally:
            server.process.terminate()
            code = server.process.wait(60)
    times = sorted(clients.latencies)

    def at(share):
        return 1000 * times[min(len(times) - 1, int(share * len(times)))]

    print(
        f"{args.clients} clients, {args.rows} rows per request, {args.seconds:g} s: "
        f"{len(times):,} answers ({len(times) / args.seconds:,.0f} per second), "
        f"{clients.wrong} wrong, {clients.interrupted:,} failed while the server was down\n"
        f"latency in ms: median {at(0.5):.1f}, 95% {at(0.95):.1f}, 99% {at(0.99):.1f}, "
        f"largest {1000 * times[-1]:.1f}\n"
        f"memory in MB: {before:.0f} at the start, {now:.0f} at the end, {peak:.0f} at its peak; "
        f"exit code after SIGTERM: {code}"
    )
    return 1 if clients.wrong or code else 0


if __name__ == "__main__":
    sys.exit(main())
