"""Time `tune` and stock `keras_tuner.RandomSearch` on the same trials.

    scripts/run scripts/bench_tuning.py                  # cancer digits cv, about 8 minutes
    scripts/run scripts/bench_tuning.py bayesian memory  # its oracle; growth of memory, 4 minutes

    cancer   breast cancer, 100 random trials of 20 epochs, batch 32
    digits   digits, 50 random trials of 30 epochs, batch 32
    cv       breast cancer, 100 random trials of 20 epochs, 5 folds each; stock: a loop of fits
    bayesian breast cancer, 100 trials of 20 epochs: the fraction of the time that the oracle takes
    memory   breast cancer, 500 trials of 5 epochs; stock: as many as --stock says

Stock Keras trains only the first --stock trials: plain `keras.Sequential`, the same initial
weights, the same rows, its own order of rows. The scores of these trials are compared before any
time is printed. The times of `tune` include compilation, files and the table of results.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time

SPACE_SEED = 1
TASKS = {  # data, trials, epochs, folds, how many times faster the aim is
    "cancer": ("load_breast_cancer", 100, 20, None, 60),
    "digits": ("load_digits", 50, 30, None, 20),
    "cv": ("load_breast_cancer", 100, 20, 5, 100),
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", help="of: cancer digits cv bayesian memory")
    parser.add_argument("--stock", type=int, default=10, help="trials of stock Keras (default 10)")
    parser.add_argument("--trials", type=int, help="trials of tune, instead of the task's own")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for task in args.tasks or TASKS:
        if task == "memory":
            memory(args.trials or 500, args.stock)
        elif task == "bayesian":
            bayesian(args.trials or 100)
        elif task in TASKS:
            compare(task, *TASKS[task], args)
        else:
            parser.error(f"tasks are {', '.join(TASKS)}, bayesian and memory. Received: {task}")


def space(hp):
    return {
        "hidden_units": (hp.Choice("units", [16, 32, 64]),) * hp.Int("layers", 1, 3),
        "activation": hp.Choice("activation", ["relu", "tanh", "leaky_relu"]),
        "optimizer": hp.Choice("optimizer", ["momentum", "nag", "adam"]),
        "learning_rate": hp.Float("learning_rate", 1e-3, 1e-1, sampling="log"),
    }


def load(loader):
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = getattr(datasets, loader)(return_X_y=True)
    train, valid = train_test_split(range(len(X)), test_size=0.2, stratify=y, random_state=0)
    X = StandardScaler().fit(X[train]).transform(X).astype("float32")
    return X, y, train, valid


def compare(task, loader, trials, epochs, cv, aim, args):
    import numpy as np

    import kerasdnn

    X, y, train, valid = load(loader)
    trials = args.trials or trials
    validation = {"cv": cv} if cv else {"validation_data": (X[valid], y[valid])}
    x, target = (X, y) if cv else (X[train], y[train])
    began = time.perf_counter()
    ours = kerasdnn.tune(
        x, target, space=space, max_trials=trials, epochs=epochs, batch_size=32,
        seed=SPACE_SEED, verbose=0, **validation,
    )  # fmt: skip
    own = (time.perf_counter() - began) / trials

    data = ours.tuner.data
    stock_scores, stock_times = [], []
    with tempfile.TemporaryDirectory() as folder:
        for trial, (scores, seconds) in enumerate(
            stock_trials(data, ours, epochs, args.stock, folder, by_hand=bool(cv))
        ):
            stock_scores.append(np.mean(scores))
            stock_times.append(seconds)
            print(f"\r{task}: stock trial {trial + 1}/{args.stock}", end="", file=sys.stderr)
    print(file=sys.stderr)
    first = ours.trials.head(args.stock)
    alike = np.abs(first["score"].to_numpy() - np.array(stock_scores))
    print(f"\n{task}: {trials} trials, {epochs} epochs" + (f", {cv} folds" if cv else ""))
    print(f"  val_loss of the first {len(alike)} trials, ours and stock: median difference "
          f"{np.median(alike):.4f}; best {first['score'].min():.4f} and {min(stock_scores):.4f}; "
          f"best of all {trials}: {ours.best_score:.4f}")  # fmt: skip
    if np.median(alike) > 0.05:
        sys.exit("The scores do not agree: no times are printed.")
    # The first stock trial pays for imports and first tracing; leave it out where there are more.
    stock = statistics.median(stock_times[1:] or stock_times)
    print(f"  tune         {own:8.3f} s per trial, {own * trials:.1f} s in all")
    print(f"  keras-tuner  {stock:8.3f} s per trial (median of {len(stock_times)})"
          .replace("keras-tuner", "fit in a loop" if cv else "keras-tuner"))  # fmt: skip
    print(f"  ratio        {stock / own:8.1f}   (aim {aim})", flush=True)


def stock_trials(data, ours, epochs, count, folder, by_hand):
    """Scores per fold and seconds of each trial, trained by stock Keras."""
    import keras
    import keras_tuner

    from kerasdnn.factories import build_for

    problem = data.problem
    settings = [ours.hyperparameters_of(i) for i in range(count)]
    # Fresh seeds per fold, as in `tune`. Built before the clock starts.
    weights = [
        [
            build_for(problem, **{**one, "seed": one["seed"] + fold}).get_weights()
            for fold in range(len(data.pairs))
        ]
        for one in settings
    ]

    def build(one, initial):
        model = keras.Sequential([keras.Input((problem.n_features,))])
        for units in one["hidden_units"]:
            model.add(keras.layers.Dense(units))
            slope = {"negative_slope": 0.01} if one["activation"] == "leaky_relu" else {}
            activation = one["activation"]
            model.add(
                keras.layers.LeakyReLU(**slope) if slope else keras.layers.Activation(activation)
            )
        model.add(keras.layers.Dense(problem.units, activation=problem.head.activation))
        rate = one["learning_rate"]
        optimizer = {
            "adam": lambda: keras.optimizers.Adam(rate),
            "momentum": lambda: keras.optimizers.SGD(rate, 0.9),
            "nag": lambda: keras.optimizers.SGD(rate, 0.9, nesterov=True),
        }[one["optimizer"]]()
        model.compile(optimizer, problem.head.loss, metrics=["accuracy"])
        model.set_weights(initial)
        return model

    def arrays(fold):
        train, held = (data.rows.take(rows) for rows in data.pairs[fold])
        return {"x": train.x, "y": train.y, "validation_data": (held.x, held.y), "verbose": 0}

    if by_hand:
        for one, initial in zip(settings, weights, strict=True):
            began = time.perf_counter()
            curves = [
                build(one, first).fit(**arrays(k), epochs=epochs, batch_size=32).history["val_loss"]
                for k, first in enumerate(initial)
            ]
            mean = [sum(values) / len(values) for values in zip(*curves, strict=True)]
            yield [min(mean)], time.perf_counter() - began
        return
    turns = iter(zip(settings, weights, strict=True))
    ends = []

    class Clock(keras_tuner.RandomSearch):
        def on_trial_begin(self, trial):
            super().on_trial_begin(trial)
            self.began = time.perf_counter()

        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            ends.append(
                (self.oracle.trials[trial.trial_id].score, time.perf_counter() - self.began)
            )

    def model(hp):
        space(hp)  # keras-tuner's own drawing; the trial below has the settings that `tune` had
        if not model.ready:
            model.ready = True
            return build(settings[0], weights[0][0])  # keras-tuner looks at the space first
        one, initial = next(turns)
        return build(one, initial[0])

    model.ready = False
    tuner = Clock(
        model, objective="val_loss", max_trials=count, seed=SPACE_SEED, directory=folder,
        project_name="stock",
    )  # fmt: skip
    tuner.search(**{**arrays(0), "epochs": epochs, "batch_size": 32})
    for score, seconds in ends:
        yield [score], seconds


def bayesian(trials):
    """How much of a Bayesian search its oracle takes, in waves of 16."""
    import kerasdnn
    from kerasdnn.search.engine.oracles import BayesianOracle

    X, y, train, valid = load("load_breast_cancer")
    ask, asked = BayesianOracle.ask, []

    def clocked(*args, **kwargs):
        began = time.perf_counter()
        found = ask(*args, **kwargs)
        asked.append(time.perf_counter() - began)
        return found

    BayesianOracle.ask = clocked
    began = time.perf_counter()
    found = kerasdnn.tune(
        X[train], y[train], space=space, oracle="bayesian", max_trials=trials, epochs=20, wave=16,
        seed=SPACE_SEED, verbose=0, validation_data=(X[valid], y[valid]),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    print(f"bayesian: {len(found.trials)} trials in {seconds:.1f} s, {len(asked)} proposals; "
          f"the oracle took {sum(asked):.2f} s, {sum(asked) / seconds:.1%} (limit 20%); "
          f"best val_loss {found.best_score:.4f}")  # fmt: skip


def memory(trials, stock):
    """Growth of the resident memory after the first population, and that of stock Keras."""
    import keras_tuner

    import kerasdnn

    X, y, train, valid = load("load_breast_cancer")
    data = {"validation_data": (X[valid], y[valid])}
    seen = []

    def sizes(tuner):
        if not tuner.running:
            seen.append(resident())

    from kerasdnn.search.engine.project import Progress

    watched = Progress.__call__

    def watch(self, tuner):
        watched(self, tuner)
        sizes(tuner)

    Progress.__call__ = watch
    kerasdnn.tune(
        X[train], y[train], space=space, max_trials=trials, epochs=5, seed=1, wave=50, verbose=0,
        **data,
    )  # fmt: skip
    print(f"memory: {trials} trials in waves of 50; after each wave, MB: "
          + " ".join(f"{size:.0f}" for size in seen))  # fmt: skip
    print(f"  growth after the first population: {seen[-1] - seen[0]:.0f} MB (aim: under 100)")
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            kerasdnn.hypermodel("binary", 30, space=space), objective="val_loss", max_trials=1,
            seed=1, directory=folder,
        )  # fmt: skip
        tuner.search(X[train], y[train], epochs=5, verbose=0, **data)
        before = resident()
        tuner.oracle.max_trials = 1 + stock
        tuner.search(X[train], y[train], epochs=5, verbose=0, **data)
        growth = (resident() - before) / stock
    print(f"  stock keras-tuner: {growth:.2f} MB per trial over {stock} trials, "
          f"{growth * trials:.0f} MB for {trials}")  # fmt: skip


def resident():
    """Resident memory of this process now, MB."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
