"use strict";

// One plays at a time, its place is shown in its picture, and a press on the picture plays from there.
for (const figure of document.querySelectorAll("figure")) {
  const player = figure.querySelector("audio, video");
  const picture = figure.querySelector(".picture");
  const playhead = figure.querySelector(".playhead");

  const draw = () => {
    playhead.hidden = !player.currentTime;
    playhead.style.left = `${(100 * player.currentTime) / player.duration}%`;
    if (!player.paused) requestAnimationFrame(draw);
  };
  player.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio, video")) if (other !== player) other.pause();
    draw();
  });
  player.addEventListener("seeked", draw);

  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const start = () => {
      player.currentTime = share * player.duration;
      player.play();
    };
    if (player.readyState) start();
    else {
      player.addEventListener("loadedmetadata", start, { once: true });
      player.load();
      player.preload = "auto";
    }
  });
}

const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  const articles = [...document.querySelectorAll("article")];
  for (const article of articles) {
    article.hidden = !article.querySelector("h3").textContent.toLowerCase().includes(wanted);
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = ![...section.querySelectorAll("article")].some((article) => !article.hidden);
  }
  const count = articles.filter((article) => !article.hidden).length;
  document.getElementById("shown").textContent = wanted ? `${count} shown` : "";
});
