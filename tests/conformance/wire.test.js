// Contract 8, 1 to 10: the shape of documents.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ID,
  INSTANT,
  MEDIA_TYPE,
  send,
  cl,
  copy,
  order,
  refused,
  requestOf,
  servers,
} from "./shop.js";

const ATTRIBUTES = [
  "type",
  "status",
  "started_at",
  "completed_at",
  "failed_at",
  "errors_log",
  "errors_count",
  "place_target_order",
  "reuse_wallet",
  "created_at",
  "updated_at",
  "reference",
  "reference_origin",
  "metadata",
  "cancel_source_order",
  "apply_promotions",
  "skip_errors",
  "ignore_invalid_coupon",
];
const RELATIONSHIPS = [
  "source_order",
  "target_order",
  "events",
  "event_stores",
  "order_subscription",
];

test("1. a copy created with its source only has every attribute and relationship", async () => {
  const answer = await send("POST", "/order_copies", { body: requestOf(await order()) });

  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get("Location"), answer.document.data.links.self);
  assert.deepEqual(Object.keys(answer.document), ["data"]);
  assert.deepEqual(Object.keys(answer.document.data.attributes), ATTRIBUTES);
  assert.deepEqual(Object.keys(answer.document.data.relationships), RELATIONSHIPS);
});

test("2. a new copy is pending and has the defaults of the contract", async () => {
  const { id, created_at, updated_at, ...rest } = await copy(await order());

  assert.deepEqual(rest, {
    type: "order_copies",
    status: "pending",
    started_at: null,
    completed_at: null,
    failed_at: null,
    errors_log: {},
    errors_count: 0,
    place_target_order: false,
    reuse_wallet: true,
    reference: null,
    reference_origin: null,
    metadata: {},
    cancel_source_order: false,
    apply_promotions: false,
    skip_errors: false,
    ignore_invalid_coupon: false,
  });
});

test("3. the attribute type of a copy is order_copies", async () => {
  const created = await copy(await order());
  const [{ type: listed }] = await cl.order_copies.list({ filters: { id_eq: created.id } });
  const { document } = await send("GET", `/order_copies/${created.id}`);

  assert.equal(created.type, "order_copies");
  assert.equal(listed, "order_copies");
  assert.equal(document.data.attributes.type, "order_copies");
});

test("4. a resource has its URL, the mode, the organization and a trace_id", async () => {
  const { id } = await copy(await order());

  const { data } = (await send("GET", `/order_copies/${id}`)).document;

  const { trace_id, ...meta } = data.meta;
  assert.deepEqual(meta, { mode: "test", organization_id: "xRRkjDFafe" });
  assert.match(trace_id, /^[0-9a-f]{64}$/);
  assert.deepEqual(data.links, { self: `${servers.plain}/api/order_copies/${id}` });
});

test("5. relationships have their links, and linkage only where they are included", async () => {
  const { id } = await copy(await order());
  const self = `${servers.plain}/api/order_copies/${id}`;

  const without = (await send("GET", `/order_copies/${id}`)).document;
  const included = (await send("GET", `/order_copies/${id}?include=events`)).document;

  for (const name of RELATIONSHIPS) {
    const links = { self: `${self}/relationships/${name}`, related: `${self}/${name}` };
    assert.deepEqual(without.data.relationships[name], { links });
  }
  assert.equal("included" in without, false);
  const { events, source_order } = included.data.relationships;
  assert.deepEqual(Object.keys(source_order), ["links"]);
  const identifiers = included.included.map(({ type, id }) => ({ type, id }));
  assert.deepEqual(events.data, identifiers);
});

test("6. source and target are included on POST, GET and PATCH", async () => {
  const source = await order();
  const include = { include: ["source_order", "target_order"] };

  const created = await copy(source, {}, include);
  const read = await cl.order_copies.retrieve(created.id, include);
  const updated = await cl.order_copies.update({ id: created.id, reference: "six" }, include);

  assert.equal(created.source_order.id, source.id);
  assert.equal(created.source_order.number, source.number);
  assert.equal(created.target_order, null);
  for (const orderCopy of [read, updated]) {
    assert.equal(orderCopy.source_order.number, source.number);
    assert.equal(orderCopy.source_order.type, "orders");
    assert.notEqual(orderCopy.target_order, undefined);
  }
});

test("7. event_stores cannot be included", async () => {
  const call = cl.order_copies.list({ include: ["event_stores"] });

  await refused(call, 400, "INVALID_INCLUDE");
});

test("8. ids have ten letters, instants milliseconds and Z", async () => {
  const created = await copy(await order(), {}, { include: ["source_order"] });

  assert.match(created.id, ID);
  assert.match(created.source_order.id, ID);
  assert.match(created.created_at, INSTANT);
  assert.match(created.source_order.placed_at, INSTANT);
});

test("9. responses of every status have the media type of JSON:API", async () => {
  const answers = [
    await send("POST", "/order_copies", { body: requestOf(await order()) }),
    await send("GET", "/order_copies"),
    await send("GET", "/order_copies?sort=nothing"),
    await send("GET", "/orders", { bearer: null }),
    await send("GET", "/nothing"),
    await send("PUT", "/order_copies"),
  ];

  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 200, 400, 401, 404, 405],
  );
  for (const { headers } of answers) assert.equal(headers.get("Content-Type"), MEDIA_TYPE);
});

test("10. a trailing slash is not found, and not redirected", async () => {
  const { id } = await order();
  const paths = ["/order_copies", `/orders/${id}`, `/orders/${id}/order_copies`];

  for (const path of paths) {
    for (const method of ["GET", "POST", "PATCH", "DELETE"]) {
      const { status, headers } = await send(method, `${path}/`);
      assert.equal(status, 404, `${method} ${path}/`);
      assert.equal(headers.get("Location"), null);
    }
    assert.equal((await send("GET", path)).status, 200);
  }
});
