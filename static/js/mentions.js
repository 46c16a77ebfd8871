// @ opens the list of the team's members under a comment's box: a list to choose from with the arrow keys, that a screen
// reader follows from the box (aria-activedescendant). What is chosen is written out; the server knows whom it means.

const SHOWN = 8;

/** Follow every `[data-mentions]` box in `root`, whenever it comes; `say` announces how many are found. */
export function connectMentions(root, say) {
  if (!root.dataset.members) return;
  const members = JSON.parse(root.dataset.members);
  const list = Object.assign(document.createElement("ul"), { className: "mention-list", id: "mention-list", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Members");
  document.querySelector("main").append(list); // outside of what is refreshed
  let box = null;
  let from = 0; // of the @ in the box's text
  let active = 0;
  let found = [];

  /** What is written after an @ up to the caret, null where there is none. */
  function wanted(area) {
    const before = area.value.slice(0, area.selectionStart);
    const match = before.match(/(?:^|[^\p{L}\p{N}_@])@([^@\n]{0,40})$/u);
    if (!match) return null;
    from = before.length - match[1].length;
    return match[1].toLowerCase();
  }

  function matches(words) {
    const all = members.filter(({ name, email }) => {
      const parts = [name, ...name.split(/\s+/), email].map((part) => part.toLowerCase());
      return parts.some((part) => part.startsWith(words));
    });
    return all.slice(0, SHOWN);
  }

  function close() {
    if (list.hidden) return;
    list.hidden = true;
    box?.removeAttribute("aria-activedescendant");
    box?.removeAttribute("aria-controls");
    box = null;
  }

  function show(area) {
    const words = wanted(area);
    const before = found.length;
    found = words === null ? [] : matches(words);
    if (!found.length) return close();
    const opens = list.hidden;
    box = area;
    active = 0;
    list.replaceChildren(
      ...found.map((member, index) => {
        const option = Object.assign(document.createElement("li"), { id: `mention-${index}` });
        option.setAttribute("role", "option");
        const name = Object.assign(document.createElement("bdi"), { textContent: member.name });
        option.append(name);
        if (member.name !== member.email) {
          option.append(Object.assign(document.createElement("span"), { className: "quiet", textContent: ` ${member.email}` }));
        }
        // Before the box loses the focus.
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          choose(index);
        });
        return option;
      }),
    );
    const at = area.getBoundingClientRect();
    list.style.top = `${at.bottom + scrollY}px`;
    list.style.left = `${at.left + scrollX}px`;
    list.style.width = `${at.width}px`;
    list.hidden = false;
    area.setAttribute("aria-controls", list.id);
    point(0);
    if (opens || before !== found.length) {
      say(`${found.length} ${found.length === 1 ? "member" : "members"}. Arrow keys and Enter choose.`);
    }
  }

  function point(index) {
    active = (index + found.length) % found.length;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    box.setAttribute("aria-activedescendant", `mention-${active}`);
    list.children[active].scrollIntoView({ block: "nearest" });
  }

  function choose(index) {
    const area = box;
    area.setRangeText(`${found[index].handle} `, from, area.selectionStart, "end");
    close();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  root.addEventListener("input", (event) => {
    if (event.target.matches("[data-mentions]")) show(event.target);
  });
  root.addEventListener("focusout", (event) => {
    if (event.target === box) close();
  });
  root.addEventListener("keydown", (event) => {
    if (list.hidden || event.target !== box) return;
    const act = {
      ArrowDown: () => point(active + 1),
      ArrowUp: () => point(active - 1),
      Enter: () => choose(active),
      Tab: () => choose(active),
      Escape: close,
    }[event.key];
    if (!act || event.isComposing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  });
}
