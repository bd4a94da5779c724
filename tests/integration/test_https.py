"""The HTTP surface over TLS."""

import ssl
from pathlib import Path

import httpx2
import trustme
from cryptography import x509

from tests.support.service import API_KEY, Service


async def test_code_is_submitted_over_tls(tmp_path: Path) -> None:
    """With a certificate the listener speaks TLS only, and a client that knows the authority submits as usual."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    key, chain, trusted = (tmp_path / name for name in ("key.pem", "chain.pem", "authority.pem"))
    own.private_key_pem.write_to_path(str(key))
    chain.write_bytes(b"".join(part.bytes() for part in own.cert_chain_pems))
    authority.cert_pem.write_to_path(str(trusted))
    service = Service(folder=tmp_path / "var", settings={"HTTP_TLS": f"{chain},{key}"})
    await service.client.aclose()
    service.client = httpx2.AsyncClient(
        base_url=service.url.replace("http:", "https:"),
        headers={"Authorization": f"Bearer {API_KEY}"},
        verify=ssl.create_default_context(cafile=str(trusted)),
        trust_env=False,
    )
    async with service:
        accepted = await service.submit()
        assert accepted.status_code == 202
        assert (await service.outcome(accepted.json()["id"]))["state"] == "sent"
        metrics = (await service.client.get("/metrics")).text
    end = x509.load_pem_x509_certificate(own.cert_chain_pems[0].bytes()).not_valid_after_utc.timestamp()
    name = 'mailsvc_certificate_end_timestamp_seconds{listener="http"}'
    assert [float(line.split()[1]) for line in metrics.splitlines() if line.startswith(name)] == [end]
