"""Encode a column of sentences: hashed character n-grams, reduced to a few numbers.

    counts of 3- and 4-grams in 4,096 buckets  ->  log(1 + count) x idf, length 1  ->  SVD

scikit-learn's `HashingVectorizer` and `TruncatedSVD` do the work. What they learn is two arrays,
kept as base64 of float16, so that the state stays plain JSON.
"""

import base64
from dataclasses import dataclass, field

import numpy as np

from .columns import center_and_scale, learn_missing, write_missing

BUCKETS = 4096
MAX_COMPONENTS = 24
TEXTS_PER_COMPONENT = 8
MAX_TEXTS = 20_000  # different texts from which the components are learned


@dataclass
class TextColumn:
    """A column of sentences.

    Attributes:
        parts: `[suffix of the name, center, scale]` of every component that varied in training.
        idf: base64 of float16 `(BUCKETS,)`; components: of float16 `(components, BUCKETS)`.
        missing: as in `NumericColumn`.
    """

    name: str | int
    kind: str
    parts: list
    idf: str
    components: str
    missing: list = field(default_factory=list)
    reading: dict | None = None
    inferred: str = "text"
    details: str = ""
    role = "text"
    embedded = False

    def __post_init__(self):
        self._idf = unpack(self.idf)
        self._components = unpack(self.components).reshape(-1, BUCKETS).T

    @property
    def used(self):
        """Whether the matrix holds anything of the column."""
        return bool(self.parts or self.missing)

    @property
    def flags(self):
        """Names of the columns next to the scaled ones."""
        return [f"{self.name} is missing"] if self.missing else []

    def numbers(self, column):
        """The components of a column, float64 `(rows,)` each, before scaling."""
        if column.kind == "empty":
            return [np.full(len(column.values), np.nan)] * len(self.parts)
        codes, texts = column.factorized
        found = np.full((len(texts) + 1, self._components.shape[1]), np.nan)
        found[:-1] = weighted(texts, self._idf) @ self._components
        positions = [int(suffix.split()[-1]) - 1 for suffix, _, _ in self.parts]
        return [found[codes, position] for position in positions]

    def write(self, column, out):
        """Write the flags."""
        write_missing(self.missing, column, out)


def pack(array):
    return base64.b64encode(np.asarray(array, dtype="float16").tobytes()).decode("ascii")


def unpack(text):
    return np.frombuffer(base64.b64decode(text), dtype="float16").astype("float64")


def count_grams(texts):
    """Counts of character n-grams, sparse `(texts, BUCKETS)`."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=BUCKETS, norm=None, alternate_sign=False
    )
    return vectorizer.transform([text.encode("utf-8", "replace").decode() for text in texts])


def weighted(texts, idf):
    """The rows that are reduced, sparse `(texts, BUCKETS)` of length 1."""
    from sklearn.preprocessing import normalize

    counts = count_grams(texts)
    counts.data = np.log1p(counts.data)
    return normalize(counts.multiply(idf).tocsr())


def learn_text(name, column, weights, scaling):
    """The `TextColumn` of a text column.

    Args:
        weights: float64 `(rows,)` or None; they count for the scale, not for the components.
    """
    from sklearn.decomposition import TruncatedSVD

    _, texts = column.factorized
    sample = np.sort(texts)[:: -(-len(texts) // MAX_TEXTS)]
    counts = count_grams(sample)
    frequency = np.bincount(counts.indices, minlength=BUCKETS)
    idf = np.log((1 + len(sample)) / (1 + frequency)) + 1
    size = int(np.clip(len(sample) // TEXTS_PER_COMPONENT, 1, MAX_COMPONENTS))
    svd = TruncatedSVD(size, random_state=0).fit(weighted(sample, unpack(pack(idf))))
    parts = [[f" text {i}", 0.0, 1.0] for i in range(1, size + 1)]
    state = TextColumn(name, "text", parts, pack(idf), pack(svd.components_))
    present = ~column.missing
    heavy = None if weights is None else weights[present]
    for part, values in zip(parts, state.numbers(column), strict=True):
        part[1:] = center_and_scale(values[present], heavy, scaling)
    state.parts = [part for part in parts if part[2]]
    state.missing = learn_missing(column, weights, scaling)
    return state
