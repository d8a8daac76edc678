"""Train one network on two machines, and survive the loss of one of them.

    scripts/run recipes/two_machines.py                 # both workers on this machine, 1 min

    # on two machines, the same command except for the last number
    scripts/run recipes/two_machines.py --workers first:8701 second:8701 --index 0
    scripts/run recipes/two_machines.py --workers first:8701 second:8701 --index 1

Every worker trains on its own rows, here every second row of digits; each step adds up the
gradients of both. On this machine alone, worker 1 is killed halfway. Worker 0 notices that and ends
with an error; both are started again and resume after the last complete epoch. Expect the losses of
both workers to be equal, and equal to those of one process on all rows.

Anyone who reaches the ports can join the training: use a network that you trust.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

from _common import Report, options, parse, quiet_imports, start

BATCH_SIZE, EPOCHS = 64, 10


def main(argv=None):
    parser = options(__doc__, "two_machines", epochs=EPOCHS)
    add = parser.add_argument
    add("--workers", nargs="+", metavar="HOST:PORT", help="addresses of all workers, the same list "
        "on each (default: two on this machine)")  # fmt: skip
    add("--index", type=int, metavar="N", help="which of --workers this one is, from 0")
    add("--kill-after", type=int, metavar="EPOCH", help="kill this worker after an epoch")
    args = parse(parser, argv)
    if args.quick:
        args.epochs = min(args.epochs, 4)
    if (args.workers is None) != (args.index is None):
        parser.error("--workers and --index belong together")
    if args.workers:
        if not 0 <= args.index < len(args.workers):
            parser.error(f"--index must be below {len(args.workers)}. Received: {args.index}")
        return work(args)
    return both(args)


# -------------------------------------------------------------------------------------- a worker
def work(args):
    """Be one of the workers."""
    cluster = {"worker": args.workers}
    task = {"type": "worker", "index": args.index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    with quiet_imports():
        import keras
        import tensorflow as tf

        strategy = tf.distribute.MultiWorkerMirroredStrategy()  # waits for the others
    X, y = rows()
    X, y = X[args.index :: len(args.workers)], y[args.index :: len(args.workers)]
    with strategy.scope():
        network = build(args.seed)

    def ended(epoch, logs):
        line = f"worker {args.index}, epoch {epoch + 1}: loss {logs['loss']:.6f}"
        print(line + "\n", end="", flush=True)  # one write, because two workers share the output
        if epoch + 1 == args.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=ended)]
    if args.index == 0:  # the others take over the weights of worker 0
        callbacks.append(keras.callbacks.BackupAndRestore(args.out / "backup"))
    try:
        history = network.fit(
            X, y, batch_size=BATCH_SIZE, epochs=args.epochs, shuffle=False, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
    except RuntimeError as error:
        print(f"worker {args.index}: {error}", flush=True)
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    network.save(args.out / f"worker-{args.index}.keras")
    found = {"epochs": history.epoch, "loss": history.history["loss"]}
    (args.out / f"worker-{args.index}.json").write_text(json.dumps(found), "utf-8")
    return 0


def rows():
    """The rows of digits: replace them by those of this worker's own files."""
    from _tables import shipped

    table = shipped("digits")
    return table.X / 16, table.y


def build(seed):
    from kerasdnn import build_classifier

    return build_classifier(
        64, 10, hidden_units=(64, 32), optimizer="adam", learning_rate=0.003, seed=seed
    )


# ---------------------------------------------------------------------------- both on this machine
def both(args):
    """Run two workers on this machine, kill one, run them again, and compare with one process."""
    half = args.epochs // 2
    shutil.rmtree(args.out / "backup", ignore_errors=True)  # of an earlier run
    print(f"Two workers; worker 1 is killed after epoch {half}.", flush=True)
    first = run_workers(args, half)
    print("Both workers again.", flush=True)
    second = run_workers(args)
    if first[0] == 0 or any(second):
        sys.exit(f"The workers ended with {first} and {second}.")
    device = start(args)
    import keras
    import numpy as np

    from kerasdnn import load

    X, y = rows()
    alone = build(args.seed)
    losses = alone.fit(*in_turns(X, y), batch_size=BATCH_SIZE, epochs=args.epochs, shuffle=False,
                       verbose=0).history["loss"]  # fmt: skip
    found = [json.loads((args.out / f"worker-{i}.json").read_text("utf-8")) for i in (0, 1)]
    resumed = found[0]["epochs"][0]
    networks = [load(args.out / f"worker-{i}.keras") for i in (0, 1)]
    gaps = [
        max(np.abs(a - b).max() for a, b in zip(n.get_weights(), alone.get_weights(), strict=True))
        for n in networks
    ]
    report = Report(args, "One network on two machines", device)
    curves = {"one process": losses, "two workers, resumed": found[0]["loss"]}
    at = {"one process": range(1, args.epochs + 1),
          "two workers, resumed": range(resumed + 1, args.epochs + 1)}  # fmt: skip
    from kerasdnn import plots

    ax = plots.learning_curves(curves, at, ylabel="training loss")
    report.picture("losses", ax, "Both curves are the same: the workers share every step.")
    report.findings([
        f"Worker 1 was killed after epoch {half}; worker 0 ended with exit code {first[0]}.",
        f"Both workers resumed at epoch {resumed + 1}.",
        f"Equal losses on both workers: {found[0]['loss'] == found[1]['loss']}.",
        f"Largest difference from the weights of one process: {max(gaps):.1e}.",
    ])  # fmt: skip
    report.save()
    keras.backend.clear_session()


def in_turns(X, y):
    """The rows in the order in which two workers use them: half of each step from each."""
    import numpy as np

    half = BATCH_SIZE // 2
    parts = [np.arange(len(y))[i::2] for i in (0, 1)]
    steps = -(-len(parts[0]) // half)
    order = [part[t * half : (t + 1) * half] for t in range(steps) for part in parts]
    return X[np.concatenate(order)], y[np.concatenate(order)]


def run_workers(args, kill_after=None):
    """Start two workers on free ports; return their exit codes."""
    free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in free]
    for each in free:
        each.close()
    workers = []
    for index in (0, 1):
        command = [sys.executable, __file__, "--workers", *addresses, "--index", str(index)]
        command += ["--out", str(args.out), "--seed", str(args.seed), "--epochs", str(args.epochs)]
        if kill_after and index == 1:
            command += ["--kill-after", str(kill_after)]
        workers.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    return [worker.wait() for worker in workers]


if __name__ == "__main__":
    sys.exit(main())
