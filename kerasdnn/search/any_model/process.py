"""One process of a search over several: the chief, who hands out trials, or a worker.

    python -m kerasdnn.search.any_model.process PROJECT chief|NAME HOST:PORT \\
        [anew] [build=FILE.py:NAME]

keras-tuner's own protocol (gRPC) and its own `Oracle` and `Tuner`. Added to them:

- a worker tells the chief at every epoch that it lives; a trial nobody speaks for is run again;
- a trial that took its process down `DEATHS` times has failed;
- three failing trials in a row end the search, with their reasons in stopped.json;
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
    return serve(job, anew="anew" in argv) if role == "chief" else work(job)


# ----------------------------------------------------------------------------------- the chief
def serve(job, anew):
    """Hand out trials until there are none left and the last one has ended.

    Args:
        anew: bool, whether the workers start with the chief, so that trials once begun have none.
    """
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from keras_tuner.src import protos

    tuner = job.tuner(served=True)
    if anew:
        tuner.oracle.take_back_all()
    servicer = chief_servicer(tuner.oracle, job)
    # One thread does all that touches the oracle; two chiefs on a port would be one too many.
    thread = ThreadPoolExecutor(max_workers=1)
    server = grpc.server(thread, options=[("grpc.so_reuseport", 0)])
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
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
    """keras-tuner's servicer, which also knows when each running trial was last heard of."""
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    sign = Path(job.project, "heard")  # tells the parent that someone called

    class Servicer(OracleServicer):
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

        def GetTrial(self, request, context):  # a worker's sign of life
            self.hear_of(request.trial_id)
            return super().GetTrial(request, context)

        def hear_of(self, trial_id):
            self.heard[trial_id] = time.monotonic()
            sign.touch()

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
    from keras_tuner.src.distribute import oracle_client

    oracle_client.TIMEOUT = job.silence  # not an hour, when the chief is gone
    life = {"sign": time.monotonic(), "parent": os.getppid()}

    def watch():
        while True:
            time.sleep(1)
            silent = time.monotonic() - life["sign"] > job.silence
            if silent or os.getppid() != life["parent"]:
                os._exit(75)  # even where the build function hangs in C

    threading.Thread(target=watch, daemon=True).start()
    try:
        tuner = job.tuner(sign_of_life=lambda: life.update(sign=time.monotonic()))
        tuner.search(*job.fit_arrays(), verbose=0, **job.fit_arguments())
    except grpc.RpcError:
        traceback.print_exc()
        print("The chief does not answer.", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
