"""What "unchanged" means for a data set that went to the archive and back."""

import hashlib
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

from tests.corpus import CorpusFile
from tests.running import RunningArchive

DATA_SET_TRAILING_PADDING = 0xFFFCFFFC


def data_set_of(part10: bytes) -> bytes:
    """The data set's bytes of a PS3.10 file whose file meta information tells its length."""
    assert part10[128:136] == b"DICM\x02\x00\x00\x00", "no group length"
    length = int.from_bytes(part10[140:144], "little")
    return part10[144 + length :]


def consistent(file: CorpusFile, folder: Path) -> Path:
    """The file, or a copy of it whose file meta information names the instance that it holds.

    In seven files of the corpus the two differ, and such a file is refused as it is: whoever
    sends it, names another instance than the data set does.
    """
    dataset = file.read()
    meta = dataset.file_meta
    if meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID:
        return file.path
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = DicomBytesIO()
    out.write(bytes(128) + b"DICM")
    write_file_meta_info(out, meta)
    out.write(data_set_of(file.path.read_bytes()))
    copy = folder / file.name
    copy.write_bytes(out.getvalue())
    return copy


def digest_of(part10: bytes) -> str:
    """SHA-256 of the data set, as the trail has it."""
    return hashlib.sha256(data_set_of(part10)).hexdigest()


def read(part10: bytes) -> Dataset:
    return dcmread(BytesIO(part10))


def recorded_digests(archive: RunningArchive, sender: str) -> dict[str, str]:
    """SHA-256 of each data set as it was received from a sender, by SOP Instance UID."""
    records = archive.ask(
        "audit", "search", "--actor", sender, "--action", "instance:store", "--limit", "10000"
    )["records"]
    return {
        record["details"]["sop_instance_uid"]: record["details"]["sha256"]
        for record in records
        if record["outcome"] == "success" and "sha256" in record["details"]
    }


def content_of(dataset: Dataset) -> Dataset:
    """A data set without what a sender may choose when it encodes one.

    That is group lengths and trailing padding (retired or void, PS3.5 sections 7.2 and 7.7),
    and the VR of encapsulated pixel data: some files say OW, where PS3.5 section A.4 asks for
    OB, and DCMTK writes what the standard asks for.
    """
    for element in list(dataset):
        if element.tag.element == 0 or element.tag == DATA_SET_TRAILING_PADDING:
            del dataset[element.tag]
    if "PixelData" in dataset and dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset["PixelData"].VR = "OB"
    return dataset


def assert_same_content(name: str, sent: Dataset, returned: Dataset) -> None:
    """Equal transfer syntax, equal elements in equal order, equal values."""
    assert returned.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID, name
    assert content_of(returned) == content_of(sent), name
