# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What Dex accepts in a connector of each type, as a table: fields, their kinds, and what goes with what."""

import collections.abc

import connector_shapes

Field = connector_shapes.Field
Type = connector_shapes.Type


def _all(kind: connector_shapes.Kind, words: str) -> dict[str, Field]:
    return {name: Field(kind=kind) for name in words.split()}


def _texts(words: str) -> dict[str, Field]:
    return _all("text", words)


def _lists(words: str) -> dict[str, Field]:
    return _all("texts", words)


def _flags(words: str) -> dict[str, Field]:
    return _all("flag", words)


def _risky(text: str) -> Field:
    return Field(kind="flag", risk=text)


_NEEDED = Field(required=True)
_SECRET = Field(required=True, secret=True)
_URL = Field(form="url")
_NEEDED_URL = Field(form="url", required=True)
_CLIENT = {"clientID": _NEEDED, "clientSecret": _SECRET, "redirectURI": _URL}
_UNVERIFIED = _risky("whoever is between Dex and the server can pretend to be the server")
_SCOPE = Field(choices=("sub", "one"))
_ORGS = Field(kind="groups", fields={"name": _NEEDED, **_lists("teams")})
_NAME_IDS = tuple(
    name
    for version, names in (
        ("1.1", ("emailAddress", "unspecified", "X509SubjectName", "WindowsDomainQualifiedName")),
        ("2.0", ("encrypted", "entity", "kerberos", "persistent", "transient")),
    )
    for short in names
    for name in (short, f"urn:oasis:names:tc:SAML:{version}:nameid-format:{short}")
)

_LDAP = Type(
    fields={
        "host": Field(required=True, form="address"),
        "insecureNoSSL": _risky("passwords cross the network unencrypted"),
        "insecureSkipVerify": _UNVERIFIED,
        **_flags("startTLS"),
        **{name: Field(form="path") for name in ("rootCA", "clientCert", "clientKey")},
        "rootCAData": Field(form="pem-base64"),
        **_texts("bindDN usernamePrompt"),
        "bindPW": Field(secret=True),
        "userSearch": Field(
            kind="group",
            required=True,
            fields={
                **{name: _NEEDED for name in ("baseDN", "username")},
                "filter": Field(form="filter"),
                "scope": _SCOPE,
                **_texts("idAttr emailAttr nameAttr preferredUsernameAttr emailSuffix"),
            },
        ),
        "groupSearch": Field(
            kind="group",
            fields={
                "filter": Field(form="filter"),
                "scope": _SCOPE,
                **_texts("baseDN userAttr groupAttr recursionGroupAttr nameAttr"),
                "userMatchers": Field(
                    kind="groups",
                    fields={"userAttr": _NEEDED, "groupAttr": _NEEDED, **_texts("recursionGroupAttr")},
                ),
            },
        ),
        "kerberos": Field(kind="group", since=(2, 46)),
    },
    needs=(
        ("bindDN", ("bindPW",)),
        ("clientCert", ("clientKey",)),
        ("clientKey", ("clientCert",)),
        ("groupSearch.baseDN", ("groupSearch.nameAttr",)),
        ("groupSearch.baseDN", ("groupSearch.userMatchers", "groupSearch.userAttr")),
        ("groupSearch.userAttr", ("groupSearch.groupAttr",)),
    ),
    excludes=(("insecureNoSSL", "startTLS"),),
)
_OIDC = Type(
    redirected=True,
    fields={
        **_CLIENT,
        "issuer": _NEEDED_URL,
        # A public client, which proves itself by PKCE, has none.
        "clientSecret": Field(secret=True),
        "issuerAlias": _URL,
        "providerDiscoveryOverrides": Field(
            kind="group",
            fields={
                **{name: _URL for name in ("tokenURL", "authURL", "jwksURL")},
                **{
                    name: Field(form="url", since=(2, 46)) for name in ("userInfoURL", "deviceAuthURL", "endSessionURL")
                },
            },
        ),
        **_flags("basicAuthUnsupported getUserInfo insecureEnableGroups overrideClaimMapping"),
        **_lists("scopes allowedGroups acrValues"),
        "hostedDomains": Field(kind="texts", gone="use a connector of the type google, which has it"),
        "rootCAs": Field(kind="texts", form="pem"),
        "insecureSkipEmailVerified": _risky("e-mail addresses that the provider has not verified become user ids"),
        "insecureSkipVerify": _UNVERIFIED,
        **_texts("userIDKey userNameKey promptType"),
        "pkceChallenge": Field(since=(2, 45)),
        "claimMapping": Field(kind="group", fields=_texts("preferred_username email groups")),
        "claimModifications": Field(
            kind="group",
            fields={
                "newGroupFromClaims": Field(
                    kind="groups",
                    fields={**_lists("claims"), **_texts("delimiter prefix"), **_flags("clearDelimiter")},
                ),
                "filterGroupClaims": Field(kind="group", fields=_texts("groupsFilter")),
                "modifyGroupNames": Field(kind="group", fields=_texts("prefix suffix")),
            },
        ),
    },
)
_SAML = Type(
    redirected=True,
    fields={
        "ssoURL": _NEEDED_URL,
        "redirectURI": _URL,
        **{name: _NEEDED for name in ("usernameAttr", "emailAttr")},
        **_texts("entityIssuer ssoIssuer groupsAttr groupsDelim"),
        "ca": Field(form="path"),
        "caData": Field(form="pem-base64"),
        "insecureSkipSignatureValidation": _risky("anybody can forge a login as anybody"),
        **_lists("allowedGroups"),
        **_flags("filterGroups"),
        "nameIDPolicyFormat": Field(choices=_NAME_IDS),
    },
    needs=(("", ("caData", "ca", "insecureSkipSignatureValidation")),),
    excludes=(("ca", "caData"),),
)
TYPES: collections.abc.Mapping[str, Type] = {
    "atlassian-crowd": Type(
        fields={
            "baseURL": _NEEDED_URL,
            "clientID": _NEEDED,
            "clientSecret": _SECRET,
            **_lists("groups"),
            "preferredUsernameField": Field(choices=("key", "name", "email")),
            **_texts("usernamePrompt"),
        }
    ),
    "authproxy": Type(
        fields={
            **_texts("userIDHeader userHeader userNameHeader emailHeader groupHeader groupHeaderSeparator"),
            **_lists("staticGroups"),
        },
        risk="whoever reaches Dex with the header X-Remote-User is that user, unless a proxy in front replaces it",
    ),
    "bitbucket-cloud": Type(
        redirected=True,
        fields={
            **_CLIENT,
            **_lists("teams"),
            **_flags("includeTeamGroups"),
            "getWorkspacePermissions": Field(kind="flag", since=(2, 46)),
        },
    ),
    "gitea": Type(
        redirected=True,
        fields={**_CLIENT, "baseURL": _URL, "orgs": _ORGS, **_flags("loadAllGroups useLoginAsID")},
    ),
    "github": Type(
        redirected=True,
        fields={
            **_CLIENT,
            **_texts("org preferredEmailDomain"),
            "orgs": _ORGS,
            "hostName": Field(form="host"),
            "rootCA": Field(form="pem"),
            "teamNameField": Field(choices=("name", "slug", "both")),
            **_flags("loadAllGroups useLoginAsID"),
        },
        needs=(("rootCA", ("hostName",)),),
        excludes=(("org", "orgs"),),
    ),
    "gitlab": Type(
        redirected=True,
        fields={
            **_CLIENT,
            "baseURL": _URL,
            **_lists("groups"),
            **_flags("useLoginAsID getGroupsPermission"),
            "rootCAData": Field(form="pem-base64", since=(2, 45)),
            "inheritedGroups": Field(kind="flag", since=(2, 46)),
        },
    ),
    "google": Type(
        redirected=True,
        fields={
            **_CLIENT,
            **_lists("scopes hostedDomains groups"),
            "serviceAccountFilePath": Field(form="path"),
            **_texts("adminEmail promptType"),
            "domainToAdminEmail": Field(kind="table"),
            **_flags("fetchTransitiveGroupMembership"),
        },
        needs=(("serviceAccountFilePath", ("domainToAdminEmail", "adminEmail")),),
    ),
    "keystone": Type(
        fields={
            "keystoneHost": _NEEDED_URL,
            "domain": _NEEDED,
            "keystoneUsername": _NEEDED,
            "keystonePassword": _SECRET,
        }
    ),
    "ldap": _LDAP,
    "linkedin": Type(redirected=True, fields=_CLIENT),
    "microsoft": Type(
        redirected=True,
        fields={
            **_CLIENT,
            **_texts("tenant promptType domainHint"),
            **_flags("onlySecurityGroups useGroupsAsWhitelist emailToLowercase"),
            **_lists("groups scopes"),
            "groupNameFormat": Field(choices=("id", "name")),
            **{name: _URL for name in ("apiURL", "graphURL")},
            "preferredUsernameField": Field(since=(2, 45)),
            "batchGroupLookups": Field(kind="flag", since=(2, 46)),
            "clientAssertion": Field(since=(2, 46)),
        },
    ),
    "oauth": Type(
        redirected=True,
        fields={
            **_CLIENT,
            **{name: _NEEDED_URL for name in ("tokenURL", "authorizationURL", "userInfoURL")},
            **_lists("scopes"),
            "rootCAs": Field(kind="texts", form="pem"),
            "insecureSkipVerify": _UNVERIFIED,
            **_texts("userIDKey"),
            "claimMapping": Field(
                kind="group",
                fields=_texts("userNameKey preferredUsernameKey groupsKey emailKey emailVerifiedKey"),
            ),
        },
    ),
    "oidc": _OIDC,
    "openshift": Type(
        redirected=True,
        fields={
            **_CLIENT,
            "issuer": _NEEDED_URL,
            **_lists("groups"),
            "insecureCA": _UNVERIFIED,
            "rootCA": Field(form="pem"),
        },
    ),
    "saml": _SAML,
    # The name that SAML had while it was new.
    "samlExperimental": _SAML,
    "mockCallback": Type(fields={}, mock=True, risk="it lets anybody in"),
    "mockPassword": Type(
        fields={"username": _NEEDED, "password": _SECRET},
        mock=True,
        risk="it is for tests, with one password for everybody",
    ),
}
ENTRY: connector_shapes.Fields = {
    "type": _NEEDED,
    "id": _NEEDED,
    "name": _NEEDED,
    "config": Field(kind="group"),
    "grantTypes": Field(kind="texts", since=(2, 46)),
}
