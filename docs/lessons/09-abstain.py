# %% [markdown]
# # 9. Knowing when not to answer
#
# A cheque is read wrongly, and somebody pays ten times as much. A reader that says "I do not know"
# for three of a hundred, and is right on the rest, is worth more than one that always answers. In this
# lesson you make one, and meet the images that no digit reader should answer.
#
# You need lesson 3: softmax. The reader here is the one that ships.

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
    ],
    {
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
    ...  # your lines


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
        f"from {threshold:.1%} on: answers {coverage:.1%}, of which {accuracy:.2%} are right"
    )

# %% [markdown]
# Every threshold is a bargain between the two. Which one is right depends on what a mistake costs.
#
# ## Does 90 % mean 90 %?
#
# If a reader is *calibrated*, then of all answers given with 90 % confidence, nine of ten are right.
# Networks are usually too sure of themselves, since training rewards it. The cure is small: divide all
# logits by one number, the *temperature*, before softmax. It is fitted on validation images. It
# changes no answer, only how sure it is.
#
# ## Exercise 2: temperature

# %% tags=["check"]
check_temperature = exercise(
    [
        (np.array([2.0, 0.0]), 1.0, np.array([0.8808, 0.1192])),
        (np.array([2.0, 0.0]), 2.0, np.array([0.7311, 0.2689])),
        (np.array([2.0, 0.0]), 0.5, np.array([0.9820, 0.0180])),
    ],
    {
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
    ...  # your lines


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
# The last group holds nearly all answers. The first ones hold few, so their figures are rough.
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
# Probabilities compare the ten logits with each other. Dividing by their total throws away how large
# they were all together. A digit gives large logits somewhere; a shirt gives small ones. So keep that
# as a second figure, the *out-of-distribution score*: here the negative log-sum-exp of the logits. The
# higher it is, the less an image looks like anything in training.

# %% tolerance=0.1
digits = reader.read_images(part[:1000].images())
for name, found in (("digits", digits), ("clothes", readings)):
    scores = np.quantile([r.ood_score for r in found], [0.1, 0.5, 0.9])
    print(
        f"{name:8} score: a tenth below {scores[0]:.1f}, half {scores[1]:.1f}, nine tenths {scores[2]:.1f}"
    )

# %% alt="How many clothes and digits have each score: two separate hills"
bins = np.arange(-8, 4, 0.5)
charts.lines(
    {
        name: [
            float(share)
            for share in np.histogram([r.ood_score for r in found], bins)[0]
            / 1000
        ]
        for name, found in (("digits", digits), ("clothes", readings))
    },
    "score, in steps of a half from -8",
    "share",
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
# ## What you take along
#
# - Report coverage and selective accuracy together. Either alone can be made to look good.
# - Calibrate: divide the logits by a temperature, fitted on validation images.
# - A high probability does not say that the image is a digit. A second score is needed.
# - In code, `reading.accepted` is the answer, and `reader.read(image, min_accuracy=0.998)` asks for
#   more.
#
# A reader that one can trust is worth being used. [The next lesson](10-serve.md) puts it to work.
