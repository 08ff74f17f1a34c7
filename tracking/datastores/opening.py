"""From a datastore's row to a store of artifacts.

Nothing of the server's own environment may reach a place that a user named: whatever obstore would look up there
(keys, session tokens, endpoints) is given here, or replaced by a provider of credentials, or requests go unsigned.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, S3Store

from tracking.artifacts.store import ArtifactStore, LocalStore, ObjectStore
from tracking.core.errors import InvalidParameterError, UnavailableError
from tracking.datastores.guards import check_endpoint, check_folder
from tracking.datastores.types import Kind

if TYPE_CHECKING:
    from obstore.store import AzureCredential, ClientConfig, RetryConfig, S3Credential

DEFAULT_REGION = "us-east-1"
RETRY: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
Items = tuple[tuple[str, str], ...]


def open_datastore(kind: Kind, config: Mapping[str, str], credentials: Mapping[str, str]) -> ArtifactStore:
    """Return the store behind a datastore; no request is made yet, but its host's addresses are looked up.

    :raises InvalidParameterError: if it leads where none may lead (guards.py).
    """
    if kind is Kind.LOCAL:
        return LocalStore(check_folder(config["path"]))
    check_endpoint(endpoint_of(kind, config))
    return ObjectStore(_bucket(kind, tuple(sorted(config.items())), tuple(sorted(credentials.items()))))


def endpoint_of(kind: Kind, config: Mapping[str, str]) -> str:
    """Return where the service is: what was given, else the provider's own address."""
    if "endpoint" in config:
        return config["endpoint"].rstrip("/")
    if kind is Kind.S3:
        return f"https://s3.{config.get('region', DEFAULT_REGION)}.amazonaws.com"
    return f"https://{config['account']}.blob.core.windows.net"


def refusal_of(error: UnavailableError) -> str:
    """Say why a service refused what was asked; empty if it did not: that passes. Never the service's own words.

    They may repeat an address with a signature in it.
    """
    status = re.search(r"status code: (\d{3})", str(error.__cause__ or ""))
    if status and status[1] == "404":
        return "It answers that there is no such bucket or container."
    if status and status[1] in ("400", "401", "403"):
        return "It refuses the credentials, or they do not permit this."
    return ""


@lru_cache(maxsize=64)
def _bucket(kind: Kind, config: Items, credentials: Items) -> "S3Store | AzureStore":
    """Return the client of a bucket; kept, with its connections, for the next request."""
    given, secrets = dict(config), dict(credentials)
    endpoint = endpoint_of(kind, given)
    client: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=5),
        "timeout": timedelta(seconds=60),
    }
    shared: dict[str, Any] = {
        "prefix": given.get("prefix"),
        "endpoint": endpoint,
        "client_options": client,
        "retry_config": RETRY,
        "skip_signature": not secrets,
    }
    try:
        if kind is Kind.S3:
            return S3Store(
                given["bucket"],
                region=given.get("region", DEFAULT_REGION),
                virtual_hosted_style_request=False,
                credential_provider=_s3_keys(secrets) if secrets else None,
                **shared,
            )
        return AzureStore(
            given["container"],
            account_name=given["account"],
            use_emulator=False,
            credential_provider=_azure_keys(secrets) if secrets else None,
            **shared,
        )
    except (BaseError, ValueError) as error:
        raise InvalidParameterError(
            f"The {kind} client cannot be made from this config: {type(error).__name__}."
        ) from None


def _s3_keys(secrets: Mapping[str, str]) -> "Callable[[], S3Credential]":
    return lambda: {
        "access_key_id": secrets["access_key_id"],
        "secret_access_key": secrets["secret_access_key"],
        "token": secrets.get("session_token"),
        "expires_at": None,
    }


def _azure_keys(secrets: Mapping[str, str]) -> "Callable[[], AzureCredential]":
    if "account_key" in secrets:
        return lambda: {"access_key": secrets["account_key"], "expires_at": None}
    return lambda: {"sas_token": secrets["sas_token"], "expires_at": None}
