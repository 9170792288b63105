"""Every file that pydicom ships and that is right is read, and read as pydicom reads it."""

import warnings

import pytest
from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.filebase import DicomBytesIO
from pydicom.multival import MultiValue

from raykeep.dicom.frames import FragmentTable
from raykeep.dicom.head import Head
from raykeep.dicom.scan import InstanceScanner
from raykeep.domain.attributes import ATTRIBUTES
from raykeep.domain.errors import InstanceRefused, MalformedDataSet
from tests.unit.dicom.corpus import REFUSED, Sample, good, samples

STORED = [a for a in ATTRIBUTES if not a.derived and not a.items]


def scanned(sample: Sample, size: int | None = None) -> InstanceScanner:
    scanner = InstanceScanner(sample.transfer_syntax_uid)
    whole = memoryview(sample.data_set)
    step = size or max(len(whole), 1)
    for start in range(0, len(whole), step):
        scanner.feed(bytearray(whole[start : start + step]))
    scanner.finish()
    return scanner


def head_or_refusal(scanner: InstanceScanner) -> Head | str:
    """Many of the files are no instances: they have no study, or no UID at all."""
    try:
        return scanner.head
    except InstanceRefused as refusal:
        return refusal.finding


def text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | MultiValue):
        return "\\".join(text_of(one) for one in value)
    return str(value)


def test_the_corpus_is_there() -> None:
    assert len(good()) > 240
    assert samples().keys() >= REFUSED.keys()


@pytest.mark.parametrize("name", good())
def test_values_are_those_that_pydicom_reads(name: str) -> None:
    sample = samples()[name]
    head = head_or_refusal(scanned(sample))
    if isinstance(head, str):
        assert "missing" in head or "no UID" in head
        return
    dataset, values = sample.parsed, head.attributes.values

    assert values.keys() == {a.tag for a in STORED if a.tag in dataset}
    for attribute in STORED:
        if attribute.tag not in dataset:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = text_of(dataset[attribute.tag].value)
        if attribute.vr == "DA":
            expected = expected.replace(".", "")  # the form of ACR-NEMA is brought up to date
        if attribute.vr == "PN":
            expected = expected.rstrip("=")
            assert values[attribute.tag].rstrip("=") == expected
            continue
        assert values[attribute.tag] == expected.strip(" \0"), attribute.keyword


@pytest.mark.parametrize("name", good())
def test_cuts_change_nothing(name: str) -> None:
    sample = samples()[name]
    whole = scanned(sample)
    sizes = (1, 7) if len(sample.data_set) < 20_000 else (997,)
    for size in (*sizes, 4096, 8190):
        pieces = scanned(sample, size)

        assert head_or_refusal(pieces) == head_or_refusal(whole)
        assert pieces.fragments == whole.fragments
        assert pieces.length == whole.length == len(sample.data_set)


@pytest.mark.parametrize("name", good())
def test_header_and_bulk_together_are_what_was_sent(name: str) -> None:
    sample = samples()[name]
    head = head_or_refusal(scanned(sample))
    if isinstance(head, str) or "1.99" in sample.transfer_syntax_uid:
        return
    rebuilt, kept = bytearray(), memoryview(head.raw)
    for value in head.bulk:
        step = value.offset - len(rebuilt)
        rebuilt += kept[:step]
        kept = kept[step:]
        rebuilt += sample.data_set[value.offset : value.offset + value.length]
    rebuilt += kept

    assert sample.data_set.startswith(rebuilt)
    if head.pixel_data is None:
        assert len(rebuilt) == len(sample.data_set)
    else:
        assert head.pixel_data.offset - len(rebuilt) in {8, 12}


@pytest.mark.parametrize("name", good())
def test_pixels_and_fragments_lie_where_pydicom_finds_them(name: str) -> None:
    sample = samples()[name]
    scanner = scanned(sample)
    head, dataset = head_or_refusal(scanner), sample.parsed
    if isinstance(head, str) or "1.99" in sample.transfer_syntax_uid:
        return
    assert (head.pixel_data is not None) == ("PixelData" in dataset)
    if head.pixel_data is None:
        return
    value, place = dataset.PixelData, head.pixel_data
    if place.length is not None:
        assert value == sample.data_set[place.offset : place.offset + place.length]
        assert scanner.fragments == b""
        return
    assert sample.data_set[place.offset :].startswith(value)
    stream = DicomBytesIO(value)
    stream.is_little_endian = True
    parse_basic_offsets(stream)
    start = stream.tell()
    count, offsets = parse_fragments(stream)
    table = FragmentTable.unpack(scanner.fragments)

    assert len(table) == count
    for fragment, offset in zip(table.fragments(), offsets, strict=True):
        assert fragment.start == place.offset + offset + 8
    assert start <= offsets[0]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_wrong_is_refused(name: str) -> None:
    with pytest.raises(MalformedDataSet, match=REFUSED[name]):
        scanned(samples()[name])
