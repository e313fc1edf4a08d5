"""How well a classifier tells two groups apart: cross-validated AUC with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.blinding.side_channel_features import Features

_FOLDS = 10
_TREES = 100
_FEWEST_CASES = 4
_Z_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Auc:
    """Area under the ROC curve with its 95 % interval, and how many features it rests on.

    ``n_telling`` are features that are not the same in all cases.
    """

    value: float
    low: float
    high: float
    n_features: int
    n_telling: int

    @property
    def holds_chance(self) -> bool:
        """Whether a coin would do as well, as far as the interval says."""
        return self.low <= 0.5 <= self.high  # noqa: PLR2004 - a coin


def auc_of(
    features: Sequence[Features],
    is_second: NDArray[np.bool_],
    seed: int,
    *,
    within: NDArray[np.bool_],
) -> Auc:
    """AUC over cases that the classifier has not seen.

    The mean rank of a random forest (order, thresholds, combinations) and a logistic
    regression (many small trends), 10-fold. A trial's arms are balanced within each site, so
    each fold is too: else what tells the site tells by how many of an arm the rest of it falls
    short, and a coin comes out below 0.5. Where nothing differs between any two
    cases there is nothing to learn from: 0.5, without an interval to speak of.

    Parameters
    ----------
    features
        One case each.
    is_second : (N,) bool array
        Group of each case.
    seed
        Of folds and forest.
    within : (N,) bool array
        What the groups are balanced within.
    """
    vectors = DictVectorizer(sparse=False).fit_transform(features)
    differs = np.ptp(vectors, axis=0) > 0
    is_common = (vectors != 0).sum(axis=0) >= _FEWEST_CASES
    telling = vectors[:, differs & is_common]
    n_features, n_telling = vectors.shape[1], int(differs.sum())
    if not telling.shape[1]:
        return Auc(value=0.5, low=0.5, high=0.5, n_features=n_features, n_telling=n_telling)
    scores = _unseen_scores(telling, is_second, within, seed)
    value, error = delong(scores[~is_second], scores[is_second])
    low, high = value - _Z_95 * error, value + _Z_95 * error
    return Auc(
        value=value,
        low=max(low, 0.0),
        high=min(high, 1.0),
        n_features=n_features,
        n_telling=n_telling,
    )


def delong(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """AUC and its standard error (DeLong, Biometrics 1988;44:837), ties counted half.

    Parameters
    ----------
    first, second : (M,), (N,) float arrays
        Scores of both groups; the second should be higher.
    """
    wins = (second[:, None] > first[None]) + 0.5 * (second[:, None] == first[None])
    of_second, of_first = wins.mean(axis=1), wins.mean(axis=0)
    variance = of_second.var(ddof=1) / len(second) + of_first.var(ddof=1) / len(first)
    return float(wins.mean()), float(np.sqrt(variance))


def _unseen_scores(
    vectors: NDArray[np.float64],
    is_second: NDArray[np.bool_],
    within: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.float64]:
    """Score of each case by models that were made without its fold, ranked within the fold."""
    scores = np.zeros(len(vectors))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for learn, test in folds.split(vectors, 2 * is_second + within):
        models = (
            RandomForestClassifier(_TREES, min_samples_leaf=3, random_state=seed),
            make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000)),
        )
        for model in models:
            model.fit(vectors[learn], is_second[learn])
            chance = model.predict_proba(vectors[test])[:, 1]
            scores[test] += stats.rankdata(chance) / len(test)
    return scores
