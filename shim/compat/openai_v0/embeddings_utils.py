"""`embeddings_utils`: embeddings of texts, their distances, their pictures.

Not the endpoint (`api_resources.embedding`). Names as in openai 0.28.1. It needs the libraries it works with at import, as ever,
and says which of them are missing: numpy, pandas, matplotlib, plotly, scipy, scikit-learn, tenacity.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from shim.compat.openai_v0.datalib.available import is_available
from shim.compat.openai_v0.datalib.common import MissingDependencyError
from shim.compat.openai_v0.namespace import setting

# Library -> what to install for it.
_NEEDED = {
    "numpy": "numpy",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "plotly": "plotly",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tenacity": "tenacity",
}
MISSING = [install for library, install in _NEEDED.items() if not is_available(library)]
if MISSING:
    raise MissingDependencyError(
        f"openai.embeddings_utils needs {', '.join(MISSING)}; $ pip install {' '.join(MISSING)}"
    )

import matplotlib.pyplot as plt  # noqa: E402 - only once it is known to be there
import numpy as np  # noqa: E402 - as above
import pandas as pd  # noqa: E402 - as above
import plotly.express as px  # noqa: E402 - as above
from scipy import spatial  # noqa: E402 - as above
from sklearn.decomposition import PCA  # noqa: E402 - as above
from sklearn.manifold import TSNE  # noqa: E402 - as above
from sklearn.metrics import average_precision_score, precision_recall_curve  # noqa: E402 - as above
from tenacity import retry, stop_after_attempt, wait_random_exponential  # noqa: E402 - as above

_Asks = TypeVar("_Asks", bound=Callable[..., Any])

MOST_TEXTS = 2048
"""How many texts one call may have."""

_patiently: Callable[[_Asks], _Asks] = retry(wait=wait_random_exponential(min=1, max=20), stop=stop_after_attempt(6))
_DISTANCES = {
    "cosine": spatial.distance.cosine,
    "L1": spatial.distance.cityblock,
    "L2": spatial.distance.euclidean,
    "Linf": spatial.distance.chebyshev,
}


@_patiently
def get_embedding(text: str, engine: str = "text-similarity-davinci-001", **kwargs: Any) -> list[float]:
    """The embedding of a text, its line ends taken for spaces; six attempts."""
    made: list[float] = _embedding().create(input=[_in_one_line(text)], engine=engine, **kwargs)["data"][0]["embedding"]
    return made


@_patiently
async def aget_embedding(text: str, engine: str = "text-similarity-davinci-001", **kwargs: Any) -> list[float]:
    """The same without blocking the loop."""
    answer = await _embedding().acreate(input=[_in_one_line(text)], engine=engine, **kwargs)
    made: list[float] = answer["data"][0]["embedding"]
    return made


@_patiently
def get_embeddings(
    list_of_text: list[str], engine: str = "text-similarity-babbage-001", **kwargs: Any
) -> list[list[float]]:
    """The embeddings of up to 2048 texts; six attempts."""
    answer = _embedding().create(input=_checked_texts(list_of_text), engine=engine, **kwargs)
    return [each["embedding"] for each in answer.data]


@_patiently
async def aget_embeddings(
    list_of_text: list[str], engine: str = "text-similarity-babbage-001", **kwargs: Any
) -> list[list[float]]:
    """The same without blocking the loop."""
    answer = await _embedding().acreate(input=_checked_texts(list_of_text), engine=engine, **kwargs)
    return [each["embedding"] for each in answer.data]


def cosine_similarity(a: Any, b: Any) -> Any:
    """The cosine of the angle between two vectors."""
    return np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))


def distances_from_embeddings(
    query_embedding: Sequence[float], embeddings: Sequence[Sequence[float]], distance_metric: str = "cosine"
) -> list[Any]:
    """The distance of each embedding: "cosine", "L1", "L2" or "Linf"."""
    distance = _DISTANCES[distance_metric]
    return [distance(query_embedding, each) for each in embeddings]


def indices_of_nearest_neighbors_from_distances(distances: Any) -> Any:
    """The places of the distances, nearest first."""
    return np.argsort(distances)


def pca_components_from_embeddings(embeddings: Any, n_components: int = 2) -> Any:
    """The principal components of embeddings."""
    return PCA(n_components=n_components).fit_transform(np.array(embeddings))


def tsne_components_from_embeddings(embeddings: Any, n_components: int = 2, **kwargs: Any) -> Any:
    """The t-SNE components of embeddings; unless told otherwise begun with PCA and a learning rate found by itself."""
    settings = {"init": "pca", "learning_rate": "auto", **kwargs}
    return TSNE(n_components=n_components, **settings).fit_transform(np.array(embeddings))


def chart_from_components(
    components: Any,
    labels: Any = None,
    strings: Any = None,
    x_title: str = "Component 0",
    y_title: str = "Component 1",
    mark_size: int = 5,
    **kwargs: Any,
) -> Any:
    """A chart of two components that can be moved about in."""
    table = _table(components, {x_title: 0, y_title: 1}, labels=labels, strings=strings)
    chart = px.scatter(table, x=x_title, y=y_title, **_shown(labels, strings), **kwargs)
    return chart.update_traces(marker={"size": mark_size})


def chart_from_components_3D(  # noqa: N802 - the name in 0.28
    components: Any,
    labels: Any = None,
    strings: Any = None,
    x_title: str = "Component 0",
    y_title: str = "Component 1",
    z_title: str = "Compontent 2",
    mark_size: int = 5,
    **kwargs: Any,
) -> Any:
    """The same of three components."""
    table = _table(components, {x_title: 0, y_title: 1, z_title: 2}, labels=labels, strings=strings)
    chart = px.scatter_3d(table, x=x_title, y=y_title, z=z_title, **_shown(labels, strings), **kwargs)
    return chart.update_traces(marker={"size": mark_size})


def plot_multiclass_precision_recall(
    y_score: Any, y_true_untransformed: Any, class_list: Any, classifier_name: Any
) -> None:
    """Draw precision over recall with matplotlib: of each class, of all together, and lines of equal F1.

    The average precision over all classes is printed.
    """
    truth = pd.concat([(y_true_untransformed == each) for each in class_list], axis=1).values
    precision, recall, _ = precision_recall_curve(truth.ravel(), y_score.ravel())
    average = average_precision_score(truth, y_score, average="micro")
    print(f"{classifier_name!s} - Average precision score over all classes: {average:0.2f}")  # noqa: T201 - as ever
    plt.figure(figsize=(9, 10))
    drawn = [(_equal_f1_lines(), "iso-f1 curves")]
    (line,) = plt.plot(recall, precision, color="gold", lw=2)
    drawn.append((line, f"average Precision-recall (auprc = {average:0.2f})"))
    for place, name in enumerate(class_list):
        precision, recall, _ = precision_recall_curve(truth[:, place], y_score[:, place])
        area = average_precision_score(truth[:, place], y_score[:, place])
        (line,) = plt.plot(recall, precision, lw=2)
        drawn.append((line, f"Precision-recall for class `{name}` (auprc = {area:0.2f})"))
    plt.gcf().subplots_adjust(bottom=0.25)
    plt.xlim([0.0, 1.0])
    plt.ylim([0.0, 1.05])
    plt.xlabel("Recall")
    plt.ylabel("Precision")
    plt.title(f"{classifier_name}: Precision-Recall curve for each class")
    plt.legend([line for line, _ in drawn], [words for _, words in drawn])


def _equal_f1_lines() -> Any:
    line = None
    for score in np.linspace(0.2, 0.8, num=4):
        x = np.linspace(0.01, 1)
        y = score * x / (2 * x - score)
        (line,) = plt.plot(x[y >= 0], y[y >= 0], color="gray", alpha=0.2)
        plt.annotate(f"f1={score:0.1f}", xy=(0.9, y[45] + 0.02))
    return line


def _table(components: Any, columns: dict[str, int], *, labels: Any, strings: Any) -> Any:
    nothing = [""] * len(components)
    wrapped = ["<br>".join(textwrap.wrap(each, width=30)) for each in strings] if strings else nothing
    placed = {title: components[:, place] for title, place in columns.items()}
    return pd.DataFrame({**placed, "label": labels or nothing, "string": wrapped})


def _shown(labels: Any, strings: Any) -> dict[str, Any]:
    label = "label" if labels else None
    return {"color": label, "symbol": label, "hover_data": ["string"] if strings else None}


def _embedding() -> Any:
    return setting("Embedding")


def _in_one_line(text: str) -> str:
    return text.replace("\n", " ")


def _checked_texts(texts: list[str]) -> list[str]:
    if len(texts) > MOST_TEXTS:
        raise AssertionError(f"The batch size should not be larger than {MOST_TEXTS}.")
    return [_in_one_line(each) for each in texts]
