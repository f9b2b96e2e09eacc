// The API reference: what /openapi.json says, and a form that sends each request. All text comes
// into the page by text nodes, as everywhere here.
import { keepToken, token } from "./api.js";
import { byId, h } from "./dom.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

let document_;

/** What a reference of the document leads to; anything else is itself. */
const resolved = (value) => {
  if (!value?.$ref) return value;
  const steps = value.$ref.split("/").slice(1);
  return steps.reduce((at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], document_);
};

const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** A schema in few words: its type, its values, the name it has. */
const words = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.type === "array") return `list of ${words(schema.items)}`;
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms) return forms.map(words).join(" or ");
  return [schema.type].flat().filter(Boolean).join(" or ") + (schema.format ? ` (${schema.format})` : "");
};

const example = (media) => media?.example;

const parameterField = (parameter) => {
  const { name, description, required, schema } = parameter;
  const label = `${name}${required ? ", required" : ""} · ${parameter.in} · ${words(schema)}`;
  const value = required && parameter.example !== undefined ? String(parameter.example) : "";
  const input = h("input", { value, autocomplete: "off", spellcheck: "false", title: description });
  const field = h("label", { class: "field" }, h("span", null, label), input, h("span", null, description));
  return { parameter, input, field };
};

/** The request as the form has it. */
const requestOf = (path, method, fields, body, mediaType) => {
  const query = new URLSearchParams();
  const headers = {};
  let address = path;
  for (const { parameter, input } of fields) {
    const value = input.value.trim();
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.append(parameter.name, value);
    else if (value && parameter.in === "header") headers[parameter.name] = value;
  }
  if (body) headers["Content-Type"] = mediaType;
  const bearer = token();
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const asked = query.toString();
  return [
    asked ? `${address}?${asked}` : address,
    { method: method.toUpperCase(), headers, body: body?.value, cache: "no-store", credentials: "omit", redirect: "error" },
  ];
};

const send = async (request, result) => {
  result.replaceChildren(h("p", { class: "hint" }, "Sending…"));
  try {
    const response = await fetch(...request);
    const text = await response.text();
    let shown = text;
    try {
      shown = pretty(JSON.parse(text));
    } catch {
      // It is no JSON, and shown as it is.
    }
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    result.replaceChildren(
      h("h3", null, `${response.status} ${response.statusText}`),
      h("pre", null, headers),
      h("pre", null, shown || "(no body)"),
    );
  } catch (error) {
    result.replaceChildren(h("p", { class: "error-text" }, `No answer: ${error.message}`));
  }
};

const answers = (responses) =>
  Object.entries(responses).map(([status, response]) => {
    const { description, content } = resolved(response);
    const shown = Object.entries(content ?? {}).flatMap(([mediaType, media]) => [
      h("p", { class: "hint" }, `${mediaType} · ${words(media.schema)}`),
      example(media) === undefined ? null : h("pre", null, pretty(example(media))),
    ]);
    return h("details", null, h("summary", null, h("code", null, status), ` ${description}`), shown);
  });

const operationBody = (path, method, operation) => {
  const fields = (operation.parameters ?? []).map(resolved).map(parameterField);
  const contents = Object.entries(operation.requestBody?.content ?? {});
  const [mediaType, media] = contents[0] ?? [];
  const body = media && h("textarea", { spellcheck: "false", "aria-label": "Body" }, pretty(example(media) ?? {}));
  const result = h("div", { class: "answers", role: "status" });
  const ask = (event) => {
    event.preventDefault();
    send(requestOf(path, method, fields, body, mediaType), result);
  };
  return h(
    "form",
    { class: "operation-body", submit: ask },
    h("p", null, operation.description ?? ""),
    fields.length > 0 && h("div", { class: "parameters" }, fields.map(({ field }) => field)),
    body && [h("h3", null, `Body · ${mediaType} · ${words(media.schema)}`), body],
    h("p", null, h("button", { class: "primary", type: "submit" }, "Send")),
    result,
    h("h3", null, "Answers"),
    h("div", { class: "answers" }, answers(operation.responses)),
  );
};

const operationElement = (path, method, operation) => {
  const element = h(
    "details",
    { class: "operation", id: operation.operationId },
    h(
      "summary",
      null,
      h("span", { class: "verb" }, method.toUpperCase()),
      h("code", null, path),
      h("span", { class: "hint" }, operation.summary),
    ),
  );
  // The form is made when somebody opens it: there are many operations.
  element.addEventListener("toggle", () => {
    if (element.open && element.children.length === 1) element.append(operationBody(path, method, operation));
  });
  const found = `${method} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase();
  return { element, found };
};

const show = () => {
  const all = Object.entries(document_.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })),
  );
  const groups = document_.tags.map(({ name, description }) => {
    const own = all.filter(({ operation }) => operation.tags.includes(name));
    const operations = own.map(({ path, method, operation }) => operationElement(path, method, operation));
    const section = h("section", { class: "api" }, h("h2", null, description), operations.map((one) => one.element));
    return { section, operations };
  });
  byId("operations").replaceChildren(...groups.map(({ section }) => section));
  byId("docs-filter").addEventListener("input", ({ target }) => {
    const wanted = target.value.trim().toLowerCase().split(/\s+/);
    for (const { section, operations } of groups) {
      for (const { element, found } of operations) element.hidden = !wanted.every((word) => found.includes(word));
      section.hidden = operations.every(({ element }) => element.hidden);
    }
  });
  const named = byId(location.hash.slice(1));
  if (named?.classList.contains("operation")) {
    named.open = true;
    named.scrollIntoView();
  }
};

const field = byId("docs-token");
field.value = token();
field.addEventListener("input", () => keepToken(field.value.trim()));
try {
  document_ = await (await fetch("/openapi.json")).json();
  byId("docs-state").textContent = "";
  show();
} catch (error) {
  byId("docs-state").textContent = `The document can't be read: ${error.message}`;
}
