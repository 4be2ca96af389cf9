"""What a search tries one after the other, until samples that it has not seen agree.

A search over many configurations finds some that are right by luck on its own samples. Where the others
disagree, the last visits of every site are what has looked for luck the longest, so they are left out before
the budget is cut.
"""

from __future__ import annotations

#: Shares of the budget that are tried; after the last one nothing is given away.
SHARES = (1.0, 0.5, 0.25)


def tries(scheme: str) -> tuple[tuple[str, float], ...]:
    """Schemes, each with a share of the budget, where operations are counted.

    Args:
        scheme: the one that is wanted.
    """
    if scheme != "lagrange":
        return tuple((scheme, share) for share in SHARES)
    return (scheme, SHARES[0]), *(("price", share) for share in SHARES)
