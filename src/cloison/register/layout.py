"""How a record is laid out in its compartments, before it is sealed. No I/O.

A compartment's text is a msgpack array of the values of its fields in the profile's order, "" where empty; fields
are appended to a profile, never reordered, so that an older text is a shorter one. The derived compartment `label` is
`[label, birth_year, place]`.
"""

from collections.abc import Mapping, Sequence

import msgspec

from cloison.register.profile import Profile

NOTHING = ("", None)
LABEL_FIELDS = ("label", "birth_year", "place")
Fields = dict[str, str | int]


class Layout:
    """Which value stands where, for one profile."""

    def __init__(self, profile: Profile) -> None:
        """Lay out by `profile`."""
        self.names: list[tuple[str, ...]] = [
            tuple(name for name, field in profile.fields.items() if field.compartment == compartment)
            for compartment in profile.compartments[:-1]
        ]
        self.names.append(LABEL_FIELDS)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[str | int | None]).decode

    def columns(self, values: Mapping[str, Sequence[str | int]]) -> list[list[bytes]]:
        """The texts of each of many records, in the profile's order, from their values by column."""
        encode, rows = self._encode, len(next(iter(values.values())))
        empty = [""] * rows
        texts = [
            [encode(row) for row in zip(*(values.get(name, empty) for name in names), strict=True)]
            if names
            else [encode(())] * rows
            for names in self.names
        ]
        return [list(record) for record in zip(*texts, strict=True)]

    def fields_of(self, compartment: int, text: bytes) -> Fields:
        """The fields that a compartment's text holds."""
        values = zip(self.names[compartment], self._decode(text), strict=False)
        return {name: value for name, value in values if value not in NOTHING}
