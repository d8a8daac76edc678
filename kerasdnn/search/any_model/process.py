"""Run one process of a search: the coordinator, which hands out trials, or a worker.

    python -m kerasdnn.search.any_model.process PROJECT chief|NAME HOST:PORT \\
        [anew] [build=FILE.py:NAME]

keras-tuner calls the coordinator the chief. Protocol (gRPC), `Oracle` and `Tuner` are those of
keras-tuner. Added to them:

- a worker sends the chief a heartbeat at every epoch; a trial without heartbeats is run again;
- a trial whose process died `DEATHS` times has failed;
- three failed trials in a row end the search, with their reasons in stopped.json;
- the chief ends when the work is done, every process when its parent is gone.
"""

import os
import sys
import time
import traceback
from pathlib import Path

LINGER = 1.0  # seconds in which idle workers learn from the chief that the search is over


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    project, role, address = argv[:3]
    host, port = address.rsplit(":", 1)
    os.environ["KERASTUNER_TUNER_ID"] = role
    os.environ["KERASTUNER_ORACLE_IP"] = host
    os.environ["KERASTUNER_ORACLE_PORT"] = port
    from .jobs import Job

    build = next((a.removeprefix("build=") for a in argv if a.startswith("build=")), None)
    job = Job.load(project, build)
    return serve(job, first="anew" in argv) if role == "chief" else work(job)


# ----------------------------------------------------------------------------------- the chief
def serve(job, first):
    """Hand out trials until there are none left and the last one has ended.

    Args:
        first: bool, whether the workers start together with the chief, so that no worker runs a
            trial that was begun earlier.
    """
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    from ..engine.tuner_internals import oracle_service

    tuner = job.tuner(served=True)
    if first:
        tuner.oracle.take_back_all()
    servicer = chief_servicer(tuner.oracle, job)
    # One thread does all that touches the oracle; two chiefs on a port would be one too many.
    thread = ThreadPoolExecutor(max_workers=1)
    server = grpc.server(thread, options=[("grpc.so_reuseport", 0)])
    oracle_service()[0].add_OracleServicer_to_server(servicer, server)
    address = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    server.add_insecure_port(address)
    tuner.save()
    server.start()
    parent = os.getppid()
    while not (servicer.stop_triggered and not tuner.oracle.unfinished()):
        time.sleep(0.1)
        thread.submit(servicer.give_up_silent_trials, job.silence).result()
        if os.getppid() != parent:
            return 1
    time.sleep(LINGER)
    server.stop(0.5).wait()
    return 0


def chief_servicer(oracle, job):
    """keras-tuner's servicer, which also records the last heartbeat of each running trial."""
    from ..engine.tuner_internals import oracle_service

    heard = Path(job.project, "heard")  # shows the parent that someone called

    class Servicer(oracle_service()[1]):
        def __init__(self, oracle):
            super().__init__(oracle)
            self.heard = {}
            # Workers that were told to stop do not ask a chief started again.
            self.stop_triggered = job.stop_reason() is not None
            oracle.stop_reason = job.stop_reason()

        def CreateTrial(self, request, context):
            answer = super().CreateTrial(request, context)
            if self.stop_triggered:  # on disk before a worker hears of it
                job.write_stop_reason(self.oracle.stop_reason or [])
            self.hear_of(answer.trial.trial_id)
            return answer

        def GetTrial(self, request, context):  # a worker's heartbeat
            self.hear_of(request.trial_id)
            return super().GetTrial(request, context)

        def hear_of(self, trial_id):
            self.heard[trial_id] = time.monotonic()
            heard.touch()

        def give_up_silent_trials(self, limit):
            now = time.monotonic()
            for tuner_id, trial in list(self.oracle.ongoing_trials.items()):
                if now - self.heard.setdefault(trial.trial_id, now) > limit:
                    self.oracle.take_back(tuner_id, f"its worker was silent for {limit:g} s")

    return Servicer(oracle)


# ---------------------------------------------------------------------------------- the worker
def work(job):
    """Run trials until the chief has no more."""
    import threading

    import grpc

    from ..engine.tuner_internals import set_client_timeout

    set_client_timeout(job.silence)  # not an hour, when the chief is gone
    last, parent = {"heartbeat": time.monotonic()}, os.getppid()

    def watch():
        while True:
            time.sleep(1)
            silent = time.monotonic() - last["heartbeat"] > job.silence
            if silent or os.getppid() != parent:
                os._exit(75)  # even where the build function hangs in C

    threading.Thread(target=watch, daemon=True).start()
    try:
        tuner = job.tuner(heartbeat=lambda: last.update(heartbeat=time.monotonic()))
        tuner.search(*job.fit_arrays(), verbose=0, **job.fit_arguments())
    except grpc.RpcError:
        traceback.print_exc()
        print("The chief does not answer.", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
