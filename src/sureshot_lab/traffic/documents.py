"""Payloads of some size: an invoice with its lines, a catalogue, a document with its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from sureshot_lab.traffic.chance import Chance
from sureshot_lab.traffic.vocabulary import (
    ADJECTIVES,
    CITIES,
    COUNTRIES,
    CURRENCIES,
    MATERIALS,
    STREETS,
    person,
    product_name,
    sentence,
)

SENTENCES = 400


def encode(payload: dict[str, Any]) -> str:
    """Write *payload* as every payload here is written: no spaces, letters as they are."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def invoice(chance: Chance, size_bytes: int) -> dict[str, Any]:
    """Return an invoice of at most *size_bytes* with as many lines as fit."""
    name, email = person(chance)
    payload: dict[str, Any] = {
        "event": "invoice.issued",
        "invoiceNumber": f"INV-{chance.digits(8)}",
        "issuedAt": chance.moment(),
        "currency": chance.pick(CURRENCIES),
        "customer": {"name": name, "email": email, "address": address(chance)},
        "totalMinor": chance.between(10_000, 9_999_999),
        "lines": [],
    }
    return _filled(payload, "lines", size_bytes, lambda: _invoice_line(chance))


def catalogue(chance: Chance, size_bytes: int) -> dict[str, Any]:
    """Return a product catalogue of at most *size_bytes*."""
    payload: dict[str, Any] = {
        "event": "catalog.updated",
        "catalogId": f"cat_{chance.hexadecimal(16)}",
        "updatedAt": chance.moment(),
        "products": [],
    }
    return _filled(payload, "products", size_bytes, lambda: _product(chance))


def document(chance: Chance, size_bytes: int) -> dict[str, Any]:
    """Return the text of a document, of at most *size_bytes*."""
    author, email = person(chance)
    payload: dict[str, Any] = {
        "event": "document.exported",
        "documentId": f"doc_{chance.hexadecimal(16)}",
        "exportedAt": chance.moment(),
        "author": {"name": author, "email": email},
        "paragraphs": [],
    }
    return _filled(payload, "paragraphs", size_bytes, lambda: _paragraph(chance))


def address(chance: Chance) -> dict[str, str]:
    """Draw a postal address."""
    return {
        "street": f"{chance.pick(STREETS)} {chance.between(1, 240)}",
        "postalCode": chance.digits(5),
        "city": chance.pick(CITIES),
        "country": chance.pick(COUNTRIES),
    }


def _filled(
    payload: dict[str, Any], member: str, size_bytes: int, draw: Callable[[], object]
) -> dict[str, Any]:
    """Append what *draw* returns to the list *member* until one more would be too much."""
    items: list[object] = payload[member]
    size = len(encode(payload).encode())
    while True:
        item = draw()
        size += len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
        size += bool(items)  # the comma before it
        if size > size_bytes and items:
            return payload
        items.append(item)


def _invoice_line(chance: Chance) -> dict[str, Any]:
    quantity, unit_minor = chance.between(1, 40), chance.between(50, 90_000)
    return {
        "sku": f"SKU-{chance.digits(6)}",
        "description": product_name(chance),
        "quantity": quantity,
        "unitPriceMinor": unit_minor,
        "taxRate": chance.pick((0.0, 0.055, 0.1, 0.2, 0.25)),
        "totalMinor": quantity * unit_minor,
    }


def _product(chance: Chance) -> dict[str, Any]:
    return {
        "sku": f"SKU-{chance.digits(6)}",
        "name": product_name(chance),
        "about": chance.pick(_sentences()),
        "priceMinor": chance.between(199, 499_900),
        "currency": chance.pick(CURRENCIES),
        "stock": {city: chance.below(500) for city in CITIES[:3]},
        "tags": [chance.pick(ADJECTIVES), chance.pick(MATERIALS)],
        "discontinued": chance.share() < 0.05,
    }


def _paragraph(chance: Chance) -> str:
    return " ".join(chance.pick(_sentences()) for _ in range(chance.between(3, 9)))


@cache
def _sentences() -> tuple[str, ...]:
    """Return what texts are made of: drawing every word anew takes seconds for a large pool."""
    chance = Chance("sentences")
    return tuple(sentence(chance) for _ in range(SENTENCES))
