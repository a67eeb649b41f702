"""Writes a report into a folder: a document, its figures, its charts."""

from pathlib import Path

import msgspec
import vl_convert

from cloison.bench.report import Report, charts, markdown

COMMAND = (
    "Printed by `cloison bench --out docs/benchmarks`, in one run. Ratios are rates over rates of the same rounds."
)


def write(made: Report, folder: Path) -> None:
    """Write bench.md, bench.json and a chart each as SVG; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = charts(made)
    for name, chart in drawn.items():
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(chart), encoding="utf-8")
    images = "\n".join(f"![{name}]({name}.svg)" for name in drawn)
    document = f"# What the guard costs\n\n{COMMAND}\n\n{markdown(made)}\n{images}\n"
    (folder / "bench.md").write_text(document, encoding="utf-8")
    (folder / "bench.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
