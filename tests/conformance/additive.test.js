// Our additions (design 4) that the SDK passes through unchanged (contract 6.2).

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { client, cl, copy, ended, howMany, order, refused } from "./shop.js";

test("dry_run=true returns the plan of a copy and creates none", async () => {
  const [source, before] = [await order("sku-gone"), await howMany()];
  const dry = client();
  const reader = dry.addRawResponseReader();
  const source_order = dry.orders.relationship(source.id);

  const nothing = await dry.order_copies.create(
    { source_order },
    {},
    { params: { dry_run: true } },
  );

  assert.equal(nothing, null);
  const { meta } = reader.rawResponse;
  assert.deepEqual([meta.dry_run, meta.status], [true, "failed"]);
  assert.ok(meta.errors_count > 0);
  assert.equal(await howMany(), before);
});

test("Idempotency-Key: a repeated request returns the same copy", async () => {
  const [source, other, before] = [await order(), await order("draft"), await howMany()];
  const headers = { "Idempotency-Key": randomUUID() };

  const first = await copy(source, {}, {}, { headers });
  const again = await copy(source, {}, {}, { headers });

  assert.deepEqual(again, first);
  assert.equal(await howMany(), before + 1);
  await refused(copy(other, {}, {}, { headers }), 422, "IDEMPOTENCY_KEY_REUSED");
});

test("Prefer: wait=10 returns the ended copy", async () => {
  const headers = { Prefer: "wait=10" };

  const finished = await copy(await order(), {}, { include: ["target_order"] }, { headers });

  assert.equal(finished.status, "completed");
  assert.equal(finished.target_order.type, "orders");
});

test("_retry restarts a failed copy, and _abort of an ended copy is refused", async () => {
  const failed = await ended(await copy(await order("sku-gone")));

  const retried = await cl.order_copies.update({ id: failed.id, _retry: true });

  assert.deepEqual([failed.status, retried.status], ["failed", "pending"]);
  const again = await ended(failed);
  assert.equal(again.status, "failed");
  const call = cl.order_copies.update({ id: failed.id, _abort: true });
  await refused(call, 422, "VALIDATION_ERROR");
});

test("outcomes are returned on request, one for every line", async () => {
  const { id } = await ended(await copy(await order("sku-gone"), { skip_errors: true }));

  const { outcomes } = await cl.order_copies.retrieve(id, { fields: ["outcomes"] });

  const lines = outcomes.filter(({ attribute }) => attribute === "line_items");
  assert.ok(lines.some(({ action }) => action === "copied"));
  assert.ok(lines.some(({ action, code }) => action === "skipped" && code));
});
