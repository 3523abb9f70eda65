"""The catalog of data sets: what is published, where, and its digests.

MNIST: LeCun, Cortes & Burges 1998. Fashion-MNIST: Xiao, Rasul & Vollgraf 2017.
optdigits: Alpaydin & Kaynak 1998, UCI, the part that scikit-learn carries. Corrections: the label
errors that most of five people confirmed, and the images on which no three agreed with either
label; Northcutt, Athalye & Mueller 2021, github.com/cleanlab/label-errors, mnist_mturk.json.
CIFAR-10: Krizhevsky 2009. Its maker publishes the MD5 of the archive alone; the SHA-256 of each
file in it is as torchvision for Ruby has it, github.com/ankane/torchvision-ruby, cifar10.rb.
The others hold pen strokes; see data/strokes.py for their files.
"""

from dataclasses import dataclass, field
from pathlib import Path

from inkling.errors import DataError, suggest
from inkling.ink import SHAPES, Frame, Shape


@dataclass(frozen=True)
class File:
    """One published file: its name without .gz, and its unpacked size and SHA-256."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """What the catalog says of a data set."""

    name: str
    title: str
    licence: str
    classes: tuple[str, ...]
    frame: Frame
    # train images, train labels, test images, test labels; or of an archive, the last is the test
    files: tuple[File, ...] = ()
    mirrors: tuple[str, ...] = ()  # each holds FILE.gz for every file, or the archive
    archive: str = ""  # the name of a tar archive that holds the files
    torchvision: str = ""  # what torchvision, or the archive, calls its folder
    corrections: dict[int, int] = field(default_factory=dict)  # test index: what it truly shows
    undecided: tuple[int, ...] = ()  # test indexes on whose label people disagreed
    strokes: tuple[str, ...] = ()  # its files of pen strokes, each KIND-PART
    trains: bool = True  # whether its licence lets what is trained on it be used by everyone
    citation: str = ""  # who made it; stands on the card of what is trained on it
    url: str = ""  # where it is published
    path: Path | None = None  # of a user's own

    @property
    def shape(self) -> Shape:
        """Channels, height and width of its images."""
        return SHAPES[self.frame]


_MNIST_FILES = (
    ("train-images-idx3-ubyte", 47_040_016),
    ("train-labels-idx1-ubyte", 60_008),
    ("t10k-images-idx3-ubyte", 7_840_016),
    ("t10k-labels-idx1-ubyte", 10_008),
)


def _files(*digests: str) -> tuple[File, ...]:
    return tuple(File(*file, digest) for file, digest in zip(_MNIST_FILES, digests, strict=True))


_CIFAR_DIGESTS = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}


CATALOG = {
    entry.name: entry
    for entry in (
        DataSet(
            name="mnist",
            title="70,000 handwritten digits",
            licence="CC BY-SA 3.0",
            citation="LeCun, Cortes & Burges 1998, MNIST",
            classes=tuple("0123456789"),
            frame="digit",
            files=_files(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            torchvision="MNIST",
            corrections={
                947: 9,
                1621: 6,
                1901: 4,
                2462: 0,
                2597: 3,
                3558: 0,
                5937: 3,
                6651: 6,
                6783: 6,
                9729: 6,
            },
            undecided=(2130, 2654, 3520, 8527, 9679),
        ),
        DataSet(
            name="fashion-mnist",
            title="70,000 pictures of clothing",
            licence="MIT",
            citation="Xiao, Rasul & Vollgraf 2017, Fashion-MNIST",
            classes=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            frame="garment",
            files=_files(
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            ),
            torchvision="FashionMNIST",
        ),
        DataSet(
            name="cifar10",
            title="60,000 colour pictures of 32x32: animals and vehicles",
            licence="none stated; its maker asks to be cited",
            citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            url="https://www.cs.toronto.edu/~kriz/cifar.html",
            classes=(
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            frame="picture",
            files=tuple(
                File(name, 10_000 * (1 + 3 * 32 * 32), digest)
                for name, digest in _CIFAR_DIGESTS.items()
            ),
            mirrors=(
                "https://www.cs.toronto.edu/~kriz/",
                "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset/cifar10/",
            ),
            archive="cifar-10-binary.tar.gz",
            torchvision="cifar-10-batches-bin",
        ),
        DataSet(
            name="optdigits",
            title="1,797 handwritten digits of 8x8, enlarged",
            licence="CC BY 4.0",
            classes=tuple("0123456789"),
            frame="digit",
            citation="Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
            url="https://doi.org/10.24432/C50P49",
        ),
        DataSet(
            name="unipen",
            title="pen strokes of 200 writers: digits, letters, signs and numbers",
            licence="CC BY 4.0",
            classes=tuple("0123456789"),
            frame="digit",
            strokes=tuple(
                f"{kind}-{part}"
                for kind in ("digits", "letters", "symbols", "numbers")
                for part in ("train", "dev")
            ),
            citation="Guyon, Schomaker, Plamondon, Liberman & Janet 1994, UNIPEN train_r01_v07",
            url="https://doi.org/10.5281/zenodo.1195803",
        ),
        DataSet(
            name="pendigits",
            title="pen strokes: 7,494 digits of 30 writers",
            licence="CC BY 4.0",
            classes=tuple("0123456789"),
            frame="digit",
            strokes=("digits-train",),
            citation="Alpaydin & Alimoglu 1998, Pen-Based Recognition of Handwritten Digits, UCI",
            url="https://doi.org/10.24432/C5MG6K",
        ),
        DataSet(
            name="omniglot",
            title="pen strokes: 2,720 letters of six alphabets, to learn what is no digit",
            licence="MIT",
            classes=tuple("0123456789"),
            frame="digit",
            strokes=("letters-train",),
            citation="Lake, Salakhutdinov & Tenenbaum 2015, Omniglot",
            url="https://github.com/brendenlake/omniglot",
        ),
        DataSet(
            name="crohme",
            title="pen strokes: 16,679 digits of formulas, to measure and never to train on",
            licence="CC BY-NC-SA 3.0",
            classes=tuple("0123456789"),
            frame="digit",
            strokes=("digits-dev", "symbols-dev", "numbers-dev"),
            trains=False,
            citation="Mouchere, Viard-Gaudin, Zanibbi & Garain 2016, CROHME",
            url="https://www.isical.ac.in/~crohme/",
        ),
    )
}


def get(name: str) -> DataSet:
    """The catalog's entry, or a DataError that suggests the nearest name."""
    if name in CATALOG:
        return CATALOG[name]
    raise DataError(
        f"Expected a data set of the catalog ({', '.join(CATALOG)}), got {name!r}",
        suggest(name, CATALOG, "See: inkling data list"),
    )
