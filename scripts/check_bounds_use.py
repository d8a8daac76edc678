"""Use an installed kerasdnn in every room, outside the checkout; see `check_bounds.py`.

The arguments are names of packages, whose versions are printed.
"""

import importlib
import importlib.metadata
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import kerasdnn
from kerasdnn import DNNClassifier, DNNRegressor


def main(packages):
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    print(f"Python {sys.version.split()[0]}, {', '.join(versions)}", flush=True)
    assert "site-packages" in kerasdnn.__file__, kerasdnn.__file__
    for part in pkgutil.walk_packages(kerasdnn.__path__, "kerasdnn."):
        if not part.name.endswith("__main__"):
            importlib.import_module(part.name)
    table = make_table()
    X, y = table.drop(columns="bought"), table["bought"]
    for preset in ("standard", "realmlp", "tabm", "pack"):
        model = DNNClassifier(preset, epochs=2, random_state=0).fit(X, y)
        model.save("model.kerasdnn")
        again = kerasdnn.load("model.kerasdnn").predict_proba(X)
        np.testing.assert_array_equal(again, model.predict_proba(X))
        told(preset, model.export("out", format="numpy"))
        told(preset, model.export("out", format="onnx"))
    told("pack", model.export("out", format="saved_model"))
    numbers = DNNRegressor("realmlp", epochs=2, random_state=0, quantiles=(0.1, 0.5, 0.9))
    told("quantiles", numbers.fit(X[["age"]], X["age"].fillna(0)).export("out", format="litert"))
    model.explain(X.head(3))
    kerasdnn.plots.save(model.plot_calibration(X, y), "plot.png")
    kerasdnn.tune(X, y, max_trials=2, epochs=2)
    kerasdnn.compare(X, y, {"optimizer": ["adam", "nag"]}, seeds=2, epochs=2)
    serve(model, X)
    large(table)
    commands(table)


def told(name, manifest):
    rows, largest = (manifest["proof"][key]["all"] for key in ("rows", "largest_difference"))
    kind = manifest["kind"]
    print(f"{name}, {kind}: largest difference {largest:.1e} in {rows:,} rows", flush=True)


def make_table(rows=240):
    rng = np.random.default_rng(0)
    age = np.where(rng.random(rows) < 0.1, np.nan, rng.integers(18, 80, rows))
    return pd.DataFrame({
        "age": age, "city": rng.choice(["Oslo", "Bonn", None], rows),
        "since": pd.date_range("2020-01-01", periods=rows, freq="7h"),
        "member": rng.choice([True, False], rows),
        "bought": np.where(np.nan_to_num(age) > 45, "yes", "no"),
    })  # fmt: skip


def serve(model, X):
    from kerasdnn.serving import mlflow_flavor
    from kerasdnn.serving.app import make_app
    from kerasdnn.serving.service import Service

    rows = json.loads(X.head(3).to_json(orient="records", date_format="iso"))
    service = Service(model)
    status, answer = service.answer(json.dumps({"rows": rows}).encode())
    assert status == 200, answer
    assert answer["predictions"] == model.predict(X.head(3)).tolist()
    assert make_app(service)
    mlflow_flavor.save_model(model, "mlflow")
    found = mlflow_flavor.imported().pyfunc.load_model("mlflow").predict(X.head(3))
    assert found.iloc[:, 0].tolist() == answer["predictions"]


def large(table):
    table.to_parquet("rows.parquet", row_group_size=80)
    model = DNNClassifier("standard", epochs=2, random_state=0).fit("rows.parquet", y="bought")
    model.predict_to("rows.parquet", "found.parquet")
    assert len(pd.read_parquet("found.parquet")) == len(table)


def commands(table):
    table.to_excel("rows.xlsx", index=False)
    table.to_csv("rows.csv", index=False)
    command = Path(sys.executable).with_name("kerasdnn")
    for line in (
        "train rows.csv --target bought --epochs 2 --out m.kerasdnn",
        "predict m.kerasdnn rows.xlsx --out found.csv",
        "evaluate m.kerasdnn rows.parquet --json",
        "inspect m.kerasdnn --card card.html",
        "refit m.kerasdnn rows.csv",
    ):
        done = subprocess.run([command, *line.split()], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert "bit-identical" in done.stdout, done.stdout
    print("command: " + done.stdout.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
