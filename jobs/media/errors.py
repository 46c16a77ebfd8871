"""What can be wrong with a media file. The text of each error is a sentence for the person who chose the file."""

from __future__ import annotations


class MediaError(Exception):
    """A media file can't be used; `str(error)` says what is wrong and what to do."""


class NotMedia(MediaError):
    """The content is no media we know, or is too damaged to be opened."""


class UnsupportedFormat(MediaError):
    """The content was recognised, and is of a kind that is never opened: a playlist, a still picture, a document."""


class NoVideo(MediaError):
    """There is no moving picture in the file."""


class NoAudio(MediaError):
    """There is no sound in the file."""


class Undecodable(MediaError):
    """The file opens, but what it holds can't be decoded."""


class TooLong(MediaError):
    """More seconds than the limit."""


class TooLarge(MediaError):
    """More pixels, frames or memory than the limit."""


class MediaTimeout(MediaError):
    """The work did not end within its time."""


class MediaCrash(MediaError):
    """The process that did the work died or failed in a way nobody foresaw."""


class NoSpace(MediaError):
    """The result could not be written: the disk is full."""
