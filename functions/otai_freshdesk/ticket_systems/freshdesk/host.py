"""Where requests go: the account's own host, or for tests an address that cannot be public.

Freshdesk documents that version 2 of the API answers at `<account>.freshdesk.com` only, not at
vanity hosts, and clients have seen a doubled slash in the path end in a misleading 400.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from otai_freshdesk.ticket_systems.freshdesk.errors import ConfigurationError

__all__ = ["ApiHost", "account_host", "override_host"]

_DOMAIN = re.compile(
    r"(?:https://)?(?P<account>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.freshdesk\.com)?/*",
    re.IGNORECASE,
)

# Written out: `is_private` would also let link-local addresses in, and with them the address at
# which clouds hand out a machine's credentials.
_SAFE_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)

type Resolver = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class ApiHost:
    """A host that has been checked.

    Attributes:
        root: What every path is appended to, without a slash at its end.
        host_header: The name to send as `Host` when `root` holds the address it resolved to.
    """

    root: str
    host_header: str | None = None


def account_host(domain: str) -> ApiHost:
    """Return the host of an account.

    Args:
        domain: `acme`, `acme.freshdesk.com` or `https://acme.freshdesk.com/`, in any case.

    Raises:
        ConfigurationError: When it is anything else, such as a vanity host or another site.
    """
    found = _DOMAIN.fullmatch(domain.strip())
    if not found:
        raise ConfigurationError(
            "freshdesk_domain must be the account's subdomain, such as 'acme' for "
            "https://acme.freshdesk.com. The API does not answer at a custom support host."
        )
    return ApiHost(f"https://{found['account'].lower()}.freshdesk.com/api/v2")


def override_host(url: str, resolve: Resolver | None = None) -> ApiHost:
    """Return a host for a simulator in place of the account's.

    The API key travels there, so only loopback and private addresses are accepted. A name (other
    than that of a literal address) is resolved once, here: all its addresses must be such, and
    requests then go to the first of them, so that the name cannot lead elsewhere later.

    Args:
        url: `http://127.0.0.1:8080`, `http://host.docker.internal:8080` and the like. A name needs
            plain http, since a certificate would be checked against the address.
        resolve: Turns a host name and port into addresses; the system's resolver by default.

    Raises:
        ConfigurationError: When the URL is not of this form or may lead to a public address.
    """
    parts, port = _split(url)
    name = parts.hostname or ""
    literal = _address(name)
    addresses = [name] if literal else (resolve or _resolve)(name, port)
    if not addresses or not all(_is_safe(address) for address in addresses):
        raise ConfigurationError(
            "The override of the Freshdesk host must be a loopback or private address, or a name "
            "that resolves to such addresses only."
        )
    if literal:
        return ApiHost(f"{parts.scheme}://{parts.netloc}/api/v2")
    if parts.scheme != "http":
        raise ConfigurationError("An override of the Freshdesk host by name must use http.")
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    return ApiHost(f"http://{address}:{port}/api/v2", host_header=f"{name}:{port}")


def _split(url: str) -> tuple[SplitResult, int]:
    problem = ConfigurationError(
        "The override of the Freshdesk host must look like http://127.0.0.1:8080, without a path, "
        "query, user name or password."
    )
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise problem from None
    plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise problem
    return parts, port


def _resolve(name: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigurationError(
            "The override of the Freshdesk host names a host that cannot be resolved."
        ) from error
    return [str(entry[4][0]) for entry in found]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_safe(text: str) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in _SAFE_NETWORKS)
