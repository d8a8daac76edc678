"""Load `kerasdnn serve` with many clients, and check that no answer is lost or mixed up.

    scripts/run --serve scripts/load_serve.py                    # 200 clients for a minute
    scripts/run --serve scripts/load_serve.py --clients 50 --seconds 10 --restart
    python scripts/load_serve.py --mlflow                        # and MLflow's server after it

Every client sends requests of random rows over one connection of its own, one after the other, and
compares each answer with the predictions that the model gave before the server was started, bit for
bit. With --restart the server is killed halfway and started again; clients try again until it is
there, and what failed while it was down is counted apart. Prints throughput, latency and the memory
of the server with its child processes, and fails if an answer is wrong or missing.

With --mlflow the same clients then ask `mlflow models serve`, with one worker as is its default,
for the same model, written by `kerasdnn.serving.mlflow_flavor`. It needs an environment with the
complete mlflow, not only mlflow-skinny.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make_model(path, mlflow_path=None):
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
    if mlflow_path is not None:
        from kerasdnn.serving import mlflow_flavor

        mlflow_flavor.save_model(model, mlflow_path)
    rows = json.loads(X.to_json(orient="records", double_precision=15))
    return rows, model.predict_proba(pd.DataFrame(rows, dtype=object)).tolist()


class Server:
    """A server in a process group of its own, and how it is asked.

    Attributes:
        path: str, where it takes requests; key: str, under which a request has its rows.
    """

    name, path, key = "kerasdnn serve", "/predict", "rows"

    def __init__(self, model, port=0):
        if not port:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
        self.model, self.port = model, port
        places = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        env = {**os.environ, "PYTHONPATH": places, "PATH": programs, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [str(part) for part in self.command()], env=env, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        self.wait()

    def command(self):
        return [sys.executable, "-m", "kerasdnn", "serve", self.model, "--port", self.port]

    def wait(self, seconds=180):
        """Wait until it answers."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        self.end()
        self.log.seek(0)
        sys.exit(self.log.read().decode(errors="replace")[-5_000:])

    def answered(self, answer):
        """The probabilities of an answer."""
        return answer["probabilities"]

    def end(self):
        """Kill it and its child processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Tell it to stop; returns its exit code."""
        self.process.terminate()
        code = self.process.wait(60)
        self.end()  # children that did not stop
        return code

    def megabytes(self):
        """Resident memory of its processes now and at their peaks, where the system tells it."""
        found = [0.0, 0.0]
        for pid in descendants(self.process.pid):
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return float("nan"), float("nan")
            told = dict(line.split(":", 1) for line in text.splitlines())
            for i, name in enumerate(("VmRSS", "VmHWM")):
                found[i] += int(told[name].split()[0]) / 1024
        return tuple(found)


class MlflowServer(Server):
    name, path, key = "mlflow models serve", "/invocations", "dataframe_records"

    def command(self):
        return [sys.executable, "-m", "mlflow", "models", "serve", "-m", self.model,
                "-p", self.port, "--env-manager", "local"]  # fmt: skip

    def answered(self, answer):
        found = answer["predictions"]
        return [[row["probability of no"], row["probability of yes"]] for row in found]


def descendants(pid):
    """A process and those that it has started."""
    found = [pid]
    for parent in found:  # grows
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, file.read_text().split())
    return found


class Clients:
    """What all clients of a server share: rows, expected answers, counts and latencies."""

    def __init__(self, server, rows, expected, args):
        self.server, self.rows, self.expected, self.args = server, rows, expected, args
        self.latencies, self.wrong, self.interrupted, self.killed = [], 0, 0, False

    async def one(self, number, end):
        import random

        rng, stream = random.Random(number), None
        while time.perf_counter() < end:
            chosen = rng.sample(range(len(self.rows)), self.args.rows)
            body = json.dumps({self.server.key: [self.rows[i] for i in chosen]}).encode()
            began = time.perf_counter()
            try:
                if stream is None:
                    stream = await asyncio.open_connection("127.0.0.1", self.server.port)
                status, answer = await self.ask(*stream, body)
            except (OSError, EOFError):
                if not self.killed:
                    raise
                self.interrupted, stream = self.interrupted + 1, None
                await asyncio.sleep(0.2)
                continue
            self.latencies.append(time.perf_counter() - began)
            right = [self.expected[i] for i in chosen]
            self.wrong += status != 200 or self.server.answered(answer) != right

    async def ask(self, reader, writer, body):
        writer.write(
            f"POST {self.server.path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))

    async def all(self):
        end = time.perf_counter() + self.args.seconds
        tasks = [asyncio.create_task(self.one(k, end)) for k in range(self.args.clients)]
        if self.args.restart:
            await asyncio.sleep(self.args.seconds / 2)
            self.killed = True
            self.server.end()
            kind, model, port = type(self.server), self.server.model, self.server.port
            self.server = await asyncio.to_thread(kind, model, port)
        await asyncio.gather(*tasks)


def load(kind, model, rows, expected, args):
    """Load a server and print what was measured; returns whether every answer was right."""
    server = kind(model)
    before = server.megabytes()[0]
    clients = Clients(server, rows, expected, args)
    try:
        asyncio.run(clients.all())
        now, peak = clients.server.megabytes()
    finally:
        code = clients.server.stop()
    times = sorted(clients.latencies)

    def at(share):
        return 1000 * times[min(len(times) - 1, int(share * len(times)))]

    print(
        f"{kind.name}, {args.clients} clients, {args.rows} rows per request, {args.seconds:g} s: "
        f"{len(times):,} answers ({len(times) / args.seconds:,.0f} per second), "
        f"{clients.wrong} wrong, {clients.interrupted:,} failed while the server was down\n"
        f"  latency in ms: median {at(0.5):.1f}, 95% {at(0.95):.1f}, 99% {at(0.99):.1f}, "
        f"largest {1000 * times[-1]:.1f}\n"
        f"  memory in MB: {before:.0f} at the start, {now:.0f} at the end, {peak:.0f} at its peak; "
        f"exit code after SIGTERM: {code}",
        flush=True,
    )
    return not clients.wrong and (code == 0 or kind is not Server)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rows", type=int, default=1, help="rows per request (default: 1)")
    parser.add_argument("--restart", action="store_true", help="kill the server halfway")
    parser.add_argument("--mlflow", action="store_true", help="then load MLflow's server")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder) / "m.kerasdnn", Path(folder) / "mlflow"
        rows, expected = make_model(path, other if args.mlflow else None)
        good = load(Server, path, rows, expected, args)
        if args.mlflow:
            good &= load(MlflowServer, other, rows, expected, args)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
