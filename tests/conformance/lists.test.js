// Contract 8, 45 to 48: pagination, sorting and sparse fields.

import assert from "node:assert/strict";
import { test } from "node:test";

import { send, cl, copy, each, errorIn, order, refused, someCopies } from "./shop.js";

const many = (length) => Array.from({ length }, (_, index) => ({ reference: `R-${index}` }));
const ids = (resources) => each(resources, ({ id }) => id);

test("45. a page has ten resources by default and up to 25", async () => {
  const { copies, only } = await someCopies(many(26));

  const first = await cl.order_copies.list({ filters: only });
  const large = await cl.order_copies.list({ filters: only, pageSize: 25, pageNumber: 2 });

  assert.deepEqual(ids(first), ids(copies.slice(0, 10)));
  assert.deepEqual(first.meta, {
    pageCount: 3,
    recordCount: 26,
    currentPage: 1,
    recordsPerPage: 10,
  });
  assert.ok(first.hasNextPage() && !first.hasPrevPage());
  assert.deepEqual(ids(large), ids(copies.slice(25)));
  assert.equal(large.meta.pageCount, 2);
  for (const pageSize of [26, -1, 10 ** 30]) {
    await refused(cl.order_copies.list({ pageSize }), 400, "INVALID_PAGE_VALUE");
  }
  for (const query of ["page[size]=0", "page[number]=0", "page[number]=x"]) {
    assert.equal(errorIn(await send("GET", `/order_copies?${query}`))[1], "INVALID_PAGE_VALUE");
  }
});

test("45. the links of a page lead to the other pages and keep the query", async () => {
  const { reference_origin } = await someCopies(many(7));
  const query = `filter[q][reference_origin_eq]=${encodeURIComponent(reference_origin)}`;
  const path = `/order_copies?${query}&page[size]=3&sort=-reference`;
  const visited = {};

  for (const number of [1, 2, 3]) {
    const { document } = await send("GET", `${path}&page[number]=${number}`);
    assert.deepEqual(document.meta, { record_count: 7, page_count: 3 });
    visited[number] = document.links;
  }

  const names = Object.values(visited).map((links) => Object.keys(links));
  assert.deepEqual(names, [
    ["first", "next", "last"],
    ["first", "prev", "next", "last"],
    ["first", "prev", "last"],
  ]);
  for (const [link, expected] of [
    [visited[2].first, ["R-6", "R-5", "R-4"]],
    [visited[1].next, ["R-3", "R-2", "R-1"]],
    [visited[3].prev, ["R-3", "R-2", "R-1"]],
    [visited[2].next, ["R-0"]],
    [visited[1].last, ["R-0"]],
  ]) {
    const { document } = await send("GET", link);
    assert.deepEqual(
      document.data.map(({ attributes }) => attributes.reference),
      expected,
    );
  }
});

test("46. a page beyond the end is empty", async () => {
  const page = await cl.order_copies.list({ pageNumber: 10_000 });

  assert.equal(page.length, 0);
  assert.equal(page.meta.recordCount, await cl.order_copies.count());
});

test("47. lists are sorted by several attributes, and not by errors_log", async () => {
  const { copies, only } = await someCopies(["b", "a", "b"].map((reference) => ({ reference })));
  const [first, second, third] = ids(copies);

  const byTwo = await cl.order_copies.list({ filters: only, sort: ["reference", "-id"] });
  const byMoment = await cl.order_copies.list({
    filters: only,
    sort: { created_at: "desc", status: "asc" },
  });

  assert.deepEqual(ids(byTwo), [second, third, first]);
  assert.deepEqual(ids(byMoment), [third, second, first]);
  await refused(cl.order_copies.list({ sort: ["errors_log"] }), 400, "INVALID_SORT_CRITERIA");
});

test("48. only the requested fields are returned", async () => {
  const source = await order();
  const { id } = await copy(source);

  const one = await cl.order_copies.retrieve(id, { fields: ["status"] });
  const included = await cl.order_copies.retrieve(id, {
    include: ["source_order"],
    fields: { order_copies: ["source_order"], orders: ["number"] },
  });

  assert.deepEqual(Object.keys(one), ["id", "type", "status"]);
  assert.deepEqual(included, {
    id,
    type: "order_copies",
    source_order: { id: source.id, type: "orders", number: source.number },
  });
  await refused(cl.order_copies.list({ fields: ["nothing"] }), 400, "INVALID_FIELD");
});
