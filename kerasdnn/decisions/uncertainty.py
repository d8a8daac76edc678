"""How much predictions vary between the members of an ensemble, or under dropout."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..core.arguments import check_choice, check_integer
from ..core.messages import invalid
from .outputs import members_of, outputs_of, outputs_with_dropout


class Spread:
    """The standard deviation of several predictions of one row."""

    if TYPE_CHECKING:  # the other attributes are those of the estimator that inherits this

        def __getattr__(self, name: str) -> Any: ...

    def predict_std(
        self, X: Any, method: str = "members", *, n_samples: int = 50, random_state: int = 0
    ) -> np.ndarray:
        """Predict how uncertain the network itself is: the standard deviation of its predictions.

        It grows where the training rows determine the prediction less, and leaves out the noise of
        y. It has no stated coverage; `predict_interval` of a regressor has.

        Args:
            X: table, as in `fit`.
            method: "members" (default) compares the networks of `n_members`, "dropout" compares
                predictions with dropout, as in training (Monte Carlo dropout).
            n_samples: int, at least 2, predictions with dropout of each network. Default: 50.
            random_state: int, of the dropout. Default: 0.

        Returns:
            float64, the standard deviation (n - 1 in its denominator) of each number that `predict`
            of a regressor, or `predict_proba` of a classifier, returns.

        Raises:
            ValueError: there is one member only, or no dropout.

        Example:
            from kerasdnn import DNNRegressor
            from sklearn.datasets import load_diabetes

            X, y = load_diabetes(return_X_y=True, as_frame=True)
            model = DNNRegressor("standard", n_members=2, epochs=2, random_state=0).fit(X, y)
            model.predict_std(X)
        """
        check_is_fitted(self)
        check_choice("method", method, ("members", "dropout"))
        members = members_of(self.network_)
        x = self._matrix(X)
        if method == "members":
            if len(members) < 2:
                raise invalid(
                    "method", "needs several members", method, "Fit with n_members=5, or pass "
                    "method='dropout'.",
                )  # fmt: skip
            found = [outputs_of(member, x) for member in members]
        else:
            n = check_integer("n_samples", n_samples, 2)
            seeds = np.random.default_rng(check_integer("random_state", random_state, 0))
            found = [
                outputs_with_dropout(network, x, int(seeds.integers(2**31)))
                for network in members or [self.network_]
                for _ in range(n)
            ]
        return np.std([self._of_outputs(outputs) for outputs in found], axis=0, ddof=1)
