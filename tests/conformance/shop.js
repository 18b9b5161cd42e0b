// Access to the shop: by the SDK, and by plain requests for what the SDK cannot send.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { CommerceLayer } from "@commercelayer/sdk/bundle";

export const { applications, servers } = JSON.parse(process.env.CONFORMANCE_SHOP);

export const MEDIA_TYPE = "application/vnd.api+json";
export const ID = /^[A-Za-z]{10}$/;
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ENDED = ["completed", "failed", "aborted"];

// Tokens

/** Request an access token of an application from the token endpoint. */
export async function newToken(application = "integration", { server = "plain", ...more } = {}) {
  const body = { grant_type: "client_credentials", ...applications[application], ...more };
  const response = await fetch(`${servers[server]}/oauth/token`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200);
  return (await response.json()).access_token;
}

export const token = await newToken();

/** The claims of a token, decoded as the SDK decodes them. */
export const claimsOf = (token) => JSON.parse(atob(token.split(".")[1]));

// The SDK

/** The option `fetch` that redirects the SDK, which calls https only, to one of our servers. */
export const leadTo = (server) => (input, init) => {
  const { pathname, search } = new URL(input);
  return fetch(servers[server] + pathname + search, init);
};

/** A client of the SDK, redirected to one of our servers. */
export function client({ server = "plain", ...options } = {}) {
  return CommerceLayer({
    organization: "demo-shop",
    accessToken: token,
    fetch: leadTo(server),
    ...options,
  });
}

export const cl = client();

/** Await a call that must be refused with this status and code; return its ApiError. */
export async function refused(call, status, code) {
  const error = await call.then(
    () => assert.fail("nothing was refused"),
    (error) => error,
  );
  assert.ok(cl.isApiError(error), error);
  assert.equal(error.status, status);
  assert.equal(error.first().code, code);
  assert.equal(error.first().status, String(status));
  return error;
}

// Plain requests

/** Send a plain request to a path of the API, or to a URL. */
export async function send(method, path, { body, server = "plain", bearer = token, headers } = {}) {
  const url = path.startsWith("http") ? path : `${servers[server]}/api${path}`;
  const response = await fetch(url, {
    method,
    redirect: "manual",
    headers: {
      Accept: MEDIA_TYPE,
      "Content-Type": MEDIA_TYPE,
      ...(bearer && { Authorization: `Bearer ${bearer}` }),
      ...headers,
    },
    body: typeof body === "object" ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, document: parsed(text) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Return status, code and pointer of the first error of a response. */
export function errorIn(answer) {
  assert.equal(answer.headers.get("Content-Type"), MEDIA_TYPE);
  assert.ok(Array.isArray(answer.document.errors));
  const [{ status, code, title, detail, source }] = answer.document.errors;
  assert.equal(status, String(answer.status));
  assert.ok(title && detail);
  return [answer.status, code, source?.pointer];
}

/** The body of a request to copy an order. */
export function requestOf(order, attributes = {}) {
  const source_order = { data: { type: "orders", id: order.id } };
  return { data: { type: "order_copies", attributes, relationships: { source_order } } };
}

/** Map the resources of a list to a plain array. */
export const each = (resources, make) => Array.from(resources, make);

// Orders and copies

/** The order of the demo shop with this reference. */
export async function order(reference = "first-copy") {
  const orders = await cl.orders.list({ filters: { reference_eq: reference } });
  assert.equal(orders.length, 1, reference);
  return orders.first();
}

/** Request a copy of an order. */
export async function copy(source, attributes = {}, ...more) {
  const source_order = cl.orders.relationship(source.id);
  return cl.order_copies.create({ ...attributes, source_order }, ...more);
}

/** Poll a copy until it has ended; the worker is another process. */
export async function ended({ id }, ...more) {
  for (let tries = 0; tries < 600; tries += 1) {
    const orderCopy = await cl.order_copies.retrieve(id, ...more);
    if (ENDED.includes(orderCopy.status)) return orderCopy;
    await sleep(50);
  }
  return assert.fail(`The copy ${id} did not end within 30 seconds.`);
}

/** Create copies with these attributes; return them, and a filter that matches only them. */
export async function someCopies(attributes) {
  const source = await order();
  const reference_origin = `conformance ${randomUUID()}`;
  const copies = [];
  for (const one of attributes) copies.push(await copy(source, { reference_origin, ...one }));
  return { copies, only: { reference_origin_eq: reference_origin }, reference_origin };
}

/** The number of copies. */
export const howMany = () => cl.order_copies.count();
