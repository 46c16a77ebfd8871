// Make a part of the page look like a fresh rendering of it, touching only what differs: focus, a pressed button, a
// playing video and a running transition survive. An element with another `data-key` is another element.

/** Change `old` into `fresh`, in place where they are the same kind of node. */
export function morph(old, fresh) {
  if (!alike(old, fresh)) {
    old.replaceWith(fresh);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
  } else {
    copyAttributes(old, fresh);
    const freshChildren = [...fresh.childNodes];
    [...old.childNodes].slice(freshChildren.length).forEach((child) => child.remove());
    freshChildren.forEach((child, index) => {
      if (index < old.childNodes.length) morph(old.childNodes[index], child);
      else old.append(child);
    });
  }
}

function alike(one, other) {
  return one.nodeName === other.nodeName && one.dataset?.key === other.dataset?.key;
}

function copyAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
