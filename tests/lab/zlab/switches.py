# SPDX-License-Identifier: Apache-2.0
"""Named switches of a node, each with a default and one sentence: what habits and costs are made
of. They may be changed while the node runs; whoever reads one reads what is set now.
"""


class Switches:
    """Dict-like. `table`: [(name, default, sentence)]; a value has its default's type."""

    kind = "switch"

    def __init__(self, table, values=None):
        self.table = list(table)
        self._defaults = {name: default for name, default, _ in self.table}
        self._values = dict(self._defaults)
        self.set(values or {})

    def __getitem__(self, name):
        return self._values[name]

    def __contains__(self, name):
        return name in self._values

    def __iter__(self):
        return iter(self._values)

    def get(self, name, default=None):
        return self._values.get(name, default)

    def items(self):
        return self._values.items()

    def keys(self):
        return self._values.keys()

    def as_dict(self):
        return dict(self._values)

    def describe(self):
        return list(self.table)

    def set(self, values):
        """Sets all of them, or none and ValueError."""
        checked = {name: self._checked(name, value) for name, value in values.items()}
        self._values.update(checked)

    def _checked(self, name, value):
        if name not in self._defaults:
            raise ValueError("there is no %s '%s'; there are: %s"
                             % (self.kind, name, ", ".join(sorted(self._defaults))))
        default = self._defaults[name]
        if isinstance(default, bool):
            if not isinstance(value, bool):
                raise ValueError("%s %s: '%s' is neither true nor false"
                                 % (self.kind, name, value))
            return value
        if isinstance(default, str):
            return str(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ValueError("%s %s: '%s' is no number from 0 up" % (self.kind, name, value))
        return int(value) if isinstance(default, int) and value == int(value) else value
