// The page's title tells how things stand, also to someone who has gone to another tab.

/** Returns a function that shows `title`; with `calls` set it is marked until the person looks. */
export function followTitle() {
  let plain = document.title;
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) document.title = plain;
  });
  return (title, calls) => {
    plain = title;
    document.title = calls && document.hidden ? `● ${title}` : title;
  };
}
