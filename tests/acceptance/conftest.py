"""Where the pictures of the documentation are left."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Return the folder for pictures: the one that is named, or one that nobody keeps."""
    folder = Path(os.environ.get("SHUIAN_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
