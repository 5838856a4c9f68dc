"""SMART Backend Services against a server that verifies what it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.fhir import FhirSettings
from pacekeeper.fhir.signing_key import SigningKey
from pacekeeper.fhir.smart import BackendServices, SmartConfiguration
from pacekeeper.testing import Faults, FhirServer
from tests.integration.fhir_server.site import connected, corpus, documents, keys, pages, signed


def served(kind: str = "rsa", **more: Any) -> FhirServer:
    return FhirServer(corpus(), page_size=2, jwks=[keys(kind)[1]], **more)


@pytest.mark.parametrize("kind", ["rsa", "p384"], ids=["RS384", "ES384"])
def test_a_signed_assertion_opens_the_server(kind: str) -> None:
    with served(kind) as server, connected(server, **signed(kind)) as connector:
        assert len(documents(pages(connector, "patient"))) == 6
        assert server.tokens.requests == 1


@pytest.mark.parametrize("form", ["pem", "jwk", "jwk set", "pem file"])
def test_a_key_is_read_in_every_form(form: str, tmp_path: Path) -> None:
    private, _, pem = keys("p384")
    text = {"pem": pem, "jwk": orjson.dumps(private).decode(), "jwk set": orjson.dumps({"keys": [private]}).decode()}
    given: dict[str, Any] = {"client_id": "pacekeeper", "key_id": "p384-1"}
    if form == "pem file":
        file = tmp_path / "key.pem"
        file.write_text(pem, encoding="utf-8")
        file.chmod(0o600)
        given["private_key_file"] = file
    else:
        given["private_key"] = SecretStr(text[form])
    with served("p384") as server, connected(server, **given) as connector:
        assert len(documents(pages(connector, "patient"))) == 6


@pytest.mark.parametrize(
    "faults",
    [Faults(), Faults(configuration_at_root=True)],
    ids=["below the FHIR base", "at the root of the host"],
)
def test_the_token_endpoint_is_discovered(faults: Faults) -> None:
    with (
        served(faults=faults) as server,
        connected(server, **signed()) as connector,
    ):
        assert len(documents(pages(connector, "patient"))) == 6


def test_a_server_without_a_smart_configuration_needs_token_url() -> None:
    with served() as server:
        auth = BackendServices(f"{server.root}/nowhere", "pacekeeper", SigningKey(signed()["private_key"]))
        with (
            httpx.Client(auth=auth) as client,
            pytest.raises(Exception, match="names no token_endpoint: set token_url"),
        ):
            client.get(f"{server.url}/Patient")
        with connected(server, **signed(token_url=server.token_url, scope="system/Patient.rs")) as connector:
            assert len(documents(pages(connector, "patient"))) == 6
        assert not any("smart-configuration" in request for request in server.requests if "fhir" in request)


def test_reading_of_the_declared_types_is_asked_for() -> None:
    with served() as server, connected(server, **signed()) as connector:
        pages(connector, "patient")
        (scope,) = {token.scope for token in server.tokens.given.values() if token.scope}
        assert set(scope.split()) == {f"system/{kind}.rs" for kind in connector.resource_types}


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, "system/Appointment.rs system/Slot.rs"),
        ({"scopes_supported": ["patient/*.rs", "openid"]}, "system/Appointment.rs system/Slot.rs"),
        ({"capabilities": ["permission-v1"]}, "system/Appointment.read system/Slot.read"),
        (
            {"scopes_supported": [["system/Appointment.read", "system/Binary.read", "system/*.$export"]]},
            "system/Appointment.read system/*.$export system/Binary.read",
        ),
        ({"scopes_supported": ["system/*.*"]}, "system/Appointment.read system/Slot.read"),
        ({"scopes_supported": ["system/*.cruds"], "capabilities": ["permission-v2"]}, "system/*.rs"),
    ],
    ids=["nothing said", "no system scope", "first version", "closed list, nested", "wildcard", "no reading listed"],
)
def test_scopes_are_written_as_the_server_writes_them(configuration: dict[str, Any], expected: str) -> None:
    known = SmartConfiguration.of(configuration)
    types = [] if expected == "system/*.rs" else ["Appointment", "Slot"]
    assert known.scope_for(types, with_export=True) == expected


def test_a_token_that_lives_a_second_is_renewed_in_the_middle_of_a_read() -> None:
    with served(faults=Faults(token_calls=2)) as server, connected(server, **signed()) as connector:
        assert len(documents(pages(connector, "patient"))) == 6
        assert server.tokens.requests >= 2


def test_a_token_is_renewed_before_its_end() -> None:
    now = [0.0]
    with served(faults=Faults(token_seconds=60)) as server:
        auth = BackendServices(
            server.url, "pacekeeper", SigningKey(signed()["private_key"]), clock=lambda: now[0], scope="system/*.rs"
        )
        with httpx.Client(auth=auth) as client:
            for moment, requests in ((0.0, 1), (47.0, 1), (49.0, 2)):
                now[0] = moment
                assert client.get(f"{server.url}/Patient").status_code == 200
                assert server.tokens.requests == requests


def test_an_assertion_is_never_sent_twice_after_a_refusal() -> None:
    with (
        served(faults=Faults(token_500_on=frozenset({1}))) as server,
        connected(server, **signed()) as connector,
    ):
        assert len(documents(pages(connector, "patient"))) == 6
        assert server.tokens.requests == 3, "a 500 that used the assertion up, its repetition, and a new one"


@pytest.mark.parametrize(
    ("client_id", "kind"), [("somebody-else", "rsa"), ("pacekeeper", "p384")], ids=["client", "key"]
)
def test_a_refused_client_is_a_matter_of_settings(client_id: str, kind: str) -> None:
    with (
        served("rsa") as server,
        connected(server, **(signed(kind) | {"client_id": client_id})) as connector,
        pytest.raises(ConfigError, match=r"token endpoint answered 401 \(invalid_client\)"),
    ):
        pages(connector, "patient")


def test_what_the_token_endpoint_says_of_the_assertion_is_not_repeated() -> None:
    with (
        served(faults=Faults(token_error="invalid_scope")) as server,
        connected(server, **signed()) as connector,
        pytest.raises(ConfigError, match="invalid_scope") as raised,
    ):
        pages(connector, "patient")
    assert "Canary" not in str(raised.value)
    assert "eyJ" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_token_endpoint_that_stays_broken_may_work_later() -> None:
    with (
        served(faults=Faults(token_500_on=frozenset(range(1, 100)))) as server,
        connected(server, **signed()) as connector,
        pytest.raises(RetryableError, match="token endpoint answered 500"),
    ):
        pages(connector, "patient")


def bad_key(text: str, key_id: str | None = "k") -> str:
    with pytest.raises(ConfigError) as raised:
        SigningKey(SecretStr(text), key_id=key_id).load()
    assert "CANARY" not in str(raised.value)
    return str(raised.value)


def test_an_unusable_key_is_told_without_showing_it() -> None:
    private, public, pem = keys("p384")
    assert "neither PEM" in bad_key("CANARY")
    assert "set key_id" in bad_key(pem, key_id=None)
    assert "begins like a JWK" in bad_key('{"CANARY')
    assert "no private key" in bad_key(orjson.dumps(public).decode())
    assert "no private key" in bad_key('{"kty":"oct","d":"CANARY"}')
    assert "0 fit" in bad_key(orjson.dumps({"keys": [private]}).decode())
    assert "another kind" in bad_key(keys("p256")[2])


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(keys("rsa")[2], encoding="utf-8")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        SigningKey(file=file, key_id="k").load()
    with pytest.raises(ConfigError, match="cannot be read"):
        SigningKey(file=tmp_path / "missing.pem", key_id="k").load()


def test_a_key_the_server_cannot_use_is_told_before_it_is_sent() -> None:
    auth = BackendServices("https://ehr.example/fhir", "pacekeeper", SigningKey(signed("rsa")["private_key"]))

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200,
            json={
                "token_endpoint": "https://ehr.example/token",
                "token_endpoint_auth_signing_alg_values_supported": ["ES384"],
            },
        )

    with (
        httpx.Client(auth=auth, transport=httpx.MockTransport(respond)) as client,
        pytest.raises(Exception, match="signs by RS384, which the server does not list"),
    ):
        client.get("https://ehr.example/fhir/Patient")


def test_a_token_endpoint_in_the_clear_is_not_used() -> None:
    auth = BackendServices("https://ehr.example/fhir", "pacekeeper", SigningKey(signed("rsa")["private_key"]))
    configuration = httpx.Response(200, json={"token_endpoint": "http://ehr.example/token"})
    with (
        httpx.Client(auth=auth, transport=httpx.MockTransport(lambda _: configuration)) as client,
        pytest.raises(Exception, match="no https address"),
    ):
        client.get("https://ehr.example/fhir/Patient")


BASE = {"base_url": "https://ehr.example/fhir"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"private_key": "k"}, "client_id"),
        ({"client_id": "c", "client_secret": "s"}, "token_url"),
        ({"client_id": "c", "private_key": "k", "token": "t"}, "set one of"),
        ({"client_id": "c", "private_key_file": "key.pem"}, "absolute"),
        ({"export_level": "group"}, "export_group"),
        ({"export_group": "g1"}, "export_group"),
    ],
    ids=["no client", "no endpoint", "two ways in", "relative file", "no group", "group for nothing"],
)
def test_settings_that_contradict_themselves_are_refused(given: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        FhirSettings.model_validate({**BASE, **given})


def test_a_private_key_is_not_shown() -> None:
    settings = FhirSettings.model_validate({**BASE, "client_id": "c", "private_key": "CANARY"})
    assert "CANARY" not in repr(settings)
