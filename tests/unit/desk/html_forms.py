"""The forms of a page with their controls, as a browser reads them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, TypeAlias

Attributes: TypeAlias = dict[str, str | None]
#: What a person types where the desk reads more than text.
_TYPED: Final[Mapping[str, str]] = {"amount": "1.00", "findings": "freeze_seen = yes"}
_INSTANT: Final = "2026-01-05T09:30"


@dataclass
class Control:
    name: str
    kind: str  #: The type of an `input`, or else the tag.
    in_sight: bool  #: No `details` around it is closed.
    value: str = ""
    checked: bool = False
    choices: list[str] = field(default_factory=list)

    def filled(self) -> str:
        """What a person could have chosen or typed: nothing that is there from the start."""
        match self.kind:
            case "select":
                return self.choices[-1]
            case "checkbox":
                return self.value
            case "datetime-local":
                return _INSTANT
            case _:
                return _TYPED.get(self.name, f"typed {self.name}")

    @property
    def holds(self) -> str:
        """What is sent of it; nothing where it is not ticked."""
        return self.value if self.kind != "checkbox" or self.checked else ""


@dataclass
class Form:
    action: str
    more_actions: list[str] = field(default_factory=list)  #: Of single buttons.
    hidden: dict[str, str] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.action, *(control.name for control in self.controls))

    @property
    def values(self) -> dict[str, str]:
        return {control.name: control.holds for control in self.controls}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._details: list[bool] = []
        self._text: Control | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "details":
            self._details.append("open" in found)
        elif tag == "form":
            self._form = Form(found.get("action") or "")
            if found.get("method") == "post":
                self.forms.append(self._form)
        elif self._form is not None:
            self._in_form(self._form, tag, found)

    def _in_form(self, form: Form, tag: str, found: Attributes) -> None:
        name, kind = found.get("name") or "", found.get("type") or tag
        if kind == "hidden":
            form.hidden[name] = found.get("value") or ""
        elif tag in {"input", "select", "textarea"}:
            control = Control(name, kind, all(self._details), found.get("value") or "")
            control.checked = "checked" in found
            self._text = control if tag == "textarea" else None
            form.controls.append(control)
        elif tag == "option":
            self._option(form.controls[-1], found)
        elif tag == "button" and found.get("formaction"):
            form.more_actions.append(found["formaction"] or "")

    @staticmethod
    def _option(select: Control, found: Attributes) -> None:
        value = found.get("value")
        assert value is not None, f"an option of {select.name} has no value"
        select.choices.append(value)
        if "selected" in found or len(select.choices) == 1:
            select.value = value

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.value += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None
        elif tag == "details":
            self._details.pop()
        elif tag == "form":
            self._form = None


def forms_in(raw: str) -> Iterator[Form]:
    """Those that are posted, in their order."""
    reader = _Reader()
    reader.feed(raw)
    yield from reader.forms
