"""Every picture of the project. Each function takes `ax=None` and returns the axes.

    from kerasdnn import plots

    ax = plots.learning_curves({"adam": history.history["val_loss"]})
    plots.save(ax, "curve.png")

How they look is in `plots_style.py`; the pictures themselves in `plots_*.py`.
"""

from .plots_compare import bars as bars
from .plots_compare import dots as dots
from .plots_compare import heat_map as heat_map
from .plots_curves import functions as functions
from .plots_curves import learning_curves as learning_curves
from .plots_curves import learning_rate_range as learning_rate_range
from .plots_graph import graph as graph
from .plots_judge import calibration_curves as calibration_curves
from .plots_judge import confusion_matrix as confusion_matrix
from .plots_judge import precision_recall_curves as precision_recall_curves
from .plots_judge import predicted_against_true as predicted_against_true
from .plots_judge import residuals as residuals
from .plots_judge import roc_curves as roc_curves
from .plots_search import parallel_coordinates as parallel_coordinates
from .plots_search import score_against as score_against
from .plots_search import scores_against as scores_against
from .plots_search import search_history as search_history
from .plots_style import figure as figure
from .plots_style import png as png
from .plots_style import save as save
from .plots_style import series as series
from .plots_style import style as style
from .plots_surface import animate_paths as animate_paths
from .plots_surface import surface_paths as surface_paths
