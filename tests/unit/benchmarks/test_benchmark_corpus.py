"""The objects that the benchmarks store."""

from io import BytesIO
from itertools import islice

import pydicom
import pytest

from benchmarks import corpus
from benchmarks.corpus import FRAME_BYTES, KINDS, SOP_CLASSES

QUICK_KINDS = ("ct", "small", "tiny")


def read(instance):
    return pydicom.dcmread(BytesIO(instance.part10()))


@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_an_object_reads_back_as_what_it_says_it_is(kind):
    instance = next(KINDS[kind](101, 5, 1))
    dataset = read(instance)

    assert dataset.SOPClassUID == instance.sop_class_uid == SOP_CLASSES[kind]
    assert dataset.SOPInstanceUID == instance.sop_instance_uid
    assert dataset.SeriesInstanceUID == instance.series_instance_uid
    assert dataset.StudyInstanceUID == instance.study_instance_uid
    assert dataset.PatientID == instance.patient_id
    assert dataset.AccessionNumber == instance.accession_number
    assert dataset.pixel_array.shape == (dataset.Rows, dataset.Columns)
    assert [element.tag for element in dataset] == sorted(element.tag for element in dataset)


@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_every_value_keeps_to_its_vr(kind, monkeypatch):
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)

    for element in read(next(KINDS[kind](101, 12_345, 1))).iterall():
        assert element.value is not None


@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_the_corpus_is_the_same_in_every_run(kind):
    assert list(KINDS[kind](101, 0, 20)) == list(KINDS[kind](101, 0, 20))


@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_no_two_objects_have_one_uid_within_a_batch_or_across(kind):
    made = [*KINDS[kind](101, 0, 40), *KINDS[kind](102, 0, 40)]

    assert len({one.sop_instance_uid for one in made}) == len(made)


def test_tiny_objects_are_a_study_each_and_two_studies_a_patient():
    made = list(corpus.tiny(0, 100, 10))

    assert len({one.study_instance_uid for one in made}) == 10
    assert len({one.patient_id for one in made}) == 5


def test_ct_are_one_series_of_half_a_megabyte_each():
    made = list(corpus.ct(101, 0, 10))

    assert len({one.series_instance_uid for one in made}) == 1
    assert {len(one.pieces[1]) for one in made} == {FRAME_BYTES}


def test_small_objects_are_small():
    assert all(7_000 < len(one.part10()) < 31_000 for one in islice(corpus.small(101, 0, 40), 40))
