"""Request and response models of experiments; see :mod:`classifier.api.schemas`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from classifier.api.job_schemas import JobError
from classifier.api.paging import Searched, both_ways
from classifier.api.schemas import Strict
from classifier.experiments.grid import PRESETS
from classifier.experiments.plan import DEFAULT_CONDITIONS
from classifier.results import METHODS, METHODS_HELP
from classifier.work.experiment import MAX_QUESTIONS

_SORTS = both_ways("created", "catalogue", "identified", "wrong")


class ExperimentQuery(Strict):
    """What to find out."""

    kind: Literal["validate", "sweep"] = Field(
        "validate", description="`validate`: how well a catalogue answers. `sweep`: how that depends on its parameters."
    )
    catalogue: str | None = Field(
        None, max_length=100, description="Catalogue to validate. Left out: the one in the settings."
    )
    cut: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Snippets to cut from the files for each condition, and to record with a simulated phone; a sweep "
        "cuts 40 if this is left out. Of a validation without it, the files are recordings, asked as a whole.",
    )
    conditions: str = Field(
        DEFAULT_CONDITIONS, max_length=500, description="How snippets are recorded, comma-separated."
    )
    length: float = Field(5.0, ge=1, le=60, description="Seconds in a snippet.")
    method: Literal[*METHODS] | None = Field(  # type: ignore[valid-type]
        None, description=f"How to decide ({METHODS_HELP}). Left out: as the catalogue says; with a preset, kl-mixture."
    )
    preset: Literal[*PRESETS] | None = Field(  # type: ignore[valid-type]
        None, description="Of a sweep: one of three grids."
    )
    grid: str = Field(
        "", max_length=1000, description="Of a sweep: values of parameters, `n_components=4,6;window_length=3,5`."
    )
    unknown: int = Field(8, ge=0, le=1000, description="Of a sweep: leave out every Nth file, as unknown; 0: none.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of places, rooms and noise.")


class ExperimentsQuery(Searched):
    """Which experiments to list, and in which order."""

    limit: int = Field(20, ge=1, le=100, description="Most experiments in the answer.")
    search: str | None = Field(
        None, max_length=200, description="Words, each of which occurs in kind, catalogue, names of files or options."
    )
    sort: Literal[*_SORTS] = Field(  # type: ignore[valid-type]
        "-created",
        description="What they are ordered by, `identified` and `wrong` being those of `headline`; with `-` the other "
        "way round. What has no such figure is before all.",
    )


class ResultsQuery(Strict):
    """How results are written."""

    format: Literal["json", "csv", "html", "cells"] = Field(
        description="`json`: the figures. `csv`: every answer, a line each. `html`: a report without scripts. `cells`: "
        "of a sweep, the figures of each combination as CSV."
    )


class Headline(BaseModel):
    """Figures of all questions together, of a sweep those of its best combination; shares are 0 to 1."""

    known: int | None = Field(None, description="Questions about tracks of the catalogue.")
    unknown: int | None = Field(None, description="Questions about others.")
    right: float | None = Field(None, description="Share of the known whose first match is the track.")
    identified: float | None = Field(None, description="Share of the known that are named, rightly.")
    wrong: float | None = Field(None, description="Share of the known that are named wrongly.")
    false_names: float | None = Field(None, description="Share of the others that are named.")


class ExperimentEntry(BaseModel):
    """An experiment without its results."""

    id: str = Field(description="Also that of the job that runs it.")
    kind: Literal["validate", "sweep"]
    created: str
    finished: str | None
    catalogue: str | None = Field(description="That was validated; a sweep makes its own.")
    files: list[str] = Field(description="Names of the recordings.")
    options: dict[str, Any] = Field(description="What was asked for.")
    status: Literal["running", "done", "failed"]
    error: JobError | None
    headline: Headline
    total: int | None = Field(description=f"Questions, {MAX_QUESTIONS:,} at most; null once the job is forgotten.")
    done: int | None = Field(description="Questions answered.")
    stage: str | None = Field(description="What is being done, for people.")


class Experiments(BaseModel):
    """A page of experiments."""

    experiments: list[ExperimentEntry]
    next: str | None = Field(description="`cursor` for further ones; null: these were the last.")


class ExperimentShare(BaseModel):
    """A share with an interval of 95 %; nulls where nothing was asked."""

    value: float | None
    low: float | None
    high: float | None


class ExperimentRow(BaseModel):
    """Figures of one condition."""

    condition: str = Field(description="`all`: all together.")
    known: int
    unknown: int
    right: ExperimentShare = Field(description="Of the known: the first match is the track.")
    identified: ExperimentShare = Field(description="Of the known: named, rightly.")
    wrong: ExperimentShare = Field(description="Of the known: named wrongly.")
    false_names: ExperimentShare = Field(description="Of the unknown: named.")
    offset_error_s: float | None = Field(description="Median distance of the place from the true one.")
    margin: float | None = Field(description="Median lead over the next recording: log10 E, or nats.")
    log10_e_right: float | None
    log10_e_other: float | None


class ExperimentBin(BaseModel):
    """Answers of about the same confidence."""

    share: float = Field(description="Of all answers.")
    queries: int = Field(description="Answers.")
    said: float = Field(description="Mean confidence.")
    found: float = Field(description="Share of right ones.")


class ExperimentSummary(BaseModel):
    """The figures of a catalogue."""

    rows: list[ExperimentRow] = Field(description="All together first, then by condition.")
    calibration_error: float | None = Field(description="Expected error of the confidence.")
    calibration: list[ExperimentBin]
    confused: list[tuple[str, str, int]] = Field(description="Track, what it was taken for, how often.")
    faults: list[tuple[str, str]] = Field(description="Files without an answer, and why.")


class ExperimentCell(BaseModel):
    """One combination of parameters."""

    values: dict[str, Any]
    summary: ExperimentSummary


class RefusedCell(BaseModel):
    """A combination that makes no catalogue."""

    values: dict[str, Any]
    refused: str


class Experiment(ExperimentEntry):
    """An experiment with its results, once it is done."""

    summary: ExperimentSummary | None = Field(None, description="Of a validation.")
    cells: list[ExperimentCell] = Field([], description="Of a sweep.")
    refused: list[RefusedCell] = Field([], description="Of a sweep.")
    choice: list[str] = Field([], description="Of a sweep: which combination is best, and what it is worth.")
    warning: str | None = Field(None, description="Of a sweep: how to read that.")
