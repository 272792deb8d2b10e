"""The tree of errors.

Each class carries a stable ``name`` (the API's problem type and the word that scripts match on), an HTTP
``status`` and one sentence on when it is raised. Messages name the offending value and the remedy, and
never a server path, a stack trace or a secret.

* EarmarkError
  + InvalidInput
    - InvalidParameter
    - InvalidConfig
    - FileMissing
    - InvalidModel
    - InvalidSignature
      x SignatureMismatch
    - AudioError
      x AudioEmpty, AudioUnreadable, AudioNoStream, AudioUnsupported
      x AudioTooLarge, AudioTooLong, DecodeLimit
      x SnippetTooShort, SnippetSilent
  + NotFound
    - TrackNotFound, CatalogueNotFound, TagNotFound, ListenNotFound, JobNotFound
    - TracklistNotFound, MonitorNotFound, ModelNotFound, KeyNotFound, WebhookNotFound, RecordingNotFound
    - ExperimentNotFound
  + Conflict
    - CatalogueExists, CatalogueOutdated, CatalogueBusy, CatalogueChanged, TrackBusy, MonitorBusy, DuplicateKey
    - IdempotencyMismatch, IdempotencyInProgress, PieceOutOfOrder
    - LastAdminKey, QuotaReached
  + Unavailable
    - StoreUnavailable, DecoderUnavailable, ClusterUnavailable, WeightsMissing, Busy
  + StoreFailed
    - StoreFull, StoreReadOnly, StoreCorrupt, SchemaTooNew
"""

from __future__ import annotations


class EarmarkError(Exception):
    """Root of every error that Earmark raises on purpose."""

    name = "internal_error"
    status = 500


class InvalidInput(EarmarkError):
    """The input cannot be used."""

    name = "invalid_input"
    status = 422


class InvalidParameter(InvalidInput):
    """A parameter is outside its bounds or of the wrong kind."""

    name = "invalid_parameter"


class InvalidConfig(InvalidInput):
    """A feature configuration or a setting is outside its bounds."""

    name = "invalid_config"


class FileMissing(InvalidInput):
    """A named file or folder does not exist or holds nothing to read."""

    name = "file_missing"


class InvalidModel(InvalidInput):
    """A file of a model or a pretrained network is damaged, is another than it should be, or is not of its format."""

    name = "invalid_model"


class InvalidSignature(InvalidInput):
    """A snippet's signature is damaged, too long, or holds numbers that no sound gives."""

    name = "invalid_signature"


class SignatureMismatch(InvalidSignature):
    """A signature was made for other features, another format or another network than are known here."""

    name = "signature_mismatch"


class AudioError(InvalidInput):
    """The bytes are not usable audio."""

    name = "audio_error"


class AudioEmpty(AudioError):
    """The file has no bytes."""

    name = "audio_empty"


class AudioUnreadable(AudioError):
    """The bytes are not a media file that Earmark reads, or are damaged."""

    name = "audio_unreadable"
    status = 415


class AudioNoStream(AudioError):
    """The media file holds no audio stream (a video without sound, a picture)."""

    name = "audio_no_stream"


class AudioUnsupported(AudioError):
    """Channel count or sampling rate is outside the limits."""

    name = "audio_unsupported"


class AudioTooLarge(AudioError):
    """The file, or what it decodes to, has more bytes than the limit."""

    name = "audio_too_large"
    status = 413


class AudioTooLong(AudioError):
    """The audio decodes to more seconds than the limit."""

    name = "audio_too_long"
    status = 413


class DecodeLimit(AudioError):
    """Decoding needed more time or memory than its limits, or the decoder crashed on the file."""

    name = "decode_limit"


class SnippetTooShort(AudioError):
    """The snippet has less sound than an identification needs."""

    name = "snippet_too_short"


class SnippetSilent(AudioError):
    """The snippet holds no sound above its quantisation noise."""

    name = "snippet_silent"


class NotFound(EarmarkError):
    """Nothing is stored under that name."""

    name = "not_found"
    status = 404


class TrackNotFound(NotFound):
    """No such track in the catalogue."""

    name = "track_not_found"


class CatalogueNotFound(NotFound):
    """No such catalogue in the store."""

    name = "catalogue_not_found"


class TagNotFound(NotFound):
    """No such tag in the store."""

    name = "tag_not_found"


class ListenNotFound(NotFound):
    """No recording of that id is being listened to."""

    name = "listen_not_found"


class JobNotFound(NotFound):
    """No such job in the store."""

    name = "job_not_found"


class ModelNotFound(NotFound):
    """No such model of labels, or none for this task."""

    name = "model_not_found"


class TracklistNotFound(NotFound):
    """No such tracklist in the store, or no such segment in it."""

    name = "tracklist_not_found"


class ExperimentNotFound(NotFound):
    """No such experiment in the store."""

    name = "experiment_not_found"


class MonitorNotFound(NotFound):
    """No listener has stored what it hears under that name."""

    name = "monitor_not_found"


class KeyNotFound(NotFound):
    """No such key in the store, or several that begin like this."""

    name = "key_not_found"


class RecordingNotFound(NotFound):
    """The recording of this tag was not kept, or is not kept any more."""

    name = "recording_not_found"


class WebhookNotFound(NotFound):
    """No such webhook in the store."""

    name = "webhook_not_found"


class Conflict(EarmarkError):
    """The request contradicts what is stored."""

    name = "conflict"
    status = 409


class CatalogueExists(Conflict):
    """A catalogue of that name exists with another configuration."""

    name = "catalogue_exists"


class CatalogueOutdated(Conflict):
    """The catalogue was enrolled by an earlier Earmark, whose models this one cannot compare."""

    name = "catalogue_outdated"


class CatalogueBusy(Conflict):
    """Somebody works on the catalogue at this moment."""

    name = "catalogue_busy"


class CatalogueChanged(Conflict):
    """The catalogue is not any more what was looked at."""

    name = "catalogue_changed"


class TrackBusy(Conflict):
    """Another process is writing this track."""

    name = "track_busy"


class MonitorBusy(Conflict):
    """A listener of that name runs already."""

    name = "monitor_busy"


class DuplicateKey(Conflict):
    """A document with this unique key is already stored."""

    name = "duplicate_key"


class IdempotencyMismatch(Conflict):
    """The Idempotency-Key was already used with another body or other parameters."""

    name = "idempotency_mismatch"
    status = 422


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is still being worked on."""

    name = "idempotency_in_progress"
    retry_after_s = 1


class PieceOutOfOrder(Conflict):
    """A piece of a recording came before another, or under the number of another."""

    name = "piece_out_of_order"


class LastAdminKey(Conflict):
    """Without this key nobody could administer the service over HTTP."""

    name = "last_admin_key"


class QuotaReached(Conflict):
    """As much is kept as may be."""

    name = "quota_reached"
    status = 403


class Unavailable(EarmarkError):
    """A part that Earmark needs does not answer; the same request may succeed later."""

    name = "unavailable"
    status = 503
    retry_after_s = 2


class StoreUnavailable(Unavailable):
    """The store does not answer."""

    name = "store_unavailable"


class DecoderUnavailable(Unavailable):
    """No decoder process could be started, or it was killed or could not work."""

    name = "decoder_unavailable"


class ClusterUnavailable(Unavailable):
    """The scheduler does not answer, or no machine is left that could search."""

    name = "cluster_unavailable"


class WeightsMissing(Unavailable):
    """The weights of a pretrained network are not on this machine; ``earmark models get`` fetches them."""

    name = "weights_missing"
    retry_after_s = 600


class Busy(Unavailable):
    """Too many requests are being worked on or waiting."""

    name = "busy"


class StoreFailed(EarmarkError):
    """The store answered, but could not do what was asked."""

    name = "store_failed"


class StoreFull(StoreFailed):
    """A disk that Earmark writes to is full; nothing was changed."""

    name = "store_full"
    status = 507


class StoreReadOnly(StoreFailed):
    """The store cannot be written to; nothing was changed."""

    name = "store_read_only"


class StoreCorrupt(StoreFailed):
    """Stored data contradicts itself; ``earmark doctor`` names the damage."""

    name = "store_corrupt"


class SchemaTooNew(StoreFailed):
    """A newer Earmark than this one wrote the store."""

    name = "schema_too_new"
