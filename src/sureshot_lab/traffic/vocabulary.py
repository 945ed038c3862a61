"""The words payloads are made of: invented people, places and goods."""

from __future__ import annotations

from sureshot_lab.traffic.chance import Chance

GIVEN_NAMES = (
    "Ada", "Amara", "Björn", "Carlos", "Chloé", "Dmitri", "Elena", "Fatima", "Grace", "Hiro",
    "Ingrid", "José", "Kavya", "Liam", "Łukasz", "Mei", "Noor", "Olga", "Priya", "Zoë",
)  # fmt: skip
FAMILY_NAMES = (
    "Abe", "Bianchi", "Castillo", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ivanova",
    "Jensen", "Kowalski", "Lindqvist", "Müller", "Nakamura", "Okafor", "Patel", "Rossi", "Santos",
    "Tanaka", "Weber",
)  # fmt: skip
STREETS = ("Harbour Road", "Linden Street", "Mill Lane", "Rue du Moulin", "Station Square")
CITIES = (
    "Aarhus",
    "Bergen",
    "Dublin",
    "Graz",
    "Kraków",
    "Lagos",
    "Lyon",
    "Osaka",
    "Porto",
    "Zürich",
)
COUNTRIES = ("AT", "CH", "DK", "FR", "IE", "JP", "NG", "NO", "PL", "PT")
CURRENCIES = ("CHF", "DKK", "EUR", "GBP", "JPY", "USD")
ADJECTIVES = ("compact", "folding", "heavy", "insulated", "light", "modular", "quiet", "sturdy")
GOODS = (
    "backpack",
    "bottle",
    "bracket",
    "cable",
    "desk",
    "filter",
    "hinge",
    "lamp",
    "pump",
    "valve",
)
MATERIALS = ("aluminium", "bamboo", "brass", "cotton", "glass", "oak", "recycled plastic", "steel")
NOUNS = (
    "account", "agreement", "balance", "delivery", "department", "estimate", "inspection",
    "measure", "notice", "period", "procedure", "quarter", "register", "report", "schedule",
    "supplier", "survey", "warehouse",
)  # fmt: skip
VERBS = ("amends", "confirms", "covers", "delays", "follows", "lists", "precedes", "replaces")
FREE_DOMAINS = ("example.com", "example.net", "example.org")
"""Reserved for examples: no letter ever reaches anybody there (RFC 2606)."""


def person(chance: Chance) -> tuple[str, str]:
    """Draw a name and an address for mail."""
    given, family = chance.pick(GIVEN_NAMES), chance.pick(FAMILY_NAMES)
    letters = f"{given}.{family}".lower().encode("ascii", "ignore").decode()
    return f"{given} {family}", f"{letters}{chance.digits(3)}@{chance.pick(FREE_DOMAINS)}"


def product_name(chance: Chance) -> str:
    """Draw what an article may be called."""
    return f"{chance.pick(ADJECTIVES)} {chance.pick(MATERIALS)} {chance.pick(GOODS)}"


def sentence(chance: Chance) -> str:
    """Draw a sentence of 60 to 110 characters that means little."""
    first, second, third = (chance.pick(NOUNS) for _ in range(3))
    return (
        f"The {first} of the {chance.pick(ADJECTIVES)} {chance.pick(GOODS)} {chance.pick(VERBS)} "
        f"the {second}, see {third} {chance.digits(4)}."
    )
