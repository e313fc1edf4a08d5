"""How well a classifier tells two groups apart, and how well it would do on arms dealt anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Auc:
    """Area under the ROC curve, and how many features it rests on.

    ``n_telling`` are features that are not the same in all cases.
    """

    value: float
    n_features: int
    n_telling: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a classifier makes of a trial's arms, beside the range over arms that were dealt anew.

    A trial deals its arms at random. Where nothing tells them, the arms as they are stand among
    arms as they might have been like any other: the AUC lies above or below all of N others in 2
    of N + 1 trials (randomisation test; Fisher, Design of Experiments, 1935; Barnard, J R Stat
    Soc B 1963;25:294). No assumption on the classifier is made, and none on the cases, which an
    interval after DeLong does: that one does not know that the folds of one cross-validation
    depend on each other, so that pure noise comes out below 0.5.
    """

    auc: Auc
    low: float
    high: float

    @property
    def is_chance(self) -> bool:
        """Whether arms dealt anew are told as well."""
        return self.low <= self.auc.value <= self.high


def told_of(
    features: Sequence[Features],
    is_second: NDArray[np.bool_],
    others: Iterable[NDArray[np.bool_]],
    pool: Executor,
    *,
    within: NDArray[np.bool_],
    seed: int,
) -> Told:
    """AUC of the groups as they are and its range over others.

    Parameters
    ----------
    features
        One case each.
    is_second : (N,) bool array
        Group of each case.
    others
        The groups as they might have been dealt as well.
    pool
        Where the work is done.
    within : (N,) bool array
        What the groups are balanced within.
    seed
        Of folds and forest.
    """
    work = partial(auc_of, features, within=within, seed=seed)
    auc, *dealt = pool.map(work, (is_second, *others))
    values = [other.value for other in dealt]
    return Told(auc=auc, low=min(values), high=max(values))


def auc_of(
    features: Sequence[Features],
    is_second: NDArray[np.bool_],
    *,
    within: NDArray[np.bool_],
    seed: int,
) -> Auc:
    """AUC over cases that the classifier has not seen.

    The mean rank of a random forest (order, thresholds, combinations) and a logistic
    regression (many small trends), 10-fold. A trial's arms are balanced within each site, so
    each fold is too: else what tells the site tells by how many of an arm the rest of it falls
    short. Where nothing differs between any two cases there is nothing to learn from: 0.5.

    Parameters
    ----------
    features
        One case each.
    is_second : (N,) bool array
        Group of each case.
    within : (N,) bool array
        What the groups are balanced within.
    seed
        Of folds and forest.
    """
    vectors = DictVectorizer(sparse=False).fit_transform(features)
    differs = np.ptp(vectors, axis=0) > 0
    is_common = (vectors != 0).sum(axis=0) >= _FEWEST_CASES
    telling = vectors[:, differs & is_common]
    value = 0.5
    if telling.shape[1]:
        scores = _unseen_scores(telling, is_second, within, seed)
        value = area(scores[~is_second], scores[is_second])
    return Auc(value=value, n_features=vectors.shape[1], n_telling=int(differs.sum()))


def area(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Share of pairs in which the second group's score is the higher one, ties counted half.

    Parameters
    ----------
    first, second : (M,), (N,) float arrays
        Scores of both groups.
    """
    wins = (second[:, None] > first[None]) + 0.5 * (second[:, None] == first[None])
    return float(wins.mean())


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
