# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Where a browser goes in the end: a path of the same origin, or nowhere. Pure."""

import urllib.parse

_LONGEST = 4096
# What may stand in a path, query and fragment as it is (RFC 3986, appendix A).
_SAFE = "/?#[]@!$&'()*+,;=:-._~%"


def read(query: str, *, own: str) -> str:
    """Return the destination out of the field `next` of a query, or nothing where it is not a path of this origin.

    Args:
        query: the query of a request, still encoded.
        own: the path of the reception, which would lead back here for ever.
    """
    try:
        fields = urllib.parse.parse_qs(query, max_num_fields=20, errors="strict")
    except ValueError:
        return ""
    wanted = fields.get("next", [""])
    return _checked(wanted[0], own) if len(wanted) == 1 else ""


def _checked(text: str, own: str) -> str:
    if not text.startswith("/") or text.startswith("//") or len(text) > _LONGEST or not text.isprintable():
        return ""
    # Browsers read a backslash as a slash, so that /\host would be another origin.
    if "\\" in text:
        return ""
    path = text.partition("?")[0].partition("#")[0]
    # A path that browsers first make shorter must not come out as //host, nor as this page.
    if any(part in (".", "..") for part in urllib.parse.unquote(path).split("/")):
        return ""
    if path.rstrip("/") == own or path.startswith(f"{own}/"):
        return ""
    return urllib.parse.quote(text, safe=_SAFE)
