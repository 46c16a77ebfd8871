// The numbers of a long list: counted after the list itself is there.

const place = document.querySelector("[data-numbers]");

async function count() {
  const counting = place.querySelector("[data-counting]");
  const link = counting.nextElementSibling;
  counting.hidden = false;
  link.hidden = true;
  try {
    const answer = await fetch(place.dataset.numbers);
    if (!answer.ok) throw new Error(answer.statusText);
    const told = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-numbers]");
    place.replaceChildren(...told.children);
  } catch {
    counting.textContent = "The numbers could not be loaded.";
    link.hidden = false;
  }
}

if (place?.dataset.numbers) count();
