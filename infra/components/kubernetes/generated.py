"""Secrets nobody chooses: made once by the first `up`, kept encrypted in the stack's state.

An importable module: the engine stores these providers by reference, so that their code can change.
"""

import secrets
from typing import Any

import pulumi
from pulumi import dynamic


class PasswordProvider(dynamic.ResourceProvider):
    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(secrets.token_hex(8), {"value": secrets.token_urlsafe(24)})


class KeyPairProvider(dynamic.ResourceProvider):
    """An EC P-256 pair in PEM, as bundles are signed with."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec

        made = ec.generate_private_key(ec.SECP256R1())
        private = made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
        public = made.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
        return dynamic.CreateResult(secrets.token_hex(8), {"private": private, "public": public})


class Password(dynamic.Resource):
    """32 random characters that an address needs no quoting for."""

    value: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(PasswordProvider(), name, {"value": None}, _secret(opts, "value"))


class KeyPair(dynamic.Resource):
    private: pulumi.Output[str]
    public: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(KeyPairProvider(), name, {"private": None, "public": None}, _secret(opts, "private"))


def _secret(opts: pulumi.ResourceOptions | None, *outputs: str) -> pulumi.ResourceOptions:
    hidden = pulumi.ResourceOptions(additional_secret_outputs=list(outputs))
    return pulumi.ResourceOptions.merge(opts, hidden)
