// Contract 8, 36, 37, 43 and 44: states, events and history.

import assert from "node:assert/strict";
import { test } from "node:test";

import { INSTANT, send, cl, copy, each, ended, errorIn, order, refused } from "./shop.js";

/** The status transitions in the history of a copy. */
async function moves({ id }) {
  const changes = await cl.order_copies.event_stores(id, { pageSize: 25 });
  return each(changes, ({ payload }) => payload.status).filter((status) => status);
}

const moments = ({ started_at, completed_at, failed_at }) => [started_at, completed_at, failed_at];

test("36. a copy is pending, in progress, and then completed", async () => {
  const created = await copy(await order());

  const completed = await ended(created);

  assert.equal(created.status, "pending");
  assert.equal(completed.status, "completed");
  assert.deepEqual(await moves(created), [
    { from: null, to: "pending" },
    { from: "pending", to: "in_progress" },
    { from: "in_progress", to: "completed" },
  ]);
  const [started_at, completed_at, failed_at] = moments(completed);
  assert.match(started_at, INSTANT);
  assert.ok(created.created_at <= started_at && started_at <= completed_at);
  assert.equal(failed_at, null);
});

test("36. a copy that fails has its errors", async () => {
  const created = await copy(await order("sku-gone"));

  const failed = await ended(created);

  assert.equal(failed.status, "failed");
  assert.deepEqual((await moves(created)).at(-1), { from: "in_progress", to: "failed" });
  assert.ok(failed.errors_count > 0);
  assert.equal(failed.errors_count, Object.values(failed.errors_log).flat().length);
  const [started_at, completed_at, failed_at] = moments(failed);
  assert.ok(started_at <= failed_at);
  assert.equal(completed_at, null);
});

test("36. an update does not change the timestamps of the transitions", async () => {
  const completed = await ended(await copy(await order()));

  const updated = await cl.order_copies.update({ id: completed.id, reference: "later" });

  assert.deepEqual(moments(updated), moments(completed));
  assert.deepEqual(moments(await cl.order_copies.retrieve(completed.id)), moments(completed));
});

test("37. the events of a copy are listed in order", async () => {
  const [good, bad] = [await copy(await order()), await copy(await order("sku-gone"))];
  await Promise.all([ended(good), ended(bad)]);

  const topics = async ({ id }) => each(await cl.order_copies.events(id), ({ name }) => name);

  assert.deepEqual(await topics(good), [
    "order_copies.create",
    "order_copies.start",
    "order_copies.complete",
  ]);
  assert.deepEqual(await topics(bad), [
    "order_copies.create",
    "order_copies.start",
    "order_copies.fail",
  ]);
});

test("37. the deletion of a copy is an event", async () => {
  const destroyed = () => cl.events.count({ filters: { name_eq: "order_copies.destroy" } });
  const [{ id }, before] = [await ended(await copy(await order())), await destroyed()];

  await cl.order_copies.delete(id);

  assert.equal(await destroyed(), before + 1);
  await refused(cl.order_copies.events(id), 404, "RECORD_NOT_FOUND");
});

test("43. an event is triggered again", async () => {
  const { id } = await ended(await copy(await order()));
  const event = (await cl.order_copies.events(id)).last();

  const triggered = await cl.events._trigger(event.id);

  assert.deepEqual(triggered, event);
  const [change] = await cl.events.event_stores(event.id);
  assert.deepEqual(Object.keys(change.payload), ["triggered_at"]);
  assert.equal((await cl.order_copies.events(id)).length, 3);
});

test("44. the history of a copy has old and new values and the actor", async () => {
  const { id } = await ended(await copy(await order()));
  await cl.order_copies.update({ id, reference: "known" });

  const changes = await cl.order_copies.event_stores(id);

  assert.deepEqual(
    each(changes, ({ event }) => event),
    ["create", "update", "update", "update"],
  );
  for (const { type, resource_type, resource_id, who } of changes) {
    assert.equal(type, "event_stores");
    assert.deepEqual([resource_type, resource_id], ["order_factories", id]);
    assert.ok(who.owner || who.worker);
  }
  assert.deepEqual(changes.last().payload, { reference: { from: null, to: "known" } });
  assert.match(changes.last().id, /^\d+-\d+$/);
  assert.deepEqual(await cl.event_stores.retrieve(changes.last().id), changes.last());
});

test("44. the history is paginated by a cursor, without a count", async () => {
  const { id } = await ended(await copy(await order()));
  const pages = [];

  for (let url = `/order_copies/${id}/event_stores?page[size]=2`; url;) {
    const { status, document } = await send("GET", url);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(document), ["data", "links"]);
    pages.push(document.data);
    url = document.links.next;
  }

  assert.deepEqual(
    pages.map(({ length }) => length),
    [2, 1],
  );
  const after = pages[0].at(-1).id;
  const cursor = { params: { "page[after]": after } };
  const last = await cl.order_copies.event_stores(id, { pageSize: 2 }, cursor);
  assert.deepEqual(
    each(last, (change) => change.id),
    each(pages[1], (change) => change.id),
  );
  const counted = await send("GET", `/order_copies/${id}/event_stores?page[number]=1`);
  assert.equal(errorIn(counted)[0], 400);
});
