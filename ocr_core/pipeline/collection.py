"""What a library's warraq.toml says of its collections, for every run and every worker."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from ocr_core.config import CollectionSettings, RunSettings, problems_of
from ocr_core.errors import LibraryError
from ocr_core.library import Library


def collection_settings(library: Library, collection: str) -> CollectionSettings:
    """What is said of a collection, nothing perhaps.

    Raises:
        LibraryError: what is said of some collection does not work, or a part that nothing reads is there.
    """
    parts = (name for name, value in library.settings.items() if isinstance(value, dict))
    if unknown := [name for name in parts if name != "collections"]:
        raise LibraryError(
            f"warraq.toml has a part that nothing reads: [settings.{unknown[0]}].",
            remedy="What is set for a collection stands below [settings.collections.NAME].",
        )
    try:
        known = TypeAdapter(dict[str, CollectionSettings]).validate_python(
            library.settings.get("collections", {})
        )
    except ValidationError as error:
        raise LibraryError(
            f"warraq.toml says of collections what does not work: {problems_of(error)}.",
            remedy="Correct [settings.collections.NAME] there: script, arabic, english.",
        ) from None
    return known.get(collection, CollectionSettings())


def for_collection(settings: RunSettings) -> RunSettings:
    """A run's settings, with what the library says of its collection wherever nobody gave a value.

    Values count as given from then on, so that doing it again changes nothing.

    Raises:
        LibraryError: the library cannot be opened, or what it says does not work.
    """
    if not (settings.library / "warraq.toml").exists():  # there is no library yet
        return settings
    told = collection_settings(Library.open(settings.library), settings.collection)
    values = told.model_dump(exclude_none=True, exclude=settings.model_fields_set)
    return settings.model_copy(update=values)
