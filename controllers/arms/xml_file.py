"""XML of model files, without what makes XML dangerous: URDF and MJCF need no document type."""

import xml.etree.ElementTree as ET  # nosec B405 # what `parse` refuses is what the warning is about
from contextlib import suppress
from pathlib import Path
from xml.parsers import expat  # nosec B407 # it finds the document type, before anything is expanded

from controllers.arms.values import ArmFileError


def parse(source: Path | str) -> ET.Element:
    """Return the root of a file, or of a text.

    Raises:
        ArmFileError: a document type, whose entities may expand without bound.
        ParseError: it is not XML.
    """
    data = source.read_bytes() if isinstance(source, Path) else source.encode()
    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = _refuse
    with suppress(expat.ExpatError):  # the parser below names the place
        reader.Parse(data, True)
    return ET.fromstring(data)  # nosec B314 # there is no document type


def _refuse(name: str, *_: object) -> None:
    raise ArmFileError(f"model: got the document type '{name}', expected URDF or MJCF without <!DOCTYPE>; remove it.")
