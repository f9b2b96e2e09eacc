// What came of one command, by its correlation id: every event that it put into the log.

import { getPage } from "./api.js";
import { byId, copier, failure, h, notice, skeleton } from "./dom.js";
import { commandsOf, row, summary } from "./event.js";

let asking = new AbortController();

const load = async (id) => {
  asking.abort();
  const { signal } = (asking = new AbortController());
  const place = byId("command-body");
  byId("command-id").replaceChildren(h("code", {}, id), copier(id, "the command's id"));
  place.replaceChildren(skeleton(3));
  const again = h("button", { class: "quiet", type: "button", click: () => load(id) }, "Look again");
  try {
    const events = [];
    for (let after = 0, end = false; !end;) {
      // Only a first page, which names no position, says that there is nothing.
      const asked = after > 0 ? { after, limit: 1000 } : { limit: 1000 };
      const { body, position } = await getPage(`/commands/${encodeURIComponent(id)}`, asked, { signal });
      events.push(...body.events);
      end = body.next >= position || body.events.length === 0;
      after = body.next;
    }
    const rows = commandsOf(events);
    place.replaceChildren(h("p", { class: "count" }, summary(events)),
      h("ol", { class: "log", "aria-label": "What came of it" }, rows.map((command) => row(command, { open: rows.length === 1 }))));
  } catch (error) {
    if (signal.aborted) return;
    place.replaceChildren(error.status === 404
      ? notice("Nothing came of it so far", "No event has this id, or none that this token may see. A durable command appears once it was taken.", { action: again })
      : failure(error, () => load(id)));
  }
};

export const prepare = () => {};

export const enter = ({ rest }) => {
  load(rest);
  return () => asking.abort();
};

export const moved = ({ rest }) => load(rest);
