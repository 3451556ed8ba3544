"""FHIR: resources in JSON, one a line or in Bundles; every element that names a person is dropped.

Of a Patient (and Person, RelatedPerson, Practitioner) its name, telecom, address, photo, contact and communication; of
any resource its narrative (`text`), the display of references to people, and signatures. `identifier.value` becomes a
pseudonym unless it is a study code. Ids of patients that are no study code become pseudonyms, and the references with
them. All other texts are searched like any free text. Source: the resource definitions of FHIR R4 (hl7.org/fhir/R4).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chartline.core.identifiers import Kind, is_study_code
from chartline.deidentify.key import Key
from chartline.deidentify.model import Action, Decision, Done, Options
from chartline.deidentify.scrub import Scrubber
from chartline.errors import SourceError
from chartline.sources.fhir_json import DECODE, json_documents
from chartline.sources.folder import SourceFile

_PEOPLE = ("Patient", "Person", "RelatedPerson", "Practitioner")
_DROPPED = {
    "name": Kind.NAME, "telecom": Kind.TELEPHONE, "address": Kind.ADDRESS, "photo": Kind.PICTURE,
    "contact": Kind.NAME, "maidenName": Kind.NAME, "qualification": Kind.STAFF,
}  # fmt: skip
_REFERENCES = ("subject", "patient", "individual")
_PERSON = ("Practitioner/", "Patient/", "RelatedPerson/", "Person/", "PractitionerRole/")
_CODED = ("system", "code", "url", "reference", "resourceType", "id", "status", "unit", "fullUrl", "profile", "version")
_NARRATIVE = "text"
_DEEP = "is nested too deeply"
Resource = dict[str, Any]


class Fhir:
    """One file of resources."""

    def __init__(self, file: SourceFile) -> None:
        """Read the resources. Raises SourceError where the file is not JSON, or larger than is read."""
        self.name, self._file = file.name, file
        self._by_line, documents = json_documents(file, DECODE)
        self._roots = list(documents)
        try:
            for _, root in self._roots:
                json.dumps(root, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise self._refused("holds half of a character (a lone surrogate)") from None
        except RecursionError:
            raise self._refused(_DEEP) from None

    @property
    def is_fhir(self) -> bool:
        """Whether the file holds resources at all."""
        return all(_is_resource(root) for _, root in self._roots)

    def resources(self) -> Iterator[tuple[int, Resource]]:
        """Yield each resource with its line (or its number in the Bundle)."""
        for n, root in self._roots:
            if root["resourceType"] != "Bundle":
                yield n, root
                continue
            for i, entry in enumerate(self._entries(root), 1):
                if "resource" in entry:
                    yield i, entry["resource"]

    def write(self, to: Path, scrub: Callable[[Any, Resource, int], Any]) -> None:
        """Write the copy, every resource scrubbed. Raises SourceError for what is nested too deeply."""
        out = []
        try:
            for n, root in self._roots:
                out.append(self._bundle(root, n, scrub) if root["resourceType"] == "Bundle" else scrub(root, root, n))
            indent = None if self._by_line else 1
            text = "\n".join(json.dumps(r, ensure_ascii=False, indent=indent) for r in out)
            to.write_text(text + "\n", encoding="utf-8")
        except RecursionError:
            raise self._refused(_DEEP) from None

    def _bundle(self, root: Resource, n: int, scrub: Callable[[Any, Resource, int], Any]) -> Resource:
        entries = []
        for i, entry in enumerate(self._entries(root), 1):
            of = entry.get("resource", {})
            entries.append({k: scrub(v, of, i) for k, v in entry.items()})
        rest = {k: scrub(v, {}, n) for k, v in root.items() if k not in ("entry", "resourceType")}
        return {"resourceType": "Bundle", **rest, "entry": entries}

    def _entries(self, root: Resource) -> list[Resource]:
        entries = root.get("entry", [])
        if not isinstance(entries, list):
            raise self._refused("is a Bundle whose entry is not a list")
        for i, entry in enumerate(entries, 1):
            if not isinstance(entry, dict) or not _is_resource(entry.get("resource", {"resourceType": ""})):
                raise self._refused(f"is a Bundle whose entry {i} holds no FHIR resource")
        return entries

    def _refused(self, what: str) -> SourceError:
        return SourceError(
            f"{self.name} {what}", where=str(self._file.path), expected="FHIR resources", do="export the file again"
        )


def _is_resource(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("resourceType"), str)


class FhirScrubber:
    """Scrubs resources, with one decision for each element that is dropped or replaced in the folder."""

    def __init__(self, scrubber: Scrubber, key: Key, options: Options, done: Done, files: list[Fhir]) -> None:
        self._scrubber, self._options, self._done = scrubber, options, done
        everyone = [(f.name, r) for f in files for _, r in f.resources()]
        patients = [r for _, r in everyone if r["resourceType"] == "Patient"]
        self._ids = {str(r["id"]) for r in patients if "id" in r}
        self._hidden = set() if is_study_code(sorted(self._ids)) else self._ids
        self._decisions: dict[tuple[str, str], Decision] = {}
        for file, r in everyone:
            self._know(file, r)
        done.patients += len(self._ids)

    # What is known ----------------------------------------------------------------------------------------------

    def _know(self, file: str, r: Resource) -> None:
        if r["resourceType"] not in _PEOPLE:
            return
        for name in _objects(r.get("name")):
            given = name.get("given") or []
            whole = " ".join(
                str(w) for w in (*(given if isinstance(given, list) else [given]), name.get("family")) if w
            )
            for word in (whole, str(name.get("text") or "")):
                self._scrubber.know(Decision(file, "", "name", Kind.NAME, Action.DROP, ""), word)
        for telecom in _objects(r.get("telecom")):
            dropped = Decision(file, "", "telecom", Kind.TELEPHONE, Action.DROP, "")
            self._scrubber.know(dropped, str(telecom.get("value", "")))
        numbers = [str(i.get("value", "")) for i in _objects(r.get("identifier"))]
        for number in numbers:
            if not is_study_code([number]):
                self._scrubber.know(Decision(file, "", "identifier", Kind.HOSPITAL, Action.PSEUDONYM, ""), number)
        if r["resourceType"] == "Patient":
            self._scrubber.link([str(r.get("id", "")), *numbers])
            if str(r.get("id", "")) in self._hidden:
                self._scrubber.know(Decision(file, "", "id", Kind.SUBJECT, Action.PSEUDONYM, ""), str(r["id"]))

    # What is done -----------------------------------------------------------------------------------------------

    def resource(self, file: str) -> Callable[[Any, Resource, int], Any]:
        """Return the function that scrubs the resources of one file."""

        def scrub(node: Any, resource: Resource, line: int) -> Any:
            kind = str(resource.get("resourceType", ""))
            patient = self._patient_of(resource)
            return self._node(node, (), kind, patient, (file, kind, line))

        return scrub

    def _patient_of(self, r: Resource) -> str | None:
        if r.get("resourceType") == "Patient":
            return str(r.get("id", ""))
        for name in _REFERENCES:
            reference = (r.get(name) or {}).get("reference") if isinstance(r.get(name), dict) else None
            if reference and "Patient/" in reference:
                return str(reference).rpartition("Patient/")[2].split("/")[0]
        return None

    def _node(self, node: Any, path: tuple[str, ...], kind: str, patient: str | None, at: tuple[str, str, int]) -> Any:
        if isinstance(node, dict):
            out = {}
            for name, value in node.items():
                dropped = self._dropped(name, value, node, path, kind)
                if dropped is not None:
                    self._count(at, ".".join((*path, name)), dropped, Action.DROP)
                else:
                    out[name] = self._node(value, (*path, name), kind, patient, at)
            return out
        if isinstance(node, list):
            return [self._node(v, path, kind, patient, at) for v in node]
        return self._leaf(node, path, kind, patient, at) if isinstance(node, str) else node

    def _dropped(self, name: str, value: Any, node: Resource, path: tuple[str, ...], kind: str) -> Kind | None:
        """The kind of an element that is left out, None where it stays."""
        if not path and kind in _PEOPLE and name in _DROPPED:
            return _DROPPED[name]
        if name == _NARRATIVE and isinstance(value, dict) and "div" in value:
            return Kind.NAME
        if name == "display" and str(node.get("reference", "")).startswith(_PERSON):
            return Kind.NAME
        if name in ("who", "author", "recorder", "asserter") and isinstance(value, dict) and "display" in value:
            return Kind.STAFF if "reference" not in value else None
        return Kind.PICTURE if name == "signature" else None

    def _leaf(self, text: str, path: tuple[str, ...], kind: str, patient: str | None, at: tuple[str, str, int]) -> str:
        name = path[-1] if path else ""
        if name == "reference" or (path == ("id",) and kind == "Patient"):
            head, _, number = text.rpartition("/")
            if number in self._hidden:
                self._count(at, ".".join(path), Kind.SUBJECT, Action.PSEUDONYM)
                return f"{head}/{self._scrubber.pseudonym(number)}" if head else self._scrubber.pseudonym(number)
            return text
        if len(path) >= 2 and path[-2:] == ("identifier", "value") and not is_study_code([text]):
            self._count(at, ".".join(path), Kind.HOSPITAL, Action.PSEUDONYM)
            return self._scrubber.pseudonym(text)
        if name in _CODED or not path:
            return self._scrubber.code(text)
        element = ".".join(path)
        if path[-2:] in (("coding", "display"), ("code", "text")):
            return self._scrubber.text(text, (at[0], kind, element, ""), told=False)
        if text.isdigit():  # a quantity of FHIR is a number, so a text of digits is none
            return self._scrubber.text(text, (at[0], kind, element, f"line {at[2]}!{element}"))
        cell = self._scrubber.cell(text, None, patient, (at[0], kind, element, f"line {at[2]}!{element}"))
        return str(cell)

    def _count(self, at: tuple[str, str, int], element: str, kind: Kind, action: Action) -> None:
        key = (at[0], f"{at[1]}.{element}")
        if key not in self._decisions:
            self._decisions[key] = Decision(
                at[0], at[1], element, kind, action, "an element of FHIR R4 that names a person"
            )
            self._done.decisions.append(self._decisions[key])
        self._decisions[key].cells += 1


def _objects(node: Any) -> list[Resource]:
    """The objects of an element that should be a list of them, whatever it is."""
    return [n for n in node if isinstance(n, dict)] if isinstance(node, list) else []
