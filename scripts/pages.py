"""Write the parts of the documentation that come from the code: the table of presets, and pictures.

    scripts/run scripts/pages.py        # half a minute; docs/presets.md and pictures

`tests/test_pages.py` fails if a document differs from what this program writes.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from kerasdnn import plots
from kerasdnn.core.atomic_files import write_bytes
from kerasdnn.estimators.presets import by_name
from kerasdnn.hyperparameters import (
    DNN_CLASSIFIER,
    DNN_MULTI_OUTPUT,
    DNN_REGRESSOR,
    ESTIMATOR,
    FACTORY,
    ROWS,
    Range,
    Row,
    quoted,
)

ESTIMATORS = {
    "classifier": DNN_CLASSIFIER, "regressor": DNN_REGRESSOR, "multi-output": DNN_MULTI_OUTPUT,
}  # fmt: skip
DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "presets.md", DOCS / "accuracy.png"
sys.path.insert(0, str(DOCS.parent / "recipes"))
HEAD = """# Presets and defaults

What None, the default of most arguments, stands for. This page is written by
`scripts/run scripts/pages.py` from the rows of `kerasdnn/hyperparameters.py` and the presets;
`help(DNNClassifier)` describes each argument, and `model.hyperparameters_` shows what a fitted
model used.

`preset=None` means "compact", or "standard" if an argument is given that only "standard" has, such
as `optimizer`. An argument that is not None replaces the value of the preset.
"""


def main():
    write_bytes(PAGE, presets_page().encode())
    plots.save(accuracy_picture((DOCS / "accuracy.md").read_text("utf-8")), PICTURE)
    for name, drawing in guide_pictures().items():
        plots.save(drawing, DOCS / "pictures" / f"{name}.png")
    print(f"{PAGE}, {PICTURE.name} and the pictures of the guide are written.")


def presets_page() -> str:
    """The text of docs/presets.md."""
    parts = [HEAD, "\n## Hyperparameters with a value in each preset\n\n", PRESET_NOTE]
    parts += [table_of_presets(), "\n## Other arguments of the estimators\n\n"]
    parts += [table_of_others(ESTIMATOR), "\n## Arguments of the `build_*` functions\n\n"]
    parts += [table_of_others(FACTORY, of_presets=True)]
    return "".join(parts)


PRESET_NOTE = """Where a regressor differs, its value comes second, and third that of a regressor
of counts, positive numbers or a distribution. A dash means that the preset does not have it and
rejects it. What is marked with * is set by the presets and cannot be passed.

"""


def table_of_presets() -> str:
    """One row per hyperparameter that a preset has, one column per preset."""
    kinds = by_name(), by_name(numbers=True), by_name(numbers=True, steep=True)
    rows = [["hyperparameter", *(f'"{name}"' for name in kinds[0])]]
    known = {name for preset in kinds[0].values() for name in preset}
    for row in {row.name: row for row in ROWS if row.name in known}.values():
        cells = [cell(row, [values[name] for values in kinds]) for name in kinds[0]]
        mark = "" if row.accepted_by & ESTIMATOR else " *"
        rows.append([f"`{row.name}`{mark}", *cells])
    return markdown(rows)


def table_of_others(entry, of_presets=False) -> str:
    """One row per argument of `entry` that no preset decides, or per argument."""
    known = {name for preset in by_name().values() for name in preset}
    rows = [["argument", "default", "who has it"] if not of_presets else ["argument", "default"]]
    for row in [row for row in ROWS if row.accepted_by & entry]:
        if row.name in known and not of_presets:
            continue
        default = f"None: {row.none}" if row.default is None else code(row.default)
        who = [name for name, one in ESTIMATORS.items() if row.accepted_by & one]
        more = [] if of_presets else ["all" if len(who) == len(ESTIMATORS) else ", ".join(who)]
        rows.append([f"`{row.name}`", default, *more])
    return markdown(rows)


def cell(row: Row, kinds: list[dict]) -> str:
    """The value of a preset for a classifier and, where they differ, for each kind of regressor."""
    if row.name not in kinds[0]:
        return "-"
    texts = [row.none if values[row.name] is None else code(values[row.name]) for values in kinds]
    while len(texts) > 1 and texts[-1] == texts[-2]:
        texts.pop()
    return "; ".join(texts)


def code(value) -> str:
    """A value as it is typed; of a `Range`, its description."""
    return str(value) if isinstance(value, Range) else f"`{quoted(value)}`"


def markdown(rows) -> str:
    lines = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines) + "\n"


def read_accuracy(page: str) -> dict[str, float]:
    """The models of the first table of docs/accuracy.md and their mean errors, best first."""
    lines = page.split("| model |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: float(row[1]) for row in cells}


def accuracy_picture(page: str):
    """Draw the mean errors of docs/accuracy.md; ours are filled bars."""
    errors = read_accuracy(page)
    ours = {"compact", "realmlp", "realmlp-s", "standard", "tabm", "pack"}
    names = [name.removesuffix(", the default") for name in errors]
    shown = [f"kerasdnn {name}" if name in ours else name for name in names]
    look = plots.series(0), plots.series(7)
    drawing, ax = plots.figure(width=5.6, height=0.34 * len(names) + 0.9)
    with plots.style():
        places = range(len(names), 0, -1)
        colors = [look[name not in ours]["color"] for name in names]
        bars = ax.barh(places, errors.values(), 0.7, color=colors)
        ax.bar_label(bars, [f"{value:.3f}" for value in errors.values()], padding=4, fontsize=9)
        ax.set_yticks(places, shown, fontsize=10)
        ax.set(
            xlabel="error relative to RealMLP-TD-S (lower is better)",
            xlim=(0, 1.1 * max(errors.values())),
        )
        ax.grid(axis="y", visible=False)
    return drawing


class Pictures(dict):
    """What a recipe reports to here: its pictures are kept by name, its tables are not."""

    def picture(self, name, drawing, caption):
        self[name] = drawing

    def table(self, *args, **kwargs):
        pass


class Progress:
    """A progress bar that is not shown."""

    def step(self, what=""):
        pass


# fmt: off
GUIDE = {  # number of a concept: its picture
    "1": "training", "2": "unit", "3": "network", "3, embedding": "embedding",
    "3, pooling": "pooling", "4": "network", "5": "binary_cross_entropy",
    "6": "categorical_cross_entropy", "7": "squared_error", "8": "metrics", "9": "functions",
    "10": "gradients", "11": "dying", "12": "steps", "13": "softmax", "14": "descent",
    "15": "batches", "16": "batches", "17": "backward", "18": "apples", "19": "composite",
    "20": "first_weight", "21": "steps", "22": "adaptive_rates", "23": "adam", "24": "paths",
}
# fmt: on
DYING_EPOCHS = 8


def guide_pictures() -> dict:
    """The pictures of the guide by name, drawn by the recipes."""
    import backprop_by_hand
    import compare_activations
    import compare_batch_sizes
    import compare_optimizers
    import concepts
    import step_by_step
    from _tables import shipped, split

    found = Pictures()
    for draw in (
        concepts.unit, concepts.pooling, concepts.losses, concepts.metrics, concepts.softmax,
        concepts.descent, concepts.backward, concepts.adaptive_rates, backprop_by_hand.apples,
        backprop_by_hand.composite, compare_activations.draw_functions,
    ):  # fmt: skip
        draw(found)
    for draw in (
        concepts.training, concepts.network, concepts.embedding, concepts.adam,
        backprop_by_hand.network, compare_batch_sizes.on_a_surface,
    ):  # fmt: skip
        draw(found, seed=0)
    found["batches"] = found.pop("paths")
    digits = shipped("digits")
    rows = split(digits, seed=0)
    compare_activations.dying(found, digits, rows, DYING_EPOCHS, 1, 0, Progress())
    gradients = compare_activations.gradients_at_the_start(rows, seed=0)
    found["gradients"] = compare_activations.draw_start(gradients)
    found["paths"] = compare_optimizers.draw_surface(compare_optimizers.best_paths(False)[0])
    drawing, (top, bottom) = plots.figure(2, 1, width=5.6, height=7.0)
    step_by_step.draw_paths(step_by_step.optimizers(found)[0], top)
    step_by_step.leaky(found, bottom)
    found["steps"] = drawing
    return {name: found[name] for name in {*GUIDE.values()}}


if __name__ == "__main__":
    main()
