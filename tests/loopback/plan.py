"""What goes wrong and when: the seeded choice of a fault for each attempt. Knows nothing of HTTP."""

from __future__ import annotations

import math
from statistics import NormalDist

from tests.loopback.personas import draw
from tests.loopback.settings import Behaviour, Fault


def fault_of(behaviour: Behaviour, seed: int, key: str, attempt: int, met: int) -> Fault | None:
    """The fault that the `attempt`-th try (from 1) at a question meets after `met` earlier ones; None: an answer.

    The same question meets the same faults whatever the order of arrival, so a run can be repeated exactly.
    """
    if behaviour.fault_limit is not None and met >= behaviour.fault_limit:
        return None
    point = draw("fault", seed, key, attempt)
    for fault, probability in behaviour.faults.items():
        if point < probability:
            return fault
        point -= probability
    return None


def delay_of(behaviour: Behaviour, seed: int, key: str, attempt: int) -> float:
    """Seconds until the reply: the latency times a log-normal factor of median 1, the same for the same attempt."""
    if not behaviour.latency_sigma:
        return behaviour.latency_s
    point = min(max(draw("delay", seed, key, attempt), 1e-6), 1 - 1e-6)
    return behaviour.latency_s * math.exp(behaviour.latency_sigma * NormalDist().inv_cdf(point))
