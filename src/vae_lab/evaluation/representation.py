"""What a simple classifier can read from the latent code."""

from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from vae_lab.evaluation.measurement import Measurement, mean_over_images

NEIGHBOURS = 15


def representation(
    codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor
) -> dict[str, Measurement]:
    """Fit two classifiers to codes and report their accuracy on others.

    Args:
        codes: posterior means of training images, (N, D).
        labels: their classes, (N,).
        test_codes: posterior means of the images to classify, (M, D).
        test_labels: their classes, (M,).

    Returns:
        ``linear_probe_accuracy``, of logistic regression, and ``knn_accuracy``, of the vote of the
        15 nearest neighbours.
    """
    classifiers = {
        "linear_probe_accuracy": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "knn_accuracy": KNeighborsClassifier(NEIGHBOURS),
    }
    figures = {}
    for name, classifier in classifiers.items():
        predicted = classifier.fit(codes.numpy(), labels.numpy()).predict(test_codes.numpy())
        correct = test_labels == test_labels.new_tensor(predicted)
        figures[name] = mean_over_images(correct.float(), name)
    return figures
