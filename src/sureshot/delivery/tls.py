"""How connections leave the house: proxy, trust store, client certificate."""

from __future__ import annotations

import ssl

import msgspec

from sureshot.domain.errors import ConfigurationError


class Egress(msgspec.Struct, frozen=True):
    """The operator's way out; nothing here is ever read from proxy variables or .netrc.

    ``proxy_url`` is ``http://[user:password@]host:port`` of a CONNECT proxy.
    ``ca_file`` is trusted in addition to the system's authorities.
    """

    proxy_url: str | None = None
    ca_file: str | None = None
    client_cert_file: str | None = None
    client_key_file: str | None = None


def client_context(egress: Egress) -> ssl.SSLContext:
    """Return the context of every TLS connection: verified, TLS 1.2 or newer.

    Raises ``ConfigurationError`` naming the file that cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        if egress.ca_file is not None:
            context.load_verify_locations(egress.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"SURESHOT_CA_FILE={egress.ca_file}: {error}") from error
    try:
        if egress.client_cert_file is not None:
            context.load_cert_chain(egress.client_cert_file, egress.client_key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"SURESHOT_CLIENT_CERT_FILE={egress.client_cert_file}: {error}"
        ) from error
    return context
