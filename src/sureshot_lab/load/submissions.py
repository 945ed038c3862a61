"""The bytes of each submission, put together from parts that were encoded before."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from sureshot_lab.load.draws import Draws

PATH = "/api/v1/webhooks"


class Submissions:
    """Requests for arrivals by their number; *epoch_s* is the epoch time of moment 0.

    *tokens*: one for each of *places*, or one for all.
    """

    def __init__(
        self,
        base_url: str,
        tokens: Sequence[str],
        run: str,
        places: Sequence[str],
        payloads: Sequence[str],
        draws: Draws,
    ) -> None:
        self.epoch_s = 0.0
        self._draws = draws
        self._begins = [begin_of(place, run).encode() for place in places]
        self._ends = [end_of(payload).encode() for payload in payloads]
        known = {token: (_head(base_url, token), dict[int, bytes]()) for token in tokens}
        alone = len(tokens) == 1
        self._heads = [known[tokens[0 if alone else n]] for n in range(len(places))]

    def request(self, number: int, intended_s: float) -> bytes:
        """Return the whole request of arrival *number*, meant for moment *intended_s*."""
        place, payload = self._draws.of(number)
        begin, end = self._begins[place], self._ends[payload]
        mark = b'%d","sent_at_us":%d' % (number, int((intended_s + self.epoch_s) * 1e6))
        length = len(begin) + len(mark) + len(end)
        beginning, by_length = self._heads[place]
        head = by_length.get(length)
        if head is None:
            head = by_length[length] = b"%b%d\r\n\r\n" % (beginning, length)
        return b"".join((head, begin, mark, end))


def begin_of(place: str, run: str) -> str:
    """Return a submission's body up to the number in its id."""
    return f'{{{place},"payload":{{"id":"{run}-'


def end_of(payload: str) -> str:
    """Return a submission's body after the time: the payload's own members."""
    members = payload.strip()[1:].lstrip()
    return f"{'' if members == '}' else ','}{members}}}"


def _head(base_url: str, token: str) -> bytes:
    parts = urlsplit(base_url)
    return (
        f"POST {parts.path.rstrip('/')}{PATH} HTTP/1.1\r\n"
        f"host: {parts.netloc.rpartition('@')[2]}\r\n"
        f"authorization: Bearer {token}\r\n"
        "content-type: application/json\r\n"
        "content-length: "
    ).encode()
