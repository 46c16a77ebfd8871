"""Frames out of an open file: decoded with whatever damage left out, and passed through FFmpeg's filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, overload

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jobs.media.formats import DECODER_OPTIONS

Frame = TypeVar("Frame", VideoFrame, AudioFrame)


@overload
def decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]: ...
@overload
def decode(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]: ...
def decode(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[Any]:
    """The frames that can be decoded, in presentation order."""
    stream.codec_context.options = dict(DECODER_OPTIONS)
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except FFmpegError:  # a damaged packet; the next may be whole
            continue


def filtered(frames: Iterable[Frame], filters: Iterable[str]) -> Iterator[Frame]:
    """Pass frames through a chain of filters, each written as on FFmpeg's command line ("scale=640:360").

    Takes no more frames than the filters ask for: a `trim` that has its length ends the work.
    """
    graph: Graph | None = None
    for frame in frames:
        if graph is None:
            graph = _graph(frame, filters)
        try:
            graph.push(frame)
        except NothingMore:
            break
        yield from _ready(graph)
    else:
        if graph is not None:
            graph.push(None)
    if graph is not None:
        yield from _ready(graph)


def _graph(first: VideoFrame | AudioFrame, filters: Iterable[str]) -> Graph:
    graph = Graph()
    if isinstance(first, VideoFrame):
        nodes = [
            graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=first.time_base)
        ]
    else:
        nodes = [
            graph.add_abuffer(
                sample_rate=first.sample_rate, format=first.format, layout=first.layout, time_base=first.time_base
            )
        ]
    nodes += [graph.add(*written.split("=", 1)) for written in filters]
    nodes.append(graph.add("buffersink" if isinstance(first, VideoFrame) else "abuffersink"))
    graph.link_nodes(*nodes).configure()
    return graph


def _ready(graph: Graph) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (NothingYet, NothingMore):
            return
