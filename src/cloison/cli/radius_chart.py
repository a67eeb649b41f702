"""The blast radius as a picture: the accounts that could be released the most people, as bars. Handles, no people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloison.access.blast_radius import Bound

RECORDS, NAMES = "records opened", "names on lists and cards only"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # a name for the language; nothing is fetched


def write_chart(path: Path, bounds: Sequence[Bound]) -> None:
    """Write an SVG of these accounts, in order; raises OSError."""
    import vl_convert  # noqa: PLC0415 - 30 MB that no other command needs

    # Nothing that the picture is made of may be fetched from anywhere.
    path.write_text(vl_convert.vegalite_to_svg(_picture(bounds), allowed_base_urls=[]), encoding="utf-8")


def _picture(bounds: Sequence[Bound]) -> dict[str, Any]:
    bars = [
        {"account": each.account, "part": part, "order": order, "people": people}
        for each in bounds
        for order, (part, people) in enumerate(
            ((RECORDS, each.opened.day), (NAMES, each.people.day - min(each.people.day, each.opened.day)))
        )
    ]
    return {
        "$schema": SCHEMA,
        "title": "The most people that one account could be released in any day",
        "width": 560,
        "height": {"step": 18},
        "data": {"values": bars},
        "mark": "bar",
        "encoding": {
            "y": {"field": "account", "type": "nominal", "sort": [each.account for each in bounds], "title": None},
            "x": {"field": "people", "type": "quantitative", "stack": True, "title": "people"},
            "order": {"field": "order"},
            "color": {
                "field": "part",
                "type": "nominal",
                "title": None,
                "scale": {"domain": [RECORDS, NAMES], "range": ["#b2182b", "#f4a582"]},
                "legend": {"orient": "bottom", "labelLimit": 400},
            },
        },
    }
