"""Show a record as text: sections of names and values, which the model card uses, too."""

from typing import Any

SHOWN_COLUMNS = 200


def sections(record: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """The record as headings with rows of names and values.

    Args:
        record: `model.record_`.
    """
    data, split, training = record["data"], record["split"], record["training"]
    model = [
        ("estimator", record["estimator"]),
        ("problem", record["problem"]),
        ("preset", record["preset"]),
        ("parameters", f"{training['parameters']:,}"),
    ]
    columns = data["columns"]
    about = [("rows", f"{data['rows']:,}"), ("columns", str(len(columns)))]
    for key in ("target", "weights", "groups", "time"):
        if key in data:
            name = data[key]["name"]
            about.append((key, f"{'unnamed' if name is None else name}, {digest_of(data[key])}"))
    trained = [
        ("started", record["timings"]["started"]),
        ("seconds", f"{record['timings']['seconds']:g}"),
        ("epochs", f"{training['epochs']}, of which {training['best_epoch']} is the best"),
        ("validation", split_text(split)),
        *((f"seed: {name}", str(value)) for name, value in record["seeds"].items()),
    ]
    return {
        "Model": model,
        "Scores on the validation rows": [(k, score_text(v)) for k, v in record["scores"].items()],
        "Data": about,
        "Columns": [column_text(column) for column in columns[:SHOWN_COLUMNS]]
        + [("...", f"{len(columns) - SHOWN_COLUMNS} more")] * (len(columns) > SHOWN_COLUMNS),
        "Training": trained,
        "Hyperparameters": [(k, str(v)) for k, v in record["hyperparameters"].items()],
        "Versions": [(k, str(v)) for k, v in record["versions"].items()],
        "Device": [(k, str(v)) for k, v in record["device"].items()],
        "Result (sha256)": [(k, str(v)) for k, v in record["result"].items()],
    }


def score_text(score: dict[str, float]) -> str:
    """A score with its interval: "0.937 (95% CI 0.86 to 0.973)"."""
    if score["low"] is None:
        return f"{score['value']:.4g}"
    return f"{score['value']:.4g} (95% CI {score['low']:.4g} to {score['high']:.4g})"


def split_text(split):
    if split["how"] == "none":
        return "none"
    how = {"random": "drawn at random", "groups": "of groups that were not trained on",
           "time": "the latest", "given": "passed to fit"}[split["how"]]  # fmt: skip
    return f"{split['validation']:,} rows, {how}; {split['training']:,} rows trained on"


def column_text(column):
    missing = f"{column['missing']:,} missing" if column["missing"] else ""
    parts = [part for part in (column["kind"], missing, digest_of(column)) if part]
    return str(column["name"]), ", ".join(parts)


def digest_of(part):
    return f"sha256 {part['sha256']}" if part["sha256"] else "not hashed: read in parts"


def text_of(record: dict[str, Any]) -> str:
    """The record as text."""
    lines = []
    for heading, rows in sections(record).items():
        if rows:
            width = max(len(name) for name, _ in rows)
            lines += ["", heading, *(f"  {name:<{width}}  {value}" for name, value in rows)]
    return "\n".join(lines[1:])
