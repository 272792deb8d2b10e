"""Names of the interface that mean the same wherever they occur: what models say nothing of, they mean this.

Numbers carry their unit as an ending (``_s``, ``_hz``, ``_bytes``), or have none: shares and probabilities are 0 to 1,
divergences nats. Times are ISO 8601 in UTC, with milliseconds and ``Z``.
"""

from __future__ import annotations

from typing import Any

#: Fields and parameters by name; one of a single model as ``Model.name``.
WORDS: dict[str, str] = {
    # names of things
    "id": "Names it; ids are opaque text.",
    "tag_id": "Id of a tag.",
    "track_id": "Id of a track.",
    "listen_id": "Id of a listen.",
    "job_id": "Id of a job.",
    "key_id": "Id of a key.",
    "webhook_id": "Id of a webhook.",
    "tracklist_id": "Id of a tracklist.",
    "segment_id": "Id of a segment, within its tracklist.",
    "monitor_id": "Name of a monitor.",
    "upload_id": "Id of an upload, `deleteId` of the answer to it.",
    "catalogue": "Name of the catalogue.",
    "task": "What is named: `tags`, `genre`, `mood`, or a task that a model was trained for.",
    "version": "Version of a model of labels.",
    "number": "Number of the piece, from 0.",
    "window": "Number of a window of the track, from 0.",
    "name": "What people call it.",
    # of music
    "title": "Title of the track.",
    "artist": "Artist of the track; null if not known.",
    "album": "Album of the track; null if not known.",
    "isrc": "International Standard Recording Code of the track.",
    "source": "Name of the enrolled file without extension.",
    "duration_s": "How long it is.",
    "metadata": "Free text by name.",
    "label": "A name out of the model's list.",
    "group": "Of four: what kind of name it is.",
    "tag": "One of fifty names for how music sounds.",
    # when and where
    "created": "When it was made.",
    "finished": "When it ended; null while it goes on.",
    "merged": "When it was merged.",
    "expires": "When it is forgotten.",
    "start_s": "Where it begins.",
    "end_s": "Where it ends.",
    "length_s": "How long it is.",
    "shared_s": "How much of it both have.",
    "heard_s": "Seconds of sound so far.",
    "music_s": "Seconds of music.",
    # how things stand
    "status": "How far it is.",
    "kind": "Of which kind it is.",
    "verdict": "`identified`: `matches[0]` is it; `ambiguous`: several explain the snippet; `no_match`: none does.",
    "verdicts": "How many tags have each verdict.",
    "method": "How it was decided.",
    "error": "What went wrong; null if nothing did.",
    "total": "How much there is to do.",
    "done": "How much of it is done.",
    "ready": "Whether it can work at full speed.",
    # of a job
    "added": "Files that became tracks, or tracks that got labels.",
    "present": "Files whose recording was there already.",
    "failed": "Files that could not be used.",
    # of searching
    "searched": "How much of the catalogue was searched.",
    "windows": "Windows of about ten seconds that were compared.",
    "aligned_tracks": "Tracks whose fingerprints were aligned.",
    "n_windows": "Windows that the track is modelled in.",
    "agreement": "Agreement of the fingerprints' bits, -1 to 1; 0 is chance.",
    "stretches": "Which stretch of one is which of the other.",
    "alignment": "Agreement against lag; null if nothing was aligned.",
    "divergence": "Symmetric Kullback-Leibler divergence, nats.",
    # of labels
    "labels": "The labels.",
    "distribution": "Every label with its probability, the likeliest first.",
    "decision": "Whether what is named can be relied on.",
    "series": "The same for each stretch of the recording, if `every` was given.",
    "remarks": "What is peculiar about the recording: each a stable name, a colon and a sentence.",
    "arousal": "How lively the music is.",
    "experimental": "Whether it is not validated.",
    "extractors": "What computes the features.",
    "family": "Kind of classifier.",
    "view": "Features that it looks at.",
    "sha256": "SHA-256 of the model's arrays.",
    "text": "The same as a sentence.",
    # of catalogues
    "config": "Parameters of the catalogue, by name.",
    "config_hash": "Hash of the parameters: equal for equal ones.",
    "tracks": "How many tracks it has.",
    # pages of lists
    "tags": "The tags.",
    "devices": "The devices.",
    "tracklists": "The tracklists, without their segments.",
    "catalogues": "The catalogues.",
    "monitors": "The monitors.",
    "merges": "The merges.",
    "models": "The models.",
    "next": "Pass it as `cursor` for the following page; null on the last.",
    "keys": "The keys, without their secrets.",
    "webhooks": "The webhooks.",
    # of keys and webhooks
    "role": "What its holder may do: `tag`, or `admin` for everything.",
    "limits": "How much the caller may send, ask for and keep.",
    "events": "What it is told of.",
    "parameters": "The parameters.",
    # single ones
    "Coefficient.coefficient": "What one coefficient adds.",
    "CopyFailure.message": "The reason, for people.",
    "MapPoint.x": "Place on the map, across.",
    "MapPoint.y": "Place on the map, upwards.",
    "Parameter.choices": "What it may be, if only these.",
    "Parameter.default": "What it is if nothing is said.",
    "Webhook.url": "Where it is told.",
    "WebhookMade.url": "Where it is told.",
    "WebhookTested.delivered": "Whether it was taken.",
    "WebhookTested.seconds": "How long that took.",
    "Charts.divergence": "Divergence along the snippet; null if it was not computed.",
    "FieldProblem.field": "Name of the parameter.",
    "FieldProblem.message": "What is wrong with it.",
    "JobError.message": "The reason, for people.",
    "JobError.name": "Stable; one of those of problem documents.",
    "JobFile.bytes": "Size of the file.",
    "JobFile.name": "Name that the client gave the file.",
    "MergedTrack.track": "The track as it was.",
    "Pair.b": "The other track.",
    "Problem.detail": "What is wrong, and what helps, for people.",
    "Problem.status": "The HTTP status.",
    "Problem.title": "When problems of this name arise; the same for all of them.",
    "Tracks.tracks": "The tracks.",
    "UploadedFile.deleteId": "Names the upload.",
    "UploadedFile.deleteType": "How it is deleted.",
    "UploadedFile.deleteUrl": "Where it is deleted.",
    "UploadedFile.size": "Bytes.",
    "UploadedFile.thumbnailUrl": "As `url`.",
    "UploadedFile.type": "Always `audio`.",
    "UploadedFile.url": "Names the upload in a question.",
    "UploadedFiles.files": "The one that was sent.",
    "SegmentEdit.by_hand": "False undoes the correction.",
    # experiments
    "experiment_id": "Id of an experiment.",
    "experiments": "Newest first.",
    "headline": "The figures that count, in brief.",
    "known": "Questions about tracks of the catalogue.",
    "unknown": "Questions about others.",
    "log10_e_right": "Median log10 of the E-value of right answers.",
    "log10_e_other": "Median log10 of the least E-value for recordings that are not in the catalogue.",
    "calibration": "Confidence beside the share of right answers, by confidence.",
    "summary": "The figures of this combination.",
    "refused": "Why it cannot be.",
    "ExperimentShare.value": "The share; null without questions.",
    "ExperimentShare.low": "Lower end of its 95 % interval.",
    "ExperimentShare.high": "Upper end of its 95 % interval.",
    "ExperimentCell.values": "The parameters of this combination.",
    "RefusedCell.values": "The parameters of this combination.",
    # charts of a tag
    "Charts.along": "Divergence along the first match's track; null without a place.",
    "Charts.mixtures": "Mixtures of snippet and tracks, to be drawn; null where there are none.",
    "DrawnMixture.weights": "Of the components.",
    "AlikeWindow.weights": "Of the components.",
    "DrawnMixtures.window_s": "Length of a window.",
    "DrawnMixtures.snippet": "That of the snippet.",
}
#: Fields that hold a time.
TIMES = ("created", "finished", "merged", "expires", "last_used", "made", "at")
#: Endings of names of numbers, each a unit.
UNITS = ("_s", "_hz", "_db", "_bytes", "seconds", "_days", "nats")
#: Numbers that are no quantity with a unit: shares and probabilities, scores, ratios and divergences in nats.
DIMENSIONLESS = frozenset(
    (
        *("confidence", "agreement", "z", "log10_e_value", "speed", "pitch", "threshold"),
        *("p", "lift", "share", "value"),
        *("divergence", "divergence_variational", "unrelated", "average", "certainty"),
        *("percentile", "score", "probability"),
        *("high", "low", "proximity", "spread", "x", "y"),
        *("right", "identified", "wrong", "false_names", "said", "found", "calibration_error", "margin"),
        *("log10_e_right", "log10_e_other"),
    )
)


def complete(spec: dict[str, Any]) -> None:
    """Give properties and parameters of an OpenAPI document that lack words the glossary's, and times their format."""
    for model, schema in spec["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            words = WORDS.get(f"{model}.{name}", WORDS.get(name))
            if words is not None:
                field.setdefault("description", words)
            if name in TIMES:
                for choice in (field, *field.get("anyOf", ())):
                    if choice.get("type") == "string":
                        choice["format"] = "date-time"
    for operations in spec["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()) if isinstance(operation, dict) else ():
                if words := WORDS.get(parameter["name"]):
                    parameter.setdefault("description", words)
