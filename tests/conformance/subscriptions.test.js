// Contract 2.2 to 2.5: subscriptions, their items and models, and recurring copies.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { ID, INSTANT, cl, ended, order, refused, send } from "./shop.js";

/** An instant some days from now. */
const later = (days) => new Date(Date.now() + days * 86_400_000).toISOString();

/** Subscribe to the order with this reference: in Deutschland by items, in Italia to the whole. */
async function subscribe(reference = "subscribed", attributes = {}, ...more) {
  const source_order = cl.orders.relationship((await order(reference)).id);
  const values = { frequency: "monthly", reference_origin: randomUUID(), ...attributes };
  return cl.order_subscriptions.create({ ...values, source_order }, ...more);
}

test("a subscription is created, read, listed, changed and deleted", async () => {
  const market = cl.markets.relationship((await cl.orders.market((await order()).id)).id);
  const expires_at = later(400);

  const created = await subscribe("first-copy", { market, expires_at, metadata: { club: true } });
  const { id } = created;
  const retrieved = await cl.order_subscriptions.retrieve(id);
  const listed = await cl.order_subscriptions.list({ filters: { id_eq: id } });
  const next_run_at = later(60);
  const updated = await cl.order_subscriptions.update({
    id,
    frequency: "weekly",
    renewal_alert_period: 48,
    next_run_at,
  });

  assert.match(id, ID);
  assert.ok(cl.order_subscriptions.isOrderSubscription(created));
  assert.deepEqual(retrieved, created);
  assert.deepEqual(listed.first(), created);
  assert.deepEqual([created.status, created.expires_at], ["active", expires_at]);
  assert.match(created.next_run_at, INSTANT);
  assert.deepEqual(created.options, { activate_by_source_order: true, place_target_order: true });
  assert.deepEqual(
    [updated.frequency, updated.renewal_alert_period, updated.next_run_at],
    ["weekly", 48, next_run_at],
  );
  await cl.order_subscriptions.delete(id);
  await refused(cl.order_subscriptions.retrieve(id), 404, "RECORD_NOT_FOUND");
});

test("the triggers of a subscription", async () => {
  const start = { activate_by_source_order: false, starts_at: later(1) };
  const { id } = await subscribe("subscribed-whole", start);
  const statuses = [];

  for (const trigger of ["_activate", "_deactivate", "_activate"]) {
    statuses.push((await cl.order_subscriptions[trigger](id)).status);
  }
  const before = await cl.order_subscriptions.retrieve(id);
  const skipped = await cl.order_subscriptions.update({ id, _skip: true });
  const unskipped = await cl.order_subscriptions.update({ id, _unskip: true });
  const paused = await cl.order_subscriptions.update({ id, resumes_at: later(9) });
  statuses.push((await cl.order_subscriptions._cancel(id)).status);

  assert.deepEqual(statuses, ["active", "inactive", "active", "cancelled"]);
  assert.ok(skipped.next_run_at > before.next_run_at);
  assert.equal(unskipped.next_run_at, before.next_run_at);
  assert.equal(paused.status, "inactive");
  await refused(cl.order_subscriptions._activate(id), 422, "VALIDATION_ERROR");
  await refused(cl.order_subscriptions._convert(id), 422, "VALIDATION_ERROR");
});

test("a manual subscription is converted once its market has a subscription model", async () => {
  const { id } = await subscribe("subscribed-whole");

  const error = await refused(cl.order_subscriptions._convert(id), 422, "VALIDATION_ERROR");

  assert.equal(error.first().source.pointer, "/data/relationships/subscription_model");
  const automatic = await subscribe();
  assert.equal((await cl.order_subscriptions._convert(automatic.id)).status, "active");
});

test("_run makes the next order of a subscription", async () => {
  const { id } = await subscribe("subscribed-whole");

  await cl.order_subscriptions.update({ id, _run: true });

  const [orderCopy] = await cl.order_copies.list({ filters: { order_subscription_id_eq: id } });
  await ended(orderCopy);
  const after = await cl.order_subscriptions.retrieve(id, { include: ["orders"] });
  assert.equal(after.occurrencies, 1);
  assert.match(after.last_run_at, INSTANT);
  const made = after.orders[0] ?? (await cl.order_copies.target_order(orderCopy.id));
  assert.equal((await cl.orders.order_subscription(made.id)).id, id);
});

test("the relationships of an automatic subscription", async () => {
  const source = await order("subscribed");
  const one = await subscribe();

  const market = await cl.order_subscriptions.market(one.id);
  const model = await cl.order_subscriptions.subscription_model(one.id);
  const customer = await cl.order_subscriptions.customer(one.id);
  const items = await cl.order_subscriptions.order_subscription_items(one.id);
  const events = await cl.order_subscriptions.events(one.id);
  const changes = await cl.order_subscriptions.event_stores(one.id);

  assert.equal((await cl.order_subscriptions.source_order(one.id)).id, source.id);
  assert.equal(market.code, "de");
  assert.equal(model.name, "Coffee club");
  assert.equal(customer.email, one.customer_email);
  assert.ok(items.length > 0);
  assert.ok(events.some(({ name }) => name === "order_subscriptions.create"));
  assert.ok(changes.length > 0);
  assert.equal((await cl.order_subscriptions.order_factories(one.id)).length, 0);
  assert.equal((await cl.order_subscriptions.recurring_order_copies(one.id)).length, 0);
  assert.equal((await cl.order_subscriptions.orders(one.id)).length, 0);
  for (const subscriptions of [
    await cl.orders.order_subscriptions(source.id, { pageSize: 25 }),
    await cl.customers.order_subscriptions(customer.id, { pageSize: 25 }),
    await cl.subscription_models.order_subscriptions(model.id, { pageSize: 25 }),
  ]) {
    assert.ok(subscriptions.some(({ id }) => id === one.id));
  }
  const markets = await cl.subscription_models.markets(model.id);
  assert.ok(markets.some(({ id }) => id === market.id));
});

test("the wallet that pays a subscription is changed", async () => {
  const one = await subscribe();
  const { id } = await cl.order_subscriptions.customer(one.id);
  const wallet = (await cl.customers.customer_payment_sources(id)).first();
  const customer_payment_source = cl.customer_payment_sources.relationship(wallet.id);

  await cl.order_subscriptions.update({ id: one.id, customer_payment_source });

  const payer = await cl.order_subscriptions.customer_payment_source(one.id);
  assert.equal(payer.id, wallet.id);
});

test("the filter scopes of subscriptions", async () => {
  const { id, reference_origin } = await subscribe("subscribed-whole");
  const only = { reference_origin_eq: reference_origin };

  const scopes = {};
  for (const scope of ["active", "expired", "runnable"]) {
    const found = await cl.order_subscriptions.list({ filters: { ...only, [scope]: true } });
    const plain = await send("GET", `/order_subscriptions?filter[${scope}]=true&filter[ids]=${id}`);
    assert.equal(found.length, plain.document.data.length);
    scopes[scope] = found.length;
  }

  assert.deepEqual(scopes, { active: 1, expired: 0, runnable: 0 });
});

test("an item is created, read, changed and deleted", async () => {
  const one = await subscribe();
  const sku = (await cl.skus.list({ filters: { code_eq: "COFFEE-DECAF-250" } })).first();
  const order_subscription = cl.order_subscriptions.relationship(one.id);
  const item = cl.skus.relationship(sku.id);

  const created = await cl.order_subscription_items.create({
    quantity: 2,
    order_subscription,
    item,
  });
  const { id } = created;
  const updated = await cl.order_subscription_items.update({ id, quantity: 3 });
  const listed = await cl.order_subscription_items.list({
    filters: { order_subscription_id_eq: one.id },
    include: ["item"],
  });

  assert.ok(cl.order_subscription_items.isOrderSubscriptionItem(created));
  assert.equal(created.sku_code, sku.code);
  assert.ok(created.unit_amount_cents > 0);
  assert.equal(updated.total_amount_cents, 3 * created.unit_amount_cents);
  assert.equal(listed.find((it) => it.id === id).item.id, sku.id);
  assert.equal((await cl.order_subscription_items.order_subscription(id)).id, one.id);
  await cl.order_subscription_items.delete(id);
  await refused(cl.order_subscription_items.retrieve(id), 404, "RECORD_NOT_FOUND");
});

test("a subscription model is created, read, changed and deleted", async () => {
  const created = await cl.subscription_models.create({ name: "Tea", frequencies: ["weekly"] });
  const { id } = created;

  const frequencies = ["weekly", "0 8 * * 1"];
  const updated = await cl.subscription_models.update({ id, frequencies, strategy: "by_line_items" });
  const listed = await cl.subscription_models.list({ sort: ["-created_at"] });

  assert.ok(cl.subscription_models.isSubscriptionModel(created));
  assert.deepEqual([created.strategy, created.auto_activate], ["by_frequency", true]);
  assert.deepEqual(updated.frequencies, frequencies);
  assert.deepEqual(listed.first(), updated);
  await cl.subscription_models.delete(id);
  await refused(cl.subscription_models.retrieve(id), 404, "RECORD_NOT_FOUND");
});

test("a recurring copy is created for the next run of a subscription", async () => {
  const one = await subscribe();
  const source_order = cl.orders.relationship((await order("subscribed")).id);
  const order_subscription = cl.order_subscriptions.relationship(one.id);

  const created = await cl.recurring_order_copies.create(
    { source_order, order_subscription },
    { include: ["order_subscription"] },
  );

  assert.ok(cl.recurring_order_copies.isRecurringOrderCopy(created));
  assert.deepEqual([created.place_target_order, created.order_subscription.id], [true, one.id]);
  const subscription = await cl.recurring_order_copies.order_subscription(created.id);
  assert.equal(subscription.id, one.id);
  const copies = await cl.order_subscriptions.recurring_order_copies(one.id);
  assert.deepEqual([...copies].map(({ id }) => id), [created.id]);
});

test("bad subscriptions are refused with the place of the mistake", async () => {
  for (const [attributes, name] of [
    [{ frequency: "*/5 * * * *" }, "frequency"],
    [{ frequency: "often" }, "frequency"],
    [{ expires_at: "2020-01-01T00:00:00.000Z" }, "expires_at"],
    [{ renewal_alert_period: 721 }, "renewal_alert_period"],
  ]) {
    const error = await refused(subscribe("subscribed-whole", attributes), 422, "VALIDATION_ERROR");
    assert.equal(error.first().source.pointer, `/data/attributes/${name}`);
  }
});
