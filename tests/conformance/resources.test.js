// Every resource, by every method of the SDK for which its documents have a link.

import assert from "node:assert/strict";
import { test } from "node:test";

import { send, cl, copy, ended, order, refused } from "./shop.js";

const TYPES = [
  "addresses",
  "coupons",
  "customer_payment_sources",
  "customers",
  "events",
  "line_item_options",
  "line_items",
  "markets",
  "order_copies",
  "order_factories",
  "order_subscription_items",
  "order_subscriptions",
  "orders",
  "payment_methods",
  "promotions",
  "recurring_order_copies",
  "skus",
  "subscription_models",
];

/** Resources of a type; for copies, after one has ended. */
async function list(type) {
  if (["order_copies", "order_factories"].includes(type)) await ended(await copy(await order()));
  return cl[type].list({ sort: { id: "desc" }, pageSize: 3 });
}

/** Follow one relationship by the SDK's method, and by an include where it can be included. */
async function follow(type, id, name) {
  const related = await cl[type][name](id);
  if (name === "event_stores") return assert.ok(Array.isArray(related));
  if (Array.isArray(related)) return assert.ok(Number.isInteger(related.meta.recordCount));
  assert.ok(related === null || related.id, name);
  const included = await cl[type].retrieve(id, { include: [name] });
  return assert.deepEqual(included[name], related);
}

for (const type of TYPES) {
  test(`${type} are listed, retrieved and counted, and so are their relationships`, async () => {
    const page = await list(type);

    assert.equal(await cl[type].count(), page.meta.recordCount);
    assert.ok(page.length > 0 || type === "recurring_order_copies");
    for (const resource of page) {
      const { document } = await send("GET", `/${type}/${resource.id}`);
      assert.deepEqual(await cl[type].retrieve(resource.id), resource);
      for (const name of Object.keys(document.data.relationships)) {
        if (name in cl[type]) await follow(type, resource.id, name);
      }
    }
  });
}

test("event_stores are retrieved one by one, and listed for their resource only", async () => {
  const { id } = await copy(await order());
  const change = (await cl.order_copies.event_stores(id)).first();

  assert.deepEqual(await cl.event_stores.retrieve(change.id), change);
  await refused(cl.event_stores.list(), 404, "RECORD_NOT_FOUND");
});

test("every resource of the OpenAPI document is tested here", async () => {
  const { document } = await send("GET", "/schema");

  const paths = Object.keys(document.paths).map((path) => path.split("/"));
  const served = new Set(paths.map(([, , type]) => type));

  assert.deepEqual([...served].sort(), [...TYPES, "event_stores"].sort());
});
