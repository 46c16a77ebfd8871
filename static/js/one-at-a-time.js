// Of all the players on a page one plays: the one that was started last.

document.addEventListener(
  "play",
  (event) => {
    for (const other of document.querySelectorAll("video, audio")) if (other !== event.target) other.pause();
  },
  true, // media events don't bubble
);
