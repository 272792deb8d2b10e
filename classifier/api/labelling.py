"""What the service labels with: a decoder, ears and a queue of its own, so that labels never keep a snippet waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from classifier.api.gate import Gate
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.errors import EarmarkError, InvalidModel, ModelNotFound, WeightsMissing
from classifier.labels import pictures, weights
from classifier.labels.answers.asking import Question, ask, choose
from classifier.labels.answers.lively import lively
from classifier.labels.extractors import DEFAULT
from classifier.labels.hearing import Ears
from classifier.labels.pieces import blocks
from classifier.labels.scoring.registry import Registry
from classifier.labels.tagging import tagged, tagged_series
from classifier.settings import Settings

TAGS, MOOD = "tags", "mood"


class Labelling:
    """Labels uploads of one process; safe to share between threads.

    Parameters
    ----------
    settings : Settings
        Those of the process.

    Attributes
    ----------
    gate : Gate
        Bounds the recordings that are worked on or waiting.
    registry : Registry
        The models that answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = Limits.for_labels(settings)
        self._decoder = Decoder(settings, settings.label_workers)
        self.gate = Gate(settings.label_workers, settings.label_queue, "recordings to be labelled")
        # What somebody uploads leaves nothing on the disk.
        self._ears = Ears(settings, self._decoder, self._limits, cached=False)
        self.registry = Registry(Path(settings.data_dir))

    def close(self) -> None:
        """End the decoder."""
        self._decoder.close()

    def hears(self) -> bool:
        """Return whether the weights of the tagging network are there, which all that ships with Earmark needs."""
        try:
            weights.manifest(DEFAULT, Path(self._settings.weights_dir))
        except (WeightsMissing, InvalidModel):
            return False
        return True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self.gate.admitted(), self.gate.cpu():
            yield

    def answer(self, task: str, content: bytes, question: Question, version: str | None = None) -> dict[str, Any]:
        """Return the answer to an upload, as JSON.

        Parameters
        ----------
        task : str
            ``tags``, ``genre``, ``mood``, or what else there is a model for.
        content : bytes
            The recording.
        question : Question
            How to answer.
        version : str or None
            Of the model; None: the one that is active.

        Raises
        ------
        Busy
            If too many wait.
        EarmarkError
            If the recording cannot be heard, or there is no such model, or its weights are missing.
        """
        with self._turn():
            if task == TAGS:
                return self._tags(content, question.every_s)
            return self._label(task, content, question, version)

    def _tags(self, content: bytes, every_s: float | None) -> dict[str, Any]:
        answer = {"task": TAGS, **tagged(self._ears.hear(content))}
        series = [] if every_s is None else list(tagged_series(self._ears.series(content), every_s))
        return {**answer, "series": series}

    def _label(self, task: str, content: bytes, question: Question, version: str | None) -> dict[str, Any]:
        try:
            chosen = choose(self.registry, task, version, Path(self._settings.weights_dir))
        except ModelNotFound:
            if task == MOOD and version is None:
                return lively(self._ears, content, question.every_s).to_dict()
            raise
        return ask(chosen, self._ears, content, question).to_dict()

    def beside(self, tasks: list[str], content: bytes) -> dict[str, Any]:
        """Return answers by task that accompany an identification; a task that fails says why, and harms nothing."""
        answers: dict[str, Any] = {}
        for task in tasks:
            try:
                answers[task] = self.answer(task, content, Question())
            except EarmarkError as error:
                answers[task] = {"task": task, "error": error.name, "detail": str(error)}
        return answers

    def picture(self, content: bytes, *, plain: bool) -> bytes:
        """Return a spectrogram of an upload as PNG; see :mod:`classifier.labels.pictures`."""
        with self._turn(), self._decoder.stream(content, self._limits, pictures.SAMPLE_RATE) as stream:
            return pictures.plain(stream) if plain else pictures.readable(blocks(stream, 2**20))
