// Contract 8, 52 to 58: authentication, permissions, rate limits and media types.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  MEDIA_TYPE,
  send,
  claimsOf,
  client,
  copy,
  errorIn,
  howMany,
  leadTo,
  newToken,
  order,
  refused,
  requestOf,
} from "./shop.js";

test("52. requests without a token or with an invalid one are unauthorized", async () => {
  const withoutAny = await send("GET", "/order_copies", { bearer: null });
  const garbage = client({ accessToken: "garbage" });
  const forged = client({ accessToken: `${(await newToken()).slice(0, -4)}AAAA` });

  assert.deepEqual(errorIn(withoutAny).slice(0, 2), [401, "UNAUTHORIZED"]);
  await refused(garbage.order_copies.list(), 401, "INVALID_TOKEN");
  await refused(forged.order_copies.list(), 401, "INVALID_TOKEN");
});

test("53. the SDK refreshes an expired token and continues", async () => {
  const expired = await newToken("integration", { server: "strict" });
  const refreshed = [];
  const refreshToken = async (old) => {
    refreshed.push(old);
    return newToken();
  };
  await sleep(2100);
  const [patient, impatient] = [{ accessToken: expired, refreshToken }, { accessToken: expired }];

  await refused(client(impatient).order_copies.list(), 401, "INVALID_TOKEN");
  const renewed = client(patient);
  const { length } = await renewed.orders.list({ pageSize: 1 });
  await renewed.order_copies.list();

  assert.equal(length, 1);
  assert.deepEqual(refreshed, [expired]);
});

test("54. a read-only user or token can write nothing", async () => {
  const source = await order();
  const { id } = await copy(source);
  const before = await howMany();
  const tokens = [await newToken("reader"), await newToken("integration", { scope: "read" })];

  for (const accessToken of tokens) {
    const reader = client({ accessToken });
    const source_order = reader.orders.relationship(source.id);
    assert.equal((await reader.orders.retrieve(source.id)).number, source.number);
    await refused(reader.order_copies.create({ source_order }), 401, "UNAUTHORIZED");
    await refused(reader.order_copies.update({ id, reference: "no" }), 401, "UNAUTHORIZED");
    await refused(reader.order_copies.delete(id), 401, "UNAUTHORIZED");
    await refused(reader.orders._archive(source.id), 401, "UNAUTHORIZED");
  }

  assert.equal(await howMany(), before);
});

test("54. a token with the scope copy may not place and cancel", async () => {
  const source = await order();
  const copier = client({ accessToken: await newToken("integration", { scope: "read copy" }) });
  const source_order = copier.orders.relationship(source.id);

  const allowed = await copier.order_copies.create({ source_order });

  assert.equal(allowed.status, "pending");
  for (const step of ["place_target_order", "cancel_source_order"]) {
    const call = copier.order_copies.create({ source_order, [step]: true });
    await refused(call, 401, "UNAUTHORIZED");
  }
  await refused(copier.orders._place(source.id), 401, "UNAUTHORIZED");
});

test("54. a sales channel lists the catalogue only", async () => {
  const channel = client({ accessToken: await newToken("sales_channel") });
  const source = await order();

  assert.ok((await channel.skus.list()).length > 0);
  assert.ok((await channel.markets.list()).length > 0);
  for (const resource of ["order_copies", "order_factories", "orders", "customers", "events"]) {
    await refused(channel[resource].list(), 401, "UNAUTHORIZED");
  }
  await refused(channel.orders.order_copies(source.id), 401, "UNAUTHORIZED");
  assert.equal((await channel.orders.retrieve(source.id)).number, source.number);
  const source_order = channel.orders.relationship(source.id);
  await refused(channel.order_copies.create({ source_order }), 401, "UNAUTHORIZED");
});

test("55. a token is valid for its mode only, which meta has", async () => {
  const live = await newToken("integration", { server: "live" });
  const test = await newToken();

  const seen = await send("GET", "/order_copies", { server: "live", bearer: live });
  const crossed = [
    await send("GET", "/order_copies", { server: "live", bearer: test }),
    await send("GET", "/order_copies", { server: "plain", bearer: live }),
  ];

  for (const { meta } of seen.document.data) assert.equal(meta.mode, "live");
  for (const answer of crossed) {
    assert.deepEqual(errorIn(answer).slice(0, 2), [401, "INVALID_TOKEN"]);
  }
  assert.deepEqual([claimsOf(live).test, claimsOf(test).test], [false, true]);
});

test("56. the SDK reads the address of the API from the token", async () => {
  const accessToken = await newToken();
  const called = [];
  const fetch = (input, init) => {
    called.push(String(input));
    return leadTo("plain")(input, init);
  };

  const informed = client({ accessToken, organization: undefined, fetch });
  await informed.order_copies.list();

  const { organization, iss } = claimsOf(accessToken);
  assert.doesNotMatch(accessToken.split(".")[1], /[-_]/);
  assert.equal(informed.currentOrganization, organization.slug);
  assert.equal(iss, "https://auth.localhost:8000");
  const address = "https://demo-shop.localhost:8000/api/order_copies";
  assert.deepEqual(called, [`${address}?page%5Bnumber%5D=1`]);
});

/** The rate limit in the headers of a response: limit, interval, remaining. */
const limitIn = ({ headers }) =>
  ["Limit", "Interval", "Remaining"].map((name) => Number(headers.get(`X-Ratelimit-${name}`)));

test("57. every response has the rate limit, and requests over it are refused", async () => {
  const strictly = (path, options) => send("GET", path, { server: "strict", ...options });

  const counted = [
    await strictly("/orders"),
    await strictly("/orders?page[size]=1"),
    await strictly("/nothing"),
    await strictly("/orders", { bearer: null }),
    await strictly("/orders", { headers: { Accept: "text/html" } }),
  ];
  const free = await strictly("/skus");
  let refusal = await strictly("/orders");
  for (let called = 0; refusal.status === 200 && called < 12; called += 1) {
    refusal = await strictly("/orders");
  }

  assert.deepEqual(
    counted.map(({ status }) => status),
    [200, 200, 404, 401, 406],
  );
  const [[, , remaining]] = counted.map(limitIn);
  assert.deepEqual(
    counted.map(limitIn),
    counted.map((_, index) => [12, 60, remaining - index]),
  );
  assert.deepEqual(limitIn(free).slice(0, 2), [1000, 60]);
  assert.deepEqual(errorIn(refusal).slice(0, 2), [429, "TOO_MANY_REQUESTS"]);
  assert.deepEqual(limitIn(refusal), [12, 60, 0]);
  assert.ok(Number(refusal.headers.get("Retry-After")) > 0);
  const strict = client({ server: "strict" });
  await refused(strict.orders.list(), 429, "TOO_MANY_REQUESTS");
  const reader = strict.addRawResponseReader({ headers: true });
  await strict.skus.list();
  assert.equal(reader.headers["x-ratelimit-limit"], "1000");
});

test("58. only the media type of JSON:API is served and accepted", async () => {
  const body = requestOf(await order());
  const before = await howMany();
  const accept = (Accept) => send("GET", "/order_copies", { headers: { Accept } });
  const post = (type) => send("POST", "/order_copies", { body, headers: { "Content-Type": type } });

  for (const type of ["text/html", "application/json", `${MEDIA_TYPE}; charset=utf-8`]) {
    assert.deepEqual(errorIn(await accept(type)).slice(0, 2), [406, "NOT_ACCEPTABLE"], type);
    const answer = await post(type);
    assert.deepEqual(errorIn(answer).slice(0, 2), [415, "UNSUPPORTED_MEDIA_TYPE"], type);
  }
  for (const type of ["*/*", MEDIA_TYPE]) assert.equal((await accept(type)).status, 200);
  for (const type of ["text/html", "application/json", "nonsense"]) {
    const headers = { "Content-Type": type };
    assert.equal((await send("GET", "/order_copies", { headers })).status, 200);
  }

  assert.equal(await howMany(), before);
});

test("58. DELETE accepts any content type", async () => {
  const { id } = await copy(await order("draft"), { skip_errors: true });

  const headers = { "Content-Type": "text/plain" };
  const { status } = await send("DELETE", `/order_copies/${id}`, { headers });

  assert.ok([204, 423].includes(status), String(status));
});
