"""Run a worker on another machine for a search with several processes.

    # on the first machine: a search that accepts workers
    kerasdnn.tune(X, y, build=build, workers=2, chief="0.0.0.0:8700", directory="searches")

    # on every other machine, with a copy of searches/search (job.json and data.npz)
    scripts/run recipes/search_worker.py --chief FIRST:8700 --project searches/search

The worker trains one trial after another until the search is complete, and then exits. If its
training process crashes, it is restarted and resumes the trial. The build function is imported as
on the first machine; --build FILE.py:NAME gives its location on this one. The coordinator of the
search is called *chief*, as in keras-tuner.

Anyone who can reach the chief's port can join the search: use a network that you trust.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from _common import Parser

TRIES = 5  # crashes of the training process in a row until this worker gives up
CHIEF_IS_GONE = 3


def main(argv=None):
    parser = Parser(__doc__)
    add = parser.add_argument
    add("--chief", required=True, metavar="HOST:PORT", help="address of the search")
    add("--project", required=True, type=Path, metavar="DIR", help="folder with job.json, data.npz")
    add("--build", metavar="FILE.py:NAME", help="the build function, if it is in another place")
    add("--name", help="unique name of this worker (default: from the host name)")
    args = parser.parse_args(argv)
    if not re.fullmatch(r"[^:\s]+:\d{1,5}", args.chief):
        parser.error(f"--chief must be HOST:PORT. Received: {args.chief}")
    for name in ("job.json", "data.npz"):
        if not (args.project / name).is_file():
            parser.error(f"--project must contain {name}. Received: {args.project}")
    name = args.name or f"{socket.gethostname()}-{os.getpid()}"
    if "chief" in name:
        parser.error(f"--name must not contain the word chief. Received: {name}")
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
            print("The search is complete.")
            return 0
        if code == CHIEF_IS_GONE:
            print("The chief does not respond: the search is complete, or it cannot be reached.")
            return 1
        print(f"The training process exited with code {code}, attempt {attempt} of {TRIES}.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
