// Make a part of the page look like a fresh rendering of it, touching only what differs: focus, a pressed button, a
// playing video, what is being typed and a running transition survive. An element with another `data-key` is another
// element; one that has the same stays itself where others come or go before it. A form that was opened stays as it was
// (`<details data-form>`): somebody is writing in it, of what the page said then.

/** Change `old` into `fresh`, in place where they are the same kind of node. */
export function morph(old, fresh) {
  if (!alike(old, fresh)) {
    old.replaceWith(fresh);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
  } else if (!old.matches("[data-form][open]")) {
    copyAttributes(old, fresh);
    morphChildren(old, fresh);
  }
}

function morphChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  const keys = new Set(wanted.map(keyOf));
  let at = old.firstChild;
  const drop = () => {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  };
  for (const child of wanted) {
    const key = keyOf(child);
    while (at && keyOf(at) && !keys.has(keyOf(at))) drop();
    if (key && comes(at, key)) while (keyOf(at) !== key) drop();
    if (at && keyOf(at) === key) {
      const next = at.nextSibling;
      morph(at, child);
      at = next;
    } else {
      old.insertBefore(child, at);
    }
  }
  while (at) drop();
}

function keyOf(node) {
  return node.dataset?.key;
}

/** Whether `node` or one after it beside it has this key. */
function comes(node, key) {
  for (let one = node; one; one = one.nextSibling) if (keyOf(one) === key) return true;
  return false;
}

function alike(one, other) {
  return one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
}

function copyAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    const opened = name === "open" && old.nodeName === "DETAILS"; // by whoever reads it
    if (!fresh.hasAttribute(name) && !opened) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
