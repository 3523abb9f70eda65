import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inkling.data import idx
from inkling.errors import DataError


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_parse_inverts_serialize(array):
    parsed = idx.parse(idx.serialize(array), "x")
    assert parsed.shape == array.shape
    assert np.array_equal(parsed, array)


def test_the_header_is_that_of_the_published_files(mnist):
    labels = idx.serialize(mnist.test.labels)
    assert labels[:8] == bytes.fromhex("00000801 00002710")


@given(st.binary(max_size=40))
def test_any_bytes_are_parsed_or_an_error_of_one_line(content):
    try:
        parsed = idx.parse(content, "name.idx")
    except DataError as error:
        assert str(error).startswith("name.idx: expected")
        assert "\n" not in str(error)
    else:
        assert idx.serialize(parsed) == content


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "got nothing"),
        (b"\x89PNG....", "got 89 50 4e 47"),
        (bytes.fromhex("00000d01 00000001 00"), "unsigned bytes"),
        (bytes.fromhex("00000803 0000"), "header of 16 bytes"),
        (bytes.fromhex("00000801 00000002 07"), "expected 10 bytes for shape (2,), got 9"),
        (bytes.fromhex("00000801 00000001 0707"), "expected 9 bytes for shape (1,), got 10"),
    ],
)
def test_the_error_says_what_is_wrong(content, what):
    with pytest.raises(DataError) as caught:
        idx.parse(content, "file")
    assert what in str(caught.value)


def test_a_truncated_gzip_file_is_an_error(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 100)[:-50])
    with pytest.raises(DataError, match="truncated") as caught:
        idx.read_bytes(path, 10**6)
    assert str(path) in str(caught.value)


def test_a_gzip_bomb_is_read_only_up_to_the_limit(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(10**7)))
    assert len(idx.read_bytes(path, 1000)) == 1001


@pytest.mark.parametrize("name", ["labels.gz", "labels"])
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_the_content_decides_whether_a_file_is_packed(name, pack, tmp_path):
    content = idx.serialize(np.arange(10, dtype=np.uint8))
    path = tmp_path / name
    path.write_bytes(pack(content))
    assert idx.read_bytes(path, 1000) == content
