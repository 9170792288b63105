"""Four studies that differ in what people search by, and which of them each search finds."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence as ItemSequence

from tests.builders import Built, code, instance
from tests.interop.archive.peers import Peer
from tests.interop.archive.searches import add

CT, MR, US = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.6.1",
)
_ROOT = "1.2.826.0.1.3680043.8.498.77"


def study_uid(label: str) -> str:
    return f"{_ROOT}.{ord(label)}"


def series_uid(label: str, number: int = 1) -> str:
    return f"{study_uid(label)}.{number}"


def _study(label: str, sop_class: str, modality: str, **attributes: object) -> Built:
    return instance(
        sop_class,
        modality,
        study_instance_uid=study_uid(label),
        series_instance_uid=series_uid(label),
        sop_instance_uid=f"{series_uid(label)}.1",
        patient_id=f"MATCH-{label}",
        StudyID=label,
        **attributes,  # type: ignore[arg-type]  # keywords of all kinds
    )


def _request(procedure: str) -> ItemSequence:
    item = Dataset()
    item.RequestedProcedureID = procedure
    item.ScheduledProcedureStepID = f"S-{procedure}"
    return ItemSequence([item])


def instances() -> list[Built]:
    """A: two series; B, C and D: one instance each."""
    first = _study(
        "A", CT, "CT", patient_name="Müller^Jürgen", charset="ISO_IR 100",
        study_date="20240105", StudyTime="081500", AccessionNumber="ACC-1",
        StudyDescription="Thorax mit KM", RequestAttributesSequence=_request("RP7"),
        ProcedureCodeSequence=ItemSequence([code("24627-2", "LN", "CT Chest")]),
    )  # fmt: skip
    second_series = _study(
        "A", MR, "MR", patient_name="Müller^Jürgen", charset="ISO_IR 100",
        study_date="20240105", StudyTime="081500", AccessionNumber="ACC-1",
        StudyDescription="Thorax mit KM", SeriesNumber=2,
        ProcedureCodeSequence=ItemSequence([code("24627-2", "LN", "CT Chest")]),
    )  # fmt: skip
    second_series.dataset.SeriesInstanceUID = series_uid("A", 2)
    second_series.dataset.SOPInstanceUID = f"{series_uid('A', 2)}.1"
    return [
        first,
        second_series,
        _study(
            "B", CT, "CT", patient_name="Muller^Anna", study_date="20240301",
            StudyTime="235959.999", AccessionNumber="ACC-2",
            ProcedureCodeSequence=ItemSequence([code("36643-5", "LN", "XR Chest 2 views")]),
        ),
        _study(
            "C", MR, "MR", patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう",
            charset=["", "ISO 2022 IR 87"], study_date="20241231", StudyTime="000000",
            AccessionNumber="ACC-3",
        ),
        _study(
            "D", US, "US", patient_name="O'Neill^Seán", charset="ISO_IR 192",
            study_date="20230630", StudyTime="120000", AccessionNumber="100%_D",
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class LongSeries:
    """A series of many instances, each with long texts, and who may search for them."""

    peer: Peer
    study_instance_uid: str
    series_instance_uid: str
    length = 600

    @property
    def keys(self) -> dict[str, str]:
        """Finds all of it, with all of its texts."""
        return {
            "QueryRetrieveLevel": "IMAGE",
            "StudyInstanceUID": self.study_instance_uid,
            "SeriesInstanceUID": self.series_instance_uid,
            "SOPInstanceUID": "",
            "PatientComments": "",
            "AdditionalPatientHistory": "",
        }


@dataclass(frozen=True)
class Case:
    """A search for studies by keys, `Sequence.Attribute` within sequences; what it finds."""

    name: str
    keys: Mapping[str, str]
    found: str

    def identifier(self) -> Dataset:
        """The identifier of a C-FIND request."""
        query = Dataset()
        query.SpecificCharacterSet = "ISO_IR 192"
        query.QueryRetrieveLevel = "STUDY"
        add(query, "StudyID", "")
        for path, value in self.keys.items():
            outer, _, inner = path.partition(".")
            if not inner:
                add(query, outer, value)
                continue
            item = Dataset()
            add(item, inner, value)
            tag = tag_for_keyword(outer)
            assert tag is not None
            query[tag] = DataElement(tag, "SQ", ItemSequence([item]))
        return query


CASES = (
    Case("universal", {"PatientID": ""}, "ABCD"),
    Case("single value", {"PatientID": "MATCH-B"}, "B"),
    Case("single value of nobody", {"PatientID": "MATCH-X"}, ""),
    Case("two keys together", {"PatientName": "M*", "AccessionNumber": "ACC-2"}, "B"),
    Case("wildcard for many", {"PatientName": "*ller^*"}, "AB"),
    Case("wildcard for one", {"AccessionNumber": "ACC-?"}, "ABC"),
    Case("characters that SQL takes for wildcards", {"AccessionNumber": "100%_?"}, "D"),
    Case("name without regard to case", {"PatientName": "mULLER^aNNA"}, "B"),
    Case("name without regard to accents", {"PatientName": "muller*"}, "AB"),
    Case("name with its accents", {"PatientName": "Müller^Jürgen"}, "A"),
    Case("ideographic name", {"PatientName": "山田*"}, "C"),
    Case("phonetic name", {"PatientName": "やまだ^たろう"}, "C"),
    Case("apostrophe", {"PatientName": "O'Neill*"}, "D"),
    Case("dates between", {"StudyDate": "20240101-20240331"}, "AB"),
    Case("dates until", {"StudyDate": "-20240105"}, "AD"),
    Case("dates from", {"StudyDate": "20240301-"}, "BC"),
    Case("times between", {"StudyTime": "0800-1200"}, "AD"),
    Case("times of a minute", {"StudyTime": "2359-235959.999999"}, "B"),
    Case("UID list", {"StudyInstanceUID": f"{study_uid('A')}\\{study_uid('C')}"}, "AC"),
    Case("modalities of a study", {"ModalitiesInStudy": "MR"}, "AC"),
    Case("code within a sequence", {"ProcedureCodeSequence.CodeValue": "24627-2"}, "A"),
    Case("wildcard within a sequence", {"ProcedureCodeSequence.CodeMeaning": "*Chest*"}, "AB"),
)
