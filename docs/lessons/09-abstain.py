# %% [markdown]
# # 9. Knowing when not to answer
#
# A cheque is read wrongly, and somebody pays ten times as much. A reader that sometimes says "I do not
# know", and is right on nearly all of the rest, is worth more than one that always answers. In this
# lesson you make one, and meet the images that no digit reader should answer.
#
# You need lesson 3: softmax. The reader here is the one that Inkling brings along.

# %%
import inkling
import numpy as np
from inkling import plots
from inkling.exercises import exercise
from inkling.plots import charts

reader = inkling.Reader.load()
part = inkling.load_data("optdigits").train  # people it was not trained on
probabilities = reader.probabilities(part.images())
read, confidence = probabilities.argmax(1), probabilities.max(1)
is_right = read == part.labels
print(f"It reads {is_right.mean():.1%} of {len(part):,}.")

# %% [markdown]
# ## Confidence
#
# The largest of the ten probabilities is called the *confidence*. Is it worth anything? Look at the
# images that it is least sure of.

# %% alt="Ten images of low confidence: some hard to read even for people"
least = confidence.argsort()[:10]
plots.contact_sheet(
    part.images()[least],
    [f"{part.labels[i]} as {read[i]}: {confidence[i]:.0%}" for i in least],
)

# %% [markdown]
# You would hesitate as well. So let it answer only if its confidence reaches a threshold. Two figures
# describe what comes out. *Coverage* is the share of images that it answers. *Selective accuracy* is
# how many of its answers are right.
#
# ## Exercise 1: coverage and accuracy
#
# Return both: coverage, then selective accuracy. `confidence >= threshold` gives True or False for each
# image, `.mean()` of that is a share, and `is_right[confidence >= threshold]` picks the answered ones.

# %% tags=["check"]
sure, good = (
    np.array([0.99, 0.6, 0.95, 0.8]),
    np.array([True, False, True, False]),
)
check_at = exercise(
    [
        (sure, good, 0.9, np.array([0.5, 1.0])),
        (sure, good, 0.7, np.array([0.75, 0.6667])),
        (sure, good, 0.0, np.array([1.0, 0.5])),
        (sure, good, 0.95, np.array([0.5, 1.0])),
    ],
    {
        "First coverage, then accuracy": lambda c, r, t: np.array(
            [r[c >= t].mean(), (c >= t).mean()]
        ),
        "Shares, not counts: .mean()": lambda c, r, t: np.array(
            [(c >= t).sum(), r[c >= t].sum()]
        ),
        "A confidence that equals the threshold reaches it: >=": lambda c, r, t: (
            np.array([(c > t).mean(), r[c > t].mean()])
        ),
        "Accuracy counts the answered ones only: is_right[answered].mean()": lambda c, r, t: (
            np.array([(c >= t).mean(), ((c >= t) & r).mean()])
        ),
        "Answer where the confidence is high, not low": lambda c, r, t: (
            np.array(
                [(c < t).mean(), r[c < t].mean() if (c < t).any() else 0.0]
            )
        ),
    },
)


# %% tags=["exercise"]
def at(confidence, is_right, threshold):
    """Coverage and selective accuracy."""
    pass  # your lines


check_at(at)


# %% tags=["solution"]
def at(confidence, is_right, threshold):
    answered = confidence >= threshold
    return answered.mean(), is_right[answered].mean()


check_at(at)

# %%
for threshold in (0, 0.5, 0.9, 0.99, 0.999):
    coverage, accuracy = at(confidence, is_right, threshold)
    print(
        f"confidence from {threshold:.1%}: answers {coverage:.1%}, of which {accuracy:.2%} are right"
    )

# %% [markdown]
# Every threshold is a bargain between the two. Which one is right depends on what a mistake costs.
#
# ## Does 90 % mean 90 %?
#
# If a reader is *calibrated*, then of all answers given with 90 % confidence, nine of ten are right.
# Networks are often too sure of themselves, since the loss still falls when a right answer gets surer. The
# cure is small: divide all logits by one number, the *temperature*, before softmax. It is chosen so that
# the loss on validation images is smallest. It changes no answer, only how sure it is.
#
# ## Exercise 2: temperature
#
# Write softmax with a temperature.

# %% tags=["check"]
check_temperature = exercise(
    [
        (np.array([2.0, 0.0]), 1.0, np.array([0.8808, 0.1192])),
        (np.array([2.0, 0.0]), 2.0, np.array([0.7311, 0.2689])),
        (np.array([2.0, 0.0]), 0.5, np.array([0.9820, 0.0180])),
    ],
    {
        "The temperature has no effect here: divide the logits, before exp": (
            lambda logits, t: np.exp(logits) / np.exp(logits).sum()
        ),
        "Divide the powers by their sum": lambda logits, t: np.exp(
            (logits - logits.max()) / t
        ),
        "Divide by the temperature: hotter is less sure": lambda logits, t: (
            np.exp(logits * t) / np.exp(logits * t).sum()
        ),
        "Divide the logits, before softmax": lambda logits, t: (
            np.exp(logits) / np.exp(logits).sum() / t
        ),
    },
)


# %% tags=["exercise"]
def tempered(logits, temperature):
    """The probabilities of softmax(logits / temperature)."""
    pass  # your lines


check_temperature(tempered)


# %% tags=["solution"]
def tempered(logits, temperature):
    powers = np.exp((logits - logits.max()) / temperature)
    return powers / powers.sum()


check_temperature(tempered)

# %% [markdown]
# A *reliability table* shows it: answers in groups of like confidence, and how many of each are right.

# %% tolerance=0.1
edges = [0, 0.7, 0.9, 0.97, 0.99, 1.01]
for low, high in zip(edges, edges[1:]):
    group = (confidence >= low) & (confidence < high)
    print(
        f"{group.sum():5} answers, mean confidence {confidence[group].mean():.1%}, "
        f"right {is_right[group].mean():.1%}"
    )

# %% [markdown]
# This reader's temperature was chosen before. Here it is a little less sure than it could be: in the first
# four groups, more answers are right than it promises. The last group holds nearly all answers. The first
# ones hold few, so their figures are rough.
#
# ## What is no digit
#
# Softmax spreads 100 % over ten digits. It has no place for "none of them". Show it clothes from
# Fashion-MNIST.

# %% alt="Ten pieces of clothing with the digit that each is read as, and how sure"
clothes = inkling.load_data("fashion-mnist").test[:1000].images()
readings = reader.read_images(clothes)
plots.contact_sheet(
    clothes[:10], [f"{r.label}: {r.confidence:.0%}" for r in readings[:10]]
)

# %%
is_sure = np.mean([r.confidence > 0.9 for r in readings])
print(f"{is_sure:.0%} of the clothes are read as a digit with more than 90 %.")

# %% [markdown]
# Softmax keeps how the logits differ. It does not keep how large they are all together. A digit gives large
# logits somewhere; a shirt gives small ones. So keep that as a second figure, the *out-of-distribution
# score*. Softmax divides by a sum. The score is its logarithm, with a minus:
#
#     score = -log (e^z₀ + e^z₁ + … + e^z₉)
#
# The higher it is, the less an image looks like anything in training.

# %% tolerance=0.1
digits = reader.read_images(part[:1000].images())
for name, found in (("digits", digits), ("clothes", readings)):
    # below which a tenth, half and nine tenths of the images lie
    scores = np.quantile([r.ood_score for r in found], [0.1, 0.5, 0.9])
    print(
        f"{name:8} score: a tenth below {scores[0]:.1f}, half {scores[1]:.1f}, nine tenths {scores[2]:.1f}"
    )

# %% alt="How many clothes and digits have each score: two hills that hardly overlap"
edges = np.arange(-16, 14)
shares = {}
for name, found in (("digits", digits), ("clothes", readings)):
    counts, _ = np.histogram([r.ood_score for r in found], edges)
    shares[name] = list(counts / len(found))
charts.lines(
    shares, "score, 1 is from -16 to -15, and so on", "share of the images"
)

# %% [markdown]
# The reader accepts a reading only if both agree: its confidence is high enough, and its score is low
# enough. Both thresholds were fitted on writers that it was not trained on.

# %%
for name, found in (("digits", digits), ("clothes", readings)):
    print(f"{name:8} accepted: {np.mean([r.accepted for r in found]):.1%}")
labels_right = [
    r.label == label for r, label in zip(digits, part.labels) if r.accepted
]
print(f"of the accepted digits, {np.mean(labels_right):.2%} are right")

# %% [markdown]
# ## In short
#
# - Report coverage and selective accuracy together. A reader that answers a single image, and is right, has
#   an accuracy of 100 %.
# - Calibrate: divide the logits by a temperature, fitted on validation images.
# - A high probability does not say that the image is a digit. A second score is needed.
# - In code, `reading.accepted` is the answer, and `reader.read(image, min_accuracy=0.998)` asks for
#   more.
#
# A reader that one can trust is worth being used. [The next lesson](10-serve.md) puts it to work.
