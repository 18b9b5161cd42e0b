// Contract 8, 59 to 61: the SDK, end to end.

import assert from "node:assert/strict";
import { test } from "node:test";

import CommerceLayer, { order_copies } from "@commercelayer/sdk";
import { CommerceLayer as Bundled } from "@commercelayer/sdk/bundle";

import {
  cl,
  client,
  copy,
  ended,
  howMany,
  leadTo,
  newToken,
  order,
  refused,
  servers,
  token,
} from "./shop.js";

test("59. a copy is created, read, listed, counted, changed and deleted", async () => {
  const source = await order();
  const before = await howMany();

  const created = await copy(source, { reference: "59", metadata: { by: "the SDK" } });
  const retrieved = await cl.order_copies.retrieve(created.id);
  const listed = await cl.order_copies.list({ filters: { id_eq: created.id } });
  const updated = await cl.order_copies.update({ id: created.id, reference: "LIX" });

  assert.equal(await howMany(), before + 1);
  for (const orderCopy of [created, retrieved, listed.first(), updated]) {
    assert.ok(cl.order_copies.isOrderCopy(orderCopy));
    assert.equal(orderCopy.id, created.id);
    assert.deepEqual(orderCopy.metadata, { by: "the SDK" });
  }
  assert.deepEqual([created.reference, updated.reference], ["59", "LIX"]);
  await ended(created);
  await cl.order_copies.delete(created.id);
  assert.equal(await howMany(), before);
});

test("59. all relationships of a copy are read", async () => {
  const source = await order();
  const created = await copy(source);
  const { id } = await ended(created);

  const target = await cl.order_copies.target_order(id);
  const events = await cl.order_copies.events(id);
  const changes = await cl.order_copies.event_stores(id);
  const copies = await cl.orders.order_copies(source.id, { sort: ["-created_at"] });
  const factories = await cl.order_factories.list({ filters: { id_eq: id } });

  assert.deepEqual(await cl.order_copies.source_order(id), source);
  assert.ok(cl.orders.isOrder(target));
  assert.deepEqual(
    [target.status, target.total_amount_cents],
    ["pending", source.total_amount_cents],
  );
  assert.ok(target.id !== source.id && target.number !== source.number);
  assert.deepEqual([events.length, events.meta.recordCount], [3, 3]);
  assert.equal(changes.length, 3);
  assert.equal(await cl.order_copies.order_subscription(id), null);
  assert.ok(copies.some((orderCopy) => orderCopy.id === id && orderCopy.type === "order_copies"));
  // The attribute type of a factory is its kind; the SDK lets it override the resource type.
  assert.equal(factories.first().type, "order_copies");
});

test("59. an order is placed, approved, archived and cancelled", async () => {
  const { id } = await cl.order_copies.target_order((await ended(await copy(await order()))).id);

  const placed = await cl.orders._place(id);
  const again = await cl.orders._place(id);
  const approved = await cl.orders._approve(id);
  const archived = await cl.orders._archive(id);
  const unarchived = await cl.orders._unarchive(id);
  const cancelled = await cl.orders._cancel(id);

  assert.deepEqual([placed.status, placed.payment_status], ["placed", "authorized"]);
  assert.equal(again.placed_at, placed.placed_at);
  assert.equal(approved.status, "approved");
  assert.ok(archived.archived_at);
  assert.equal(unarchived.archived_at, null);
  assert.deepEqual([cancelled.status, cancelled.payment_status], ["cancelled", "voided"]);
});

test("59. a refused trigger has its reasons as errors", async () => {
  const error = await refused(
    cl.orders._approve((await order("draft")).id),
    422,
    "VALIDATION_ERROR",
  );

  assert.match(error.first().detail, /status/);
});

test("59. an order is updated", async () => {
  const { id } = await order("pending");
  const metadata = { gift: true };

  const changed = await cl.orders.update({ id, metadata, return_url: "https://example.com/back" });

  assert.deepEqual(changed.metadata, metadata);
  assert.equal(changed.return_url, "https://example.com/back");
});

test("60. an ApiError carries the status and the errors", async () => {
  const unknown = client({ accessToken: "unknown" });
  const [invalid, missing, blank] = [
    await refused(unknown.orders.list(), 401, "INVALID_TOKEN"),
    await refused(cl.orders.retrieve("AbCdEfGhIj"), 404, "RECORD_NOT_FOUND"),
    await refused(cl.order_copies.create({}), 422, "VALIDATION_ERROR"),
  ];

  for (const [error, statusText] of [
    [invalid, "Unauthorized"],
    [missing, "Not Found"],
    [blank, "Unprocessable"],
  ]) {
    assert.equal(error.name, "ApiError");
    assert.equal(error.code, String(error.status));
    assert.ok(error.statusText.startsWith(statusText), error.statusText);
    assert.ok(error.errors.length > 0);
  }
});

test("60. an ApiError carries the status 429 over the rate limit", async () => {
  const strict = client({ server: "strict" });
  const tooOften = async () => {
    for (let sent = 0; sent < 13; sent += 1) await strict.orders.list({ pageSize: 1 });
  };

  const error = await refused(tooOften(), 429, "TOO_MANY_REQUESTS");

  assert.equal(error.statusText, "Too Many Requests");
});

test("61. the option fetch redirects the SDK to http", async () => {
  CommerceLayer({ organization: "acme", accessToken: token, fetch: leadTo("plain") });

  const listed = await order_copies.list({ pageSize: 1 });

  assert.ok(listed.meta.recordCount > 0);
});

test("61. an interceptor redirects the SDK to http", async () => {
  const intercepted = Bundled({ organization: "acme", accessToken: token });
  const { protocol, host } = new URL(servers.plain);
  intercepted.addRequestInterceptor((request) => {
    Object.assign(request.url, { protocol, host });
    return request;
  });

  assert.ok((await intercepted.order_copies.list()).length > 0);
});

test("61. over https the SDK needs only the organization, the domain and a known authority", async () => {
  const domain = new URL(servers.secure).host.replace("127.0.0.", "");
  const secure = Bundled({ organization: "127.0.0", domain, accessToken: token });
  const source_order = secure.orders.relationship((await order()).id);

  const { id } = await secure.order_copies.create({ source_order });

  assert.equal((await secure.order_copies.retrieve(id)).id, id);
  assert.ok((await secure.order_copies.events(id)).length > 0);
});

test("61. over https the SDK needs only a token", async () => {
  const accessToken = await newToken("integration", { server: "secure" });

  const secure = Bundled({ accessToken });

  assert.ok((await secure.order_copies.list()).length > 0);
});
