// Contract 8, 11 to 20: what can be written, and what is refused.

import assert from "node:assert/strict";
import { test } from "node:test";

import { send, cl, copy, ended, errorIn, howMany, order, refused, requestOf } from "./shop.js";

const BLANK = {
  title: "can't be blank",
  detail: "source_order - can't be blank",
  code: "VALIDATION_ERROR",
  status: "422",
  source: { pointer: "/data/relationships/source_order" },
  meta: { error: "blank" },
};

test("11. a copy without a source is refused with a pointer", async () => {
  const before = await howMany();

  const error = await refused(cl.order_copies.create({}), 422, "VALIDATION_ERROR");

  assert.deepEqual(error.errors, [BLANK]);
  assert.equal(await howMany(), before);
});

test("12. a copy with a null source is refused with a pointer", async () => {
  const before = await howMany();
  const source_order = cl.orders.relationship(null);

  const error = await refused(cl.order_copies.create({ source_order }), 422, "VALIDATION_ERROR");

  assert.deepEqual(error.errors, [BLANK]);
  assert.equal(await howMany(), before);
});

test("13. a source that does not exist is not found", async () => {
  const before = await howMany();

  await refused(copy({ id: "AbCdEfGhIj" }), 404, "RECORD_NOT_FOUND");
  await refused(copy({ id: "no id at all" }), 404, "RECORD_NOT_FOUND");

  assert.equal(await howMany(), before);
});

test("14. another type in the body is refused", async () => {
  const { data } = requestOf(await order());

  for (const type of ["orders", "recurring_order_copies", "nothing", null, 7]) {
    const answer = await send("POST", "/order_copies", { body: { data: { ...data, type } } });
    assert.equal(errorIn(answer)[0], 400, String(type));
  }
});

test("15. status, target_order and order_subscription are read-only", async () => {
  const source = await order();
  const before = await howMany();
  const id = source.id;

  await refused(copy(source, { status: "completed" }), 400, "PARAM_NOT_ALLOWED");
  await refused(copy(source, { target_order: { type: "orders", id } }), 400, "PARAM_NOT_ALLOWED");
  const order_subscription = { type: "order_subscriptions", id };
  await refused(copy(source, { order_subscription }), 400, "PARAM_NOT_ALLOWED");

  assert.equal(await howMany(), before);
});

test("16. references and metadata can be updated, the toggles cannot", async () => {
  const { id } = await copy(await order(), { reference: "before" });
  const changes = { reference: "after", reference_origin: "erp", metadata: { a: [1, null] } };
  const toggles = [
    "place_target_order",
    "reuse_wallet",
    "cancel_source_order",
    "apply_promotions",
    "skip_errors",
    "ignore_invalid_coupon",
  ];

  const changed = await cl.order_copies.update({ id, ...changes });
  for (const toggle of toggles) {
    const call = cl.order_copies.update({ id, reference: "no", [toggle]: true });
    await refused(call, 400, "PARAM_NOT_ALLOWED");
  }

  const read = await cl.order_copies.retrieve(id);
  for (const orderCopy of [changed, read]) {
    const { reference, reference_origin, metadata } = orderCopy;
    assert.deepEqual({ reference, reference_origin, metadata }, changes);
  }
  assert.equal((await send("PATCH", `/order_copies/${id}`, { body: bodyOf(id) })).status, 200);
});

const bodyOf = (id) => ({ data: { type: "order_copies", id, attributes: {}, relationships: {} } });

test("17. the id of the body must be that of the URL", async () => {
  const source = await order();
  const [{ id }, other] = [await copy(source), await copy(source)];

  const answer = await send("PATCH", `/order_copies/${id}`, { body: bodyOf(other.id) });

  assert.deepEqual(errorIn(answer).slice(0, 2), [400, "KEY_NOT_INCLUDED_IN_URL"]);
});

test("18. a deleted copy is gone, and its target stays", async () => {
  const { id, target_order } = await ended(await copy(await order()), {
    include: ["target_order"],
  });

  const nothing = await cl.order_copies.delete(id);

  assert.equal(nothing, undefined);
  await refused(cl.order_copies.retrieve(id), 404, "RECORD_NOT_FOUND");
  await refused(cl.order_copies.delete(id), 404, "RECORD_NOT_FOUND");
  assert.equal((await cl.orders.retrieve(target_order.id)).id, target_order.id);
});

test("19. no attributes and no relationships are accepted where none are needed", async () => {
  const { id, updated_at, ...rest } = await ended(await copy(await order()));
  const before = { id, updated_at, ...rest };

  const same = await cl.order_copies.update({ id });

  assert.deepEqual({ ...same, updated_at }, before);
});

test("20. malformed JSON is refused with a document", async () => {
  const { id } = await copy(await order());

  for (const body of ["", "{", '{"data": ', "[", "\u0000", '{"data": NaN}']) {
    const posted = await send("POST", "/order_copies", { body });
    const patched = await send("PATCH", `/order_copies/${id}`, { body });
    assert.equal(errorIn(posted)[0], 400, body);
    assert.equal(errorIn(patched)[0], 400, body);
  }
});
