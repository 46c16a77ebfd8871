// Ideas for the prompt: a click takes one over, or adds it to what is there.

export function connectIdeas(list, prompt) {
  list.addEventListener("click", (event) => {
    const idea = event.target.closest("button")?.textContent;
    if (!idea) return;
    const written = prompt.value.trim();
    prompt.value = written ? `${written.replace(/[,.;]$/, "")}, ${idea.charAt(0).toLowerCase()}${idea.slice(1)}` : idea;
    prompt.focus();
  });
}
