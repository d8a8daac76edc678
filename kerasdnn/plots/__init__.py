"""Plots. Each plot function takes `ax=None` and returns the matplotlib axes.

    from kerasdnn import plots

    ax = plots.learning_curves({"adam": [0.9, 0.5, 0.4]}, ylabel="validation loss")
    plots.save(ax, "curve.png")

`styles` defines their appearance; `curves`, `comparisons`, `surfaces`, `node_graphs`, `predictions`
and `searches` contain the plots; `page` writes HTML reports.
"""

from .comparisons import attributions as attributions
from .comparisons import bars as bars
from .comparisons import dots as dots
from .comparisons import heat_map as heat_map
from .curves import functions as functions
from .curves import learning_curves as learning_curves
from .curves import learning_rate_range as learning_rate_range
from .node_graphs import graph as graph
from .page import Page as Page
from .predictions import calibration_curves as calibration_curves
from .predictions import confusion_matrix as confusion_matrix
from .predictions import precision_recall_curves as precision_recall_curves
from .predictions import predicted_against_true as predicted_against_true
from .predictions import residuals as residuals
from .predictions import roc_curves as roc_curves
from .searches import parallel_coordinates as parallel_coordinates
from .searches import score_against as score_against
from .searches import scores_against as scores_against
from .searches import search_history as search_history
from .styles import figure as figure
from .styles import png as png
from .styles import save as save
from .styles import series as series
from .styles import style as style
from .surfaces import animate_paths as animate_paths
from .surfaces import surface_paths as surface_paths
