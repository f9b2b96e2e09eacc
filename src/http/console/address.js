// The address: which view is shown, what of it, and its filters, so that a reload and a link that is
// passed on show the same. It never holds a token, nor what was searched for.

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** What the address says. */
export const read = () => {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [view, ...rest] = path.split("/").map(decoded);
  return { view, rest: rest.join("/"), filters: Object.fromEntries(new URLSearchParams(query)) };
};

/** The address of a view. */
export const link = (view, rest = "", filters = {}) => {
  const query = new URLSearchParams(filters).toString();
  return `#${view}${rest ? `/${encodeURIComponent(rest)}` : ""}${query ? `?${query}` : ""}`;
};

/** Writes the address without going there. */
export const keep = (view, rest, filters) => history.replaceState(null, "", link(view, rest, filters));
