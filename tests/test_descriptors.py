"""Tests of `shim.descriptors`: one error, and words that name the limit and the remedy."""

from __future__ import annotations

import errno
import pickle

import pytest

from shim.descriptors import OutOfDescriptorsError, current_shortage, descriptors_for, is_exhausted, shortage
from shim.model import ShimError


@pytest.mark.parametrize(("number", "words"), [(errno.EMFILE, "RLIMIT_NOFILE"), (errno.ENFILE, "fs.file-max")])
def test_what_ran_out_and_the_remedy_are_told(number: int, words: str) -> None:
    """The process's own limit and the system's are told apart, as an error of ours that is the system's too."""
    with pytest.raises(OutOfDescriptorsError, match=words) as caught, descriptors_for("a thing"):
        raise OSError(number, "Too many open files")
    error = caught.value
    assert isinstance(error, ShimError)
    assert (error.errno, str(error).startswith("a thing cannot be made: ")) == (number, True)
    assert is_exhausted(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    assert words in shortage(error)


def test_another_error_is_let_through() -> None:
    """What is not a lack of descriptors stays what it is, and with some left there is no shortage."""
    with pytest.raises(PermissionError), descriptors_for("a thing"):
        raise PermissionError(errno.EACCES, "denied")
    assert current_shortage() is None
