"""What an audit finds: plain data, for a shop and the app alike."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be.

    ``code`` is for programs. ``message`` is for people and goes on where the resource was named:
    what is wrong with it, and what to do.
    """

    code: str
    resource_type: str
    #: The public id of the resource.
    resource_id: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.resource_type}/{self.resource_id} {self.message}"
