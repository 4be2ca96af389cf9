"""Lists of images from spreadsheets and hands."""

from __future__ import annotations

import pytest

from spl_onnx.data.labels import read_labels
from spl_onnx.errors import DataError


def write(folder, content):
    table = folder / "labels.csv"
    table.write_bytes(content.encode() if isinstance(content, str) else content)
    return table


@pytest.mark.parametrize(
    "content",
    [
        "file,class\na.png,3\nb.png,-1\n",
        b"\xef\xbb\xbffile,class\r\na.png,3\r\nb.png,-1\r\n",
        'class,note,file\n3,"x,y",a.png\n-1,,b.png\n',
        "file,class\na.png, 3\nb.png,-1,more,cells",
    ],
)
def test_lists(tmp_path, content):
    names, classes = read_labels(write(tmp_path, content))
    assert names == ["a.png", "b.png"] and classes.tolist() == [3, -1] and classes.dtype == "int64"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,class\n", "got no rows"),
        ("", r"got columns \(none\)"),
        ("name,class\na.png,1\n", "got columns name, class"),
        ("file,class\na.png\n", r"line 2: got file 'a.png' and class None"),
        ("file,class\n,1\n", "line 2: got file ''"),
        ("class,file\n1\n", "got file None"),
        ("file,class\na.png,1\nb.png,cat\n", "line 3: column 'class': got 'cat', wanted whole numbers"),
        ("file,class\na.png,1.5\n", "got '1.5', wanted whole numbers"),
        ("file,class\na.png,9223372036854775808\n", "class 9223372036854775808 is no class number"),
        (f"file,class\na.png,{'9' * 5000}\n", "wanted whole numbers|no class number"),
        ("file,class\na\0.png,1\n", r"got file 'a\\x00.png'|cannot be read as CSV"),
        ("file,class\nm\xfcll.png,1\n".encode("latin-1"), "is no text in UTF-8"),
        ("file,class\na.png,1\n".encode("utf-16"), "is no text in UTF-8"),
        (f"file,class\n{'a' * 200_000},1\n", "cannot be read as CSV"),
    ],
)
def test_bad_lists(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_labels(write(tmp_path, content))


def test_a_folder_is_no_list(tmp_path):
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_labels(tmp_path)
