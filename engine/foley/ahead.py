"""Work on several items at once whose results come in order: what is made never depends on how work is shared out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = min(4, os.cpu_count() or 1)
"""More would wait for the one thread that decodes, scales and joins."""


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each item, in the items' order, while a few of the next are worked on in threads.

    `work` must not change anything it shares. It gains where it spends its time in OpenCV or NumPy, which let other
    threads run. Raises what `work` raises. Few results are held at a time, however many items there are.
    """
    begun: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) > 2 * THREADS:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
