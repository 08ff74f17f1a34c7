"""Object services of a test run's own: S3 from moto, in this process; Azure's from Azurite, a program of npm's."""

import base64
import hashlib
import hmac
import subprocess
from dataclasses import dataclass
from email.utils import formatdate
from typing import Self

import boto3
import httpx
from moto.server import ThreadedMotoServer

from tests.support.programs import AZURITE, free_port, need, wait_until

REGION = "us-east-1"
ACCOUNT = "devstoreaccount1"
# What Azurite's documentation gives everybody.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2021-12-02"


@dataclass(frozen=True)
class S3Server:
    """A running S3; it takes every key."""

    server: ThreadedMotoServer
    endpoint: str

    @classmethod
    def start(cls) -> Self:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        return cls(server, f"http://{host}:{port}")

    def new_bucket(self, name: str) -> str:
        """Make an empty bucket of this name; one that is there already is emptied."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket=name)
        for entry in client.list_objects_v2(Bucket=name).get("Contents", []):
            client.delete_object(Bucket=name, Key=entry["Key"])
        return name

    def stop(self) -> None:
        self.server.stop()


@dataclass(frozen=True)
class AzureServer:
    """A running Azurite, which keeps everything in memory."""

    process: subprocess.Popen[bytes]
    endpoint: str

    @classmethod
    def start(cls) -> Self:
        """Start it; the calling test or fixture is skipped, or fails with CI=true, where there is none."""
        program, port = need(AZURITE), free_port()
        options = ["--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
        process = subprocess.Popen(
            [program, *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server = cls(process, f"http://127.0.0.1:{port}/{ACCOUNT}")
        wait_until(server.answers, what="Azurite")
        return server

    def answers(self) -> bool:
        try:
            return httpx.get(self.endpoint, timeout=2).status_code > 0
        except httpx.TransportError:
            return False

    def new_container(self, name: str) -> str:
        """Make an empty container of this name; signed by hand, as Azure's own package is not needed otherwise."""
        now = formatdate(usegmt=True)
        signed = (
            f"PUT{12 * chr(10)}x-ms-date:{now}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        )
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), signed.encode(), hashlib.sha256).digest()
        response = httpx.put(
            f"{self.endpoint}/{name}?restype=container",
            headers={
                "x-ms-date": now,
                "x-ms-version": VERSION,
                "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
            },
        )
        response.raise_for_status()
        return name

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
