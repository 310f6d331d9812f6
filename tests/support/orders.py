"""Orders for tests of the page: parts of a request for a session."""

from __future__ import annotations

from typing import Any

RICH: dict[str, Any] = {
    "express": {
        "shipping_options": [
            {
                "id": "pickup",
                "line_id": "s1",
                "amount": 4900,
                "operator": "Posten",
                "title": "Hentested",
            },
            {
                "id": "shop",
                "line_id": "s2",
                "amount": 0,
                "operator": "Butikken",
                "title": "Hent i butikk",
            },
        ]
    },
    "configuration": {
        "allow_different_billing_shipping_address": ["b2c"],
        "theme": {"primary": "#7c3aed"},
    },
    "checkboxes": [
        {
            "id": "terms",
            "label": "Jeg godtar kjøpsvilkårene",
            "required": True,
            "link": {"url": "https://example.com/terms", "text": "Les vilkårene"},
        },
        {"id": "news", "label": "Send meg nyhetsbrev"},
    ],
}
"""All that the page can ask for: delivery to choose, a billing address, checkboxes, a colour."""
