# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What requests and answers of the tests have in common: headers, of which a name can stand there more than once."""

import collections.abc


class Headed:
    """Something with headers; a subclass says how it keeps them."""

    headers: collections.abc.Sequence[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Return every value of a header, whose name is given in lower case."""
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: str) -> str | None:
        """Return the only value of a header, None where there is none."""
        found = self.all(name)
        assert len(found) < 2, found
        return found[0] if found else None
