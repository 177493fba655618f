"""Modules by the names of fields."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping

from torch import nn

MARK = "field "  # before a name that torch would not take


class ByName(nn.ModuleDict):
    """As ``nn.ModuleDict``, whatever the names are: that one refuses dots, and what it has as an attribute.

    A name that it takes is the key of its weights, as ever; another is marked and its dots are written otherwise.

    >>> found = ByName({"a.b": nn.Linear(1, 1), "type": nn.Identity(), "plain": nn.Identity()})
    >>> list(found), "type" in found, [*found.state_dict()]
    (['a.b', 'type', 'plain'], True, ['field a%2Eb.weight', 'field a%2Eb.bias'])
    """

    def __init__(self, modules: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__()
        self._names: dict[str, str] = {}  # key → name
        self.update(modules or {})

    def _key(self, name: str) -> str:
        taken = hasattr(self, name) and name not in self._modules
        if name and "." not in name and not taken and not name.startswith(MARK):
            return name
        return MARK + name.replace("%", "%25").replace(".", "%2E")

    def __getitem__(self, name: str) -> nn.Module:
        return super().__getitem__(self._key(name))

    def __setitem__(self, name: str, module: nn.Module) -> None:
        key = self._key(name)
        self._names[key] = name
        super().__setitem__(key, module)

    def __delitem__(self, name: str) -> None:
        key = self._key(name)
        super().__delitem__(key)
        del self._names[key]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> KeysView[str]:
        return dict(self.items()).keys()

    def items(self) -> ItemsView[str, nn.Module]:
        return {self._names[key]: module for key, module in self._modules.items() if module is not None}.items()
