"""Payloads by kind: the same seed gives the same bytes, from 200 bytes to 256 KiB."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sureshot_lab.errors import LabError
from sureshot_lab.traffic.chance import Chance
from sureshot_lab.traffic.documents import address, catalogue, document, encode, invoice
from sureshot_lab.traffic.quotas import quotas
from sureshot_lab.traffic.vocabulary import CURRENCIES, person, product_name

KIB = 1024


@dataclass(frozen=True)
class PayloadKind:
    """A kind of event. Every payload of it has *least_bytes* to *most_bytes* of UTF-8.

    No payload has a member ``id`` or ``sent_at_us`` of its own: generators put
    these before its first member.
    """

    name: str
    about: str
    least_bytes: int
    most_bytes: int
    draw: Callable[[Chance], dict[str, Any]]


def _user_created(chance: Chance) -> dict[str, Any]:
    name, email = person(chance)
    return {
        "event": "user.created",
        "userId": f"usr_{chance.hexadecimal(16)}",
        "name": name,
        "email": email,
        "createdAt": chance.moment(),
        "plan": chance.pick(("free", "team", "business")),
        "address": address(chance),
        "marketing": chance.share() < 0.3,
    }


def _order_completed(chance: Chance) -> dict[str, Any]:
    items = [_item(chance) for _ in range(chance.between(1, 4))]
    return {
        "event": "order.completed",
        "orderId": f"ord_{chance.hexadecimal(24)}",
        "userId": f"usr_{chance.hexadecimal(16)}",
        "completedAt": chance.moment(),
        "currency": chance.pick(CURRENCIES),
        "amountMinor": sum(item["quantity"] * item["priceMinor"] for item in items),
        "items": items,
    }


def _item(chance: Chance) -> dict[str, Any]:
    return {
        "sku": f"SKU-{chance.digits(6)}",
        "name": product_name(chance),
        "quantity": chance.between(1, 5),
        "priceMinor": chance.between(199, 49_900),
    }


def _payment_failed(chance: Chance) -> dict[str, Any]:
    return {
        "event": "payment.failed",
        "paymentId": f"pay_{chance.hexadecimal(24)}",
        "orderId": f"ord_{chance.hexadecimal(24)}",
        "failedAt": chance.moment(),
        "currency": chance.pick(CURRENCIES),
        "amountMinor": chance.between(199, 499_900),
        "reason": chance.pick(("card_declined", "expired_card", "insufficient_funds")),
        "attempt": chance.between(1, 4),
        "willRetry": chance.share() < 0.5,
    }


def _invoice_issued(chance: Chance) -> dict[str, Any]:
    return invoice(chance, chance.between(2 * KIB + 256, 8 * KIB))


def _catalog_updated(chance: Chance) -> dict[str, Any]:
    return catalogue(chance, chance.between(31 * KIB, 33 * KIB))


def _document_exported(chance: Chance) -> dict[str, Any]:
    # Sizes of documents spread over orders of magnitude: drawn evenly by their logarithm.
    return document(chance, int(18 * KIB * (256 / 18) ** chance.share()))


KINDS: dict[str, PayloadKind] = {
    kind.name: kind
    for kind in (
        PayloadKind("user.created", "a person signed up", 200, 512, _user_created),
        PayloadKind("order.completed", "one to four articles bought", 200, 1024, _order_completed),
        PayloadKind("payment.failed", "a card was declined", 200, 512, _payment_failed),
        PayloadKind("invoice.issued", "an invoice with lines", 2 * KIB, 8 * KIB, _invoice_issued),
        PayloadKind("catalog.updated", "a product catalogue", 30 * KIB, 33 * KIB, _catalog_updated),
        PayloadKind(
            "document.exported", "a document's text", 16 * KIB, 256 * KIB, _document_exported
        ),
    )
}
"""Every kind there is, by its name."""


def make_payloads(mix: Mapping[str, float], seed: int, count: int) -> list[str]:
    """Return *count* JSON objects as text, with the kinds of *mix* by their shares.

    The shares need not add up to 1; each kind comes as often as its share says, to
    less than one payload. Equal arguments give equal bytes in every process and on
    every Python; the order in which *mix* names its kinds does not matter.

    Raises:
        LabError: an unknown kind, a negative share, no kind at all, or *count* below 1.

    """
    if count < 1:
        raise LabError(f"a pool needs 1 payload or more, not {count}")
    names = sorted(mix)
    for name in names:
        if name not in KINDS:
            raise LabError(_unknown(name))
    if not names:
        raise LabError(f"the mix of payloads is empty; there are {', '.join(KINDS)}")
    counts = quotas([mix[name] for name in names], count)
    pool = [
        encode(KINDS[name].draw(Chance("payload", seed, name, number)))
        for name, times in zip(names, counts, strict=True)
        for number in range(times)
    ]
    return Chance("order", seed).shuffled(pool)


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, KINDS, n=1, cutoff=0)[0]
    return f"no payload is called {name!r}; did you mean {nearest!r}? There are {', '.join(KINDS)}"
