// Draws the OpenAPI document. Text goes in as text only, never as HTML.
"use strict";

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function resolve(api, part) {
  let found = part;
  for (let depth = 0; found?.$ref && depth < 10; depth += 1) {
    found = found.$ref.slice(2).split("/").reduce((node, key) => node?.[key], api);
  }
  return found ?? {};
}

function kind(api, schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map((one) => kind(api, one)).join(" or ");
  const types = [].concat(schema.type ?? "any").map((type) => (type === "array" ? `list of ${kind(api, schema.items)}` : type));
  const bounds = [
    schema.minimum !== undefined || schema.maximum !== undefined ? `${schema.minimum ?? ""}…${schema.maximum ?? ""}` : "",
    schema.minLength !== undefined || schema.maxLength !== undefined ? `${schema.minLength ?? 0}…${schema.maxLength ?? ""} characters` : "",
    schema.enum ? schema.enum.join(" | ") : "",
    schema.format ?? "",
  ].filter(Boolean);
  return types.join(" or ") + (bounds.length ? ` (${bounds.join(", ")})` : "");
}

function fields(api, schema) {
  const whole = resolve(api, schema);
  const inner = whole.type === "array" ? resolve(api, whole.items) : whole;
  const parts = [inner, ...(inner.allOf ?? []).map((one) => resolve(api, one))];
  const rows = parts.flatMap((part) => Object.entries(part.properties ?? {}).map(([name, field]) =>
    element("tr", {},
      element("td", {}, element("code", {}, name), (part.required ?? []).includes(name) ? " *" : ""),
      element("td", {}, kind(api, field)),
      element("td", {}, field.description ?? resolve(api, field).description ?? ""))));
  return rows.length ? element("table", {}, element("tbody", {}, ...rows)) : element("p", {}, kind(api, schema));
}

function operation(api, path, method, op) {
  const body = element("div", { class: "body" });
  const role = op["x-charon-role"];
  body.append(element("p", {}, op.description ?? ""));
  body.append(element("p", {}, role === "public" ? "Public." : `For the role ${role} and above.`));
  if (op.parameters?.length) {
    body.append(element("h4", {}, "Parameters"), element("table", {}, element("tbody", {}, ...op.parameters.map((one) =>
      element("tr", {}, element("td", {}, element("code", {}, one.name), ` in ${one.in}`),
        element("td", {}, kind(api, one.schema)), element("td", {}, one.description ?? ""))))));
  }
  const sent = op.requestBody?.content?.["application/json"]?.schema;
  if (sent) body.append(element("h4", {}, "Body"), fields(api, sent));
  body.append(element("h4", {}, "Answers"));
  for (const [status, raw] of Object.entries(op.responses)) {
    const answer = resolve(api, raw);
    body.append(element("p", {}, element("code", {}, status), ` ${answer.description ?? ""}`));
    const [type, content] = Object.entries(answer.content ?? {})[0] ?? [];
    if (type === "application/json") body.append(fields(api, content.schema));
  }
  const line = element("summary", {}, element("span", { class: "method" }, method),
    element("span", { class: "path" }, path), element("span", { class: "title" }, op.summary ?? ""));
  const node = element("details", { id: op.operationId }, line, body);
  node.dataset.text = `${method} ${path} ${op.summary ?? ""}`.toLowerCase();
  return node;
}

async function main() {
  const place = document.getElementById("main");
  try {
    const answer = await fetch("/api/v1/openapi.json");
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const api = await answer.json();
    place.replaceChildren(element("p", {}, `${api.info.title} ${api.info.version}`),
      ...(api.info.description ?? "").split("\n\n").map((text) => element("p", {}, text)));
    for (const tag of api.tags) {
      const section = element("section", {}, element("h2", {}, tag.name), element("p", {}, tag.description ?? ""));
      for (const [path, methods] of Object.entries(api.paths)) {
        for (const [method, op] of Object.entries(methods)) {
          if (op.tags?.includes(tag.name)) section.append(operation(api, path, method, op));
        }
      }
      place.append(section);
    }
    document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
  } catch (error) {
    place.replaceChildren(element("p", {}, `The document cannot be shown: ${error.message}. Reload the page.`));
  }
}

document.getElementById("search").addEventListener("input", (event) => {
  const text = event.target.value.toLowerCase();
  for (const node of document.querySelectorAll("details")) node.hidden = !node.dataset.text.includes(text);
});
main();
