"""Check spelling and style of all text: documents, docstrings, comments, messages.

    scripts/run scripts/check_text.py        # a few seconds; no network

Spelling: codespell's list of frequent errors and of British spellings, on all files but the Korean
pages and the tables of foreign words. Style: phrases that are riddles to readers of Keras,
scikit-learn and pandas, each with what to write instead. Korean pages have a list of their own.
Tests are left out, because they misspell on purpose.
The exit status is 1 if anything was found.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("kerasdnn", "docs", "recipes", "scripts")
ENDINGS = (".md", ".py", ".toml", ".css", "")
FOREIGN = "kerasdnn/tables/texts"  # months and words of several languages
# fmt: off
STYLE = {  # a regular expression that ignores case: what to write
    r"compiled road|stock road":        "compiled path, fallback to stock Keras",
    r"by the clock":                    "in wall-clock time",
    r"hopeless":                        "clearly worse",
    r"\bglued\b":                       "concatenated",
    r"rows held back":                  "test set",
    r"rows to judge|\d to judge by":    "validation set",
    r"simple rivals?\b":                "baseline",
    r"always the commonest":            "majority class",
    r"whole or not at all":             "atomically",
    r"\bto the bit\b":                  "bit for bit",
    r"(?:answered|predicted) rightly":  "predicted correctly",
    r"cannot be told|told (?:apart )?from": "cannot be distinguished, cannot be determined",
    r"more than chance":                "statistically significant",
    r"honest probabilit":               "well-calibrated probability",
    r"silent units?\b":                 "dead unit",
    r"blows? up\b":                     "diverges",
    r"the gravest":                     "the most severe",
    r"in silence":                      "silently",
    r"ends? in words":                  "raises an explanatory error",
    r"user's own":                      "custom, user-defined",
    r"sign of life":                    "heartbeat",
    r"held against (?:each|before|the)":  "compared with",
    r"by machine\b":                    "by automatic differentiation",
    r"\blegal\b|\bunfit\b":             "valid, invalid",
    r"never met|met in training":       "unseen, seen during training",
    r"comes? to nothing":               "has no effect",
    r"bends? the sum":                  "applies an activation function",
}
KOREAN = {
    r"침묵한 유닛":            "죽은 유닛",
    r"빈 칸이 섞인":           "결측값이 섞인",
    r"\*\* (?:은|는|이|가|을|를)\b": "a particle is attached to its word",
}
DOCUMENTS = {r"\d\s%": "95%, without a space"}  # in code, % may be an operator
# fmt: on


def main():
    files = [path for path in texts() if path != Path(__file__).resolve()]
    found = [*misspelled(files), *unclear(files)]
    for line in found:
        print(line)
    print(f"{len(files)} files: {len(found)} findings.")
    return 1 if found else 0


def texts():
    """The files with text: those of the project's folders and the documents at its root."""
    listed = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in sorted([*listed, *ROOT.glob("*.md"), ROOT / "pyproject.toml"]):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith((".", "_site", "__pycache__")) for part in parts)
        if path.is_file() and path.suffix in ENDINGS and not hidden and "data" not in parts:
            yield path


def misspelled(files):
    """What codespell finds; its settings are in pyproject.toml."""
    english = [
        str(path.relative_to(ROOT))
        for path in files
        if ".ko." not in path.name and ROOT / FOREIGN not in path.parents
    ]
    command = [sys.executable, "-m", "codespell_lib", *english]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode and not done.stdout:
        raise RuntimeError(f"codespell failed: {done.stderr}")
    return done.stdout.splitlines()


def unclear(files):
    """Phrases of the list that fits the language of the file."""
    for path in files:
        phrases = KOREAN if ".ko." in path.name else STYLE
        phrases = phrases | DOCUMENTS if path.suffix == ".md" else phrases
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for phrase, better in phrases.items():
                match = re.search(phrase, line, re.IGNORECASE)
                if match:
                    where = f"{path.relative_to(ROOT)}:{number}"
                    yield f"{where}: {match[0]!r}: write {better}"


if __name__ == "__main__":
    sys.exit(main())
