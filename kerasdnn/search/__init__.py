"""Search for hyperparameters, and comparison of options.

`tuning` has `tune`; `network_search`, `preset_search` and `table_search` are its three kinds,
`source_search` draws the rows of trials from a table that is read in parts, and
`any_model` searches any Keras model; `comparison` has `compare`, built on `comparisons`;
`settings` holds the settings of a search, `data` its rows and `table_data` those of a table,
`spaces` search spaces, `objective` scores, `result` what was found; `engine` trains the trials.
"""

from .comparison import compare as compare
from .comparisons.result import Comparison as Comparison
from .engine.population_tuner import PopulationTuner as PopulationTuner
from .result import SearchResult as SearchResult
from .spaces import hypermodel as hypermodel
from .tuning import tune as tune
