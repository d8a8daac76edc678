"""A worker on another machine, for a search that runs here or elsewhere.

    # on the first machine: a search that listens
    kerasdnn.tune(X, y, build=build, workers=2, chief="0.0.0.0:8700", directory="searches")

    # on every other machine, with a copy of searches/search (job.json and data.npz)
    scripts/run recipes/search_worker.py --chief FIRST:8700 --project searches/search

It trains one trial after another until the search is over, and ends by itself. A crash of the
training process is no loss: it is started again and takes up its trial. The build function is
imported as on the first machine; --build FILE.py:NAME says where it lies on this one.

Everyone who reaches the chief's port can take part: keep it to a network you trust.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

TRIES = 5  # deaths of the training process in a row until this worker gives up
CHIEF_IS_GONE = 3


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chief", required=True, metavar="HOST:PORT", help="where the search is")
    parser.add_argument(
        "--project", required=True, type=Path, metavar="DIR", help="folder with job.json, data.npz"
    )
    parser.add_argument("--build", metavar="FILE.py:NAME", help="the build function, if elsewhere")
    parser.add_argument("--name", help="of this worker, unlike all others (default: by the host)")
    args = parser.parse_args(argv)
    if not re.fullmatch(r"[^:\s]+:\d{1,5}", args.chief):
        parser.error(f"--chief must be HOST:PORT. Received: {args.chief}")
    for name in ("job.json", "data.npz"):
        if not (args.project / name).is_file():
            parser.error(f"--project must hold {name}. Received: {args.project}")
    name = args.name or f"{socket.gethostname()}-{os.getpid()}"
    if "chief" in name:
        parser.error(f"--name must not hold the word chief. Received: {name}")
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "KERASDNN_SEARCH": name}
    environment["PYTHONPATH"] = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    command = [
        sys.executable,
        "-m",
        "kerasdnn.search.any_model.process",
        str(args.project),
        name,
        args.chief,
    ]
    if args.build:
        command.append(f"build={os.path.abspath(args.build.rpartition(':')[0])}:"
                       f"{args.build.rpartition(':')[2]}")  # fmt: skip
    for attempt in range(1, TRIES + 1):
        print(f"Worker {name} joins {args.chief}.", flush=True)
        code = subprocess.run(command, env=environment, check=False).returncode
        if code == 0:
            print("The search is over.")
            return 0
        if code == CHIEF_IS_GONE:
            print("The chief does not answer: the search is over, or its machine out of reach.")
            return 1
        print(f"The training process ended with code {code}, try {attempt} of {TRIES}.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
