"""Errors of the HTTP layer; the rest of the tree is in ``classifier/errors.py``.

* EarmarkError
  + RequestRefused
    - HostNotAllowed, OriginNotAllowed
    - KeyMissing, KeyInvalid, KeyRole, KeysRequired
    - RateLimited
    - RequestTimeout, RequestTooLarge, MediaTypeUnsupported, EncodingUnsupported
    - MethodNotAllowed, PreconditionFailed
  + NotReady (an Unavailable)
"""

from __future__ import annotations

from classifier.errors import EarmarkError, Unavailable


class RequestRefused(EarmarkError):
    """The service cannot take this request as it is."""

    name = "bad_request"
    status = 400


class HostNotAllowed(RequestRefused):
    """The service does not answer to the host in the Host header."""

    name = "host_not_allowed"
    status = 421


class OriginNotAllowed(RequestRefused):
    """A page of another site tried to write."""

    name = "origin_not_allowed"
    status = 403


class KeysRequired(RequestRefused):
    """The request came from another machine, and no key has been created yet."""

    name = "keys_required"
    status = 403


class KeyMissing(RequestRefused):
    """The request needs a key, and none was sent."""

    name = "key_missing"
    status = 401


class KeyInvalid(RequestRefused):
    """The key is unknown or was revoked."""

    name = "key_invalid"
    status = 401


class KeyRole(RequestRefused):
    """The key's role does not cover this request."""

    name = "key_role"
    status = 403


class RateLimited(RequestRefused):
    """The caller has sent more requests than it may in this time."""

    name = "rate_limited"
    status = 429
    retry_after_s = 1


class RequestTimeout(RequestRefused):
    """The body arrived too slowly or not at all."""

    name = "request_timeout"
    status = 408


class RequestTooLarge(RequestRefused):
    """The body, or one of its form fields, is larger than the limit."""

    name = "request_too_large"
    status = 413


class MediaTypeUnsupported(RequestRefused):
    """The route does not read the request's Content-Type."""

    name = "media_type_unsupported"
    status = 415


class EncodingUnsupported(RequestRefused):
    """The body, or a part of it, is compressed or otherwise encoded."""

    name = "encoding_unsupported"
    status = 415


class MethodNotAllowed(RequestRefused):
    """The route exists, but not for this method."""

    name = "method_not_allowed"
    status = 405


class PreconditionFailed(RequestRefused):
    """What is to be changed is not any more what ``If-Match`` names."""

    name = "precondition_failed"
    status = 412


class NotReady(Unavailable):
    """The service has started, but the store, the index or the decoder is not warm yet."""

    name = "not_ready"
