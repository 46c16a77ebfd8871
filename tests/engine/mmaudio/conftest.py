"""The MMAudio network is an optional install: its tests need PyTorch, and are left out where it is not required."""

from __future__ import annotations

import importlib.util
import os

if importlib.util.find_spec("torch") is None:
    if os.environ.get("REQUIRE_SERVICES") == "1":
        raise RuntimeError("PyTorch is not installed, but required: make mmaudio")
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    from tests.engine.mmaudio.published import published  # noqa: F401  # fixtures
    from tests.engine.mmaudio.small import model, networks  # noqa: F401

    # Other files of tests run at the same time: threads that wait for one another would wait for those too.
    torch.set_num_threads(1)
